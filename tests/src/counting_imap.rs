//! An IMAP server with empty mailboxes that counts who is there: what a host's own limit would count.
//!
//! Whoever says LOGOUT is gone before he hears that he is, so that the next one can't be counted beside him.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::authority::Authority;

#[derive(Debug, Default)]
struct Counts {
    now: AtomicUsize,
    most: AtomicUsize,
    sign_ins: AtomicUsize,
}

/// One who is signed in, until it is dropped.
struct Guest(Arc<Counts>);

impl Guest {
    fn new(counts: &Arc<Counts>) -> Self {
        let now = counts.now.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most.fetch_max(now, Ordering::SeqCst);
        counts.sign_ins.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counts))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A running server.
#[derive(Debug)]
pub struct CountingImap {
    /// IMAP over TLS on 127.0.0.1.
    pub port: u16,
    counts: Arc<Counts>,
    listening: JoinHandle<()>,
}

impl Drop for CountingImap {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl CountingImap {
    /// Starts it. It lets everybody in.
    pub async fn start(authority: &Authority) -> anyhow::Result<Self> {
        let acceptor = authority.acceptor()?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, Arc::clone(&shared)));
            }
        });
        Ok(Self { port, counts, listening })
    }

    /// How many were signed in at a time at most.
    pub fn most_at_once(&self) -> usize {
        self.counts.most.load(Ordering::SeqCst)
    }

    /// How often somebody signed in.
    pub fn sign_ins(&self) -> usize {
        self.counts.sign_ins.load(Ordering::SeqCst)
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, counts: Arc<Counts>) -> anyhow::Result<()> {
    let mut stream = BufReader::new(acceptor.accept(stream).await?);
    stream.write_all(b"* OK ready\r\n").await?;
    stream.flush().await?;
    let mut guest = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let (tag, command) = line.trim_end().split_once(' ').context("no command")?;
        let word = command.trim_start_matches("UID ").split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let told = match word.as_str() {
            "CAPABILITY" => "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n",
            "LIST" => "* LIST () \"/\" INBOX\r\n",
            "EXAMINE" => "* 0 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 1] ok\r\n",
            "SEARCH" => "* SEARCH\r\n",
            "LOGIN" | "AUTHENTICATE" => {
                guest = Some(Guest::new(&counts));
                ""
            }
            "LOGOUT" => {
                guest = None;
                "* BYE\r\n"
            }
            _ => "",
        };
        stream.write_all(format!("{told}{tag} OK done\r\n").as_bytes()).await?;
        stream.flush().await?;
        if word == "LOGOUT" && guest.is_none() {
            return Ok(());
        }
    }
}
