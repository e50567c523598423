//! The rest of the world's mail servers, played by one that does as the recipient's name says.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running stranger.
#[derive(Debug)]
pub struct Remote {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

/// When in the conversation a recipient is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Rcpt,
    Data,
}

/// What a local part stands for. Anything else is accepted.
fn answer(local: &str) -> Option<(Stage, &'static str)> {
    // `nouser.tanaka` and `nouser7` are both nobody.
    let word: String = local.chars().take_while(char::is_ascii_alphabetic).collect();
    Some(match word.as_str() {
        "nouser" => (
            Stage::Rcpt,
            "550-5.1.1 The email account that you tried to reach does not exist.\r\n550 5.1.1 Please check the address.",
        ),
        "gone" => (Stage::Rcpt, "550 5.1.1 User unknown"),
        "disabled" => (Stage::Rcpt, "554 5.2.1 This mailbox is disabled"),
        "full" => (Stage::Data, "552 5.2.2 Mailbox full"),
        "over" => (Stage::Rcpt, "452 4.2.2 The recipient's inbox is out of storage space"),
        "spam" => (
            Stage::Data,
            "550-5.7.1 Our system has detected that this message is likely unsolicited mail.\r\n550 5.7.1 To reduce the amount of spam it has been blocked.",
        ),
        "rbl" => (Stage::Rcpt, "554 5.7.1 Service unavailable; Client host [203.0.113.9] blocked using zen.dnsbl.test"),
        "dmarc" => (Stage::Data, "550 5.7.26 Unauthenticated email is not accepted due to the domain's DMARC policy"),
        "grey" => (Stage::Rcpt, "451 4.7.1 Greylisted, please try again later"),
        "rate" => (Stage::Rcpt, "421 4.7.28 Our system has detected an unusual rate of unsolicited mail"),
        "relay" => (Stage::Rcpt, "550 5.7.1 Relaying denied"),
        "big" => (Stage::Data, "552 5.3.4 Message size exceeds fixed maximum"),
        _other => return None,
    })
}

impl Remote {
    /// Listens on a port of 127.0.0.1 that the system picks, or on `port`.
    pub async fn start(port: Option<u16>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port.unwrap_or(0))).await?;
        let port = listener.local_addr()?.port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _from)) = listener.accept().await {
                let into = Arc::clone(&into);
                tokio::spawn(async move { drop(converse(stream, &into).await) });
            }
        });
        Ok(Self { port, seen, task })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The recipients whose mail it took.
    pub fn accepted(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(stream: TcpStream, seen: &Mutex<Vec<String>>) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut recipients: Vec<String> = Vec::new();
    let mut at_data: Option<&'static str> = None;
    say(&mut stream, "220 mx.stranger.test ESMTP").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                say(
                    &mut stream,
                    "250-mx.stranger.test\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 SIZE 60000000",
                )
                .await?;
            }
            "MAIL" | "RSET" => {
                recipients.clear();
                at_data = None;
                say(&mut stream, "250 2.1.0 Ok").await?;
            }
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                let local = address.split('@').next().unwrap_or_default();
                if local.starts_with("drop") {
                    return Ok(());
                }
                match answer(local) {
                    Some((Stage::Rcpt, refusal)) => say(&mut stream, refusal).await?,
                    Some((Stage::Data, refusal)) => {
                        at_data = Some(refusal);
                        say(&mut stream, "250 2.1.5 Ok").await?;
                    }
                    None => {
                        recipients.push(address);
                        say(&mut stream, "250 2.1.5 Ok").await?;
                    }
                }
            }
            "DATA" if recipients.is_empty() && at_data.is_none() => {
                say(&mut stream, "554 5.5.1 No valid recipients").await?;
            }
            "DATA" => {
                say(&mut stream, "354 Go ahead").await?;
                let mut body = Vec::new();
                while body != b".\r\n" {
                    body.clear();
                    anyhow::ensure!(stream.read_until(b'\n', &mut body).await? > 0, "the client left inside DATA");
                }
                if let Some(refusal) = at_data {
                    say(&mut stream, refusal).await?;
                } else {
                    seen.lock().unwrap_or_else(PoisonError::into_inner).append(&mut recipients);
                    say(&mut stream, "250 2.0.0 Ok: queued").await?;
                }
            }
            "QUIT" => {
                say(&mut stream, "221 2.0.0 Bye").await?;
                return Ok(());
            }
            _other => say(&mut stream, "250 2.0.0 Ok").await?,
        }
    }
}

async fn say(stream: &mut BufReader<TcpStream>, text: &str) -> anyhow::Result<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await.context("the client left")?;
    Ok(())
}
