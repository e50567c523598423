//! What an owner's own mail program does with a mailbox: it files copies, looks and counts.

use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use daimon_domain::clock::{Clock as _, SystemClock};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::authority::Authority;

/// A signed-in session.
#[derive(Debug)]
pub struct Imap {
    stream: BufReader<TlsStream<TcpStream>>,
    tag: u32,
}

impl Imap {
    /// Signs in on 127.0.0.1.
    pub async fn sign_in(authority: &Authority, port: u16, user: &str, password: &str) -> anyhow::Result<Self> {
        let name = rustls::pki_types::ServerName::try_from("localhost")?;
        let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
        let stream = BufReader::new(authority.connector()?.connect(name, tcp).await?);
        let mut this = Self { stream, tag: 0 };
        let mut greeting = String::new();
        this.stream.read_line(&mut greeting).await?;
        this.command(&format!("LOGIN \"{user}\" \"{password}\"")).await?;
        Ok(this)
    }

    /// Files a message into a folder as if it had come at `at`.
    pub async fn append(&mut self, folder: &str, message: &[u8], at: DateTime<Utc>) -> anyhow::Result<()> {
        self.tag += 1;
        let date = at.format("%d-%b-%Y %H:%M:%S +0000");
        let head = format!("a{} APPEND {folder} \"{date}\" {{{}+}}\r\n", self.tag, message.len());
        self.stream.write_all(head.as_bytes()).await?;
        self.stream.write_all(message).await?;
        self.stream.write_all(b"\r\n").await?;
        self.finish().await?;
        Ok(())
    }

    /// How many messages a folder holds.
    pub async fn count(&mut self, folder: &str) -> anyhow::Result<u32> {
        let said = self.command(&format!("STATUS {folder} (MESSAGES)")).await?;
        let number =
            said.split("MESSAGES ").nth(1).and_then(|rest| rest.split(')').next()).context("no MESSAGES in STATUS")?;
        Ok(number.trim().parse()?)
    }

    /// Waits until the folder holds `wanted` messages (IDLE, RFC 2177): mail servers follow no clock of ours.
    pub async fn wait_for(&mut self, folder: &str, wanted: u32, patience: Duration) -> anyhow::Result<u32> {
        let mut count = exists(&self.command(&format!("EXAMINE {folder}")).await?).unwrap_or(0);
        if count >= wanted {
            return Ok(count);
        }
        self.tag += 1;
        self.stream.write_all(format!("a{} IDLE\r\n", self.tag).as_bytes()).await?;
        let comes = async {
            while count < wanted {
                let mut line = String::new();
                ensure!(self.stream.read_line(&mut line).await? > 0, "the IMAP server hung up");
                count = exists(&line).unwrap_or(count);
            }
            Ok(())
        };
        let came = tokio::time::timeout(patience, comes).await;
        came.with_context(|| format!("only {count} of {wanted} messages came within {patience:?}"))??;
        self.stream.write_all(b"DONE\r\n").await?;
        self.finish().await?;
        Ok(count)
    }

    /// When the server told of each of the `count` messages that come to the folder next (IDLE), on the machine's clock.
    pub async fn arrivals(
        &mut self,
        folder: &str,
        count: u32,
        patience: Duration,
    ) -> anyhow::Result<Vec<DateTime<Utc>>> {
        let mut known = exists(&self.command(&format!("EXAMINE {folder}")).await?).unwrap_or(0);
        let last = known + count;
        self.tag += 1;
        self.stream.write_all(format!("a{} IDLE\r\n", self.tag).as_bytes()).await?;
        let mut told = Vec::new();
        let arriving = async {
            while known < last {
                let mut line = String::new();
                ensure!(self.stream.read_line(&mut line).await? > 0, "the IMAP server hung up");
                while exists(&line).is_some_and(|now| now > known) {
                    known += 1;
                    told.push(SystemClock.now());
                }
            }
            Ok(())
        };
        let came = tokio::time::timeout(patience, arriving).await;
        came.with_context(|| format!("only {} of {count} messages came", told.len()))??;
        Ok(told)
    }

    /// The folder's messages, whole, oldest first.
    pub async fn read_all(&mut self, folder: &str) -> anyhow::Result<Vec<Vec<u8>>> {
        self.command(&format!("EXAMINE {folder}")).await?;
        self.tag += 1;
        let tag = format!("a{} ", self.tag);
        self.stream.write_all(format!("{tag}FETCH 1:* BODY.PEEK[]\r\n").as_bytes()).await?;
        let mut messages = Vec::new();
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line).await? > 0, "the IMAP server hung up");
            if line.starts_with(&tag) {
                return Ok(messages); // also for an empty folder, where `1:*` is refused
            }
            if let Some(size) = line.trim_end().strip_suffix('}').and_then(|head| head.rsplit('{').next()) {
                let mut message = vec![0; size.parse()?];
                self.stream.read_exact(&mut message).await?;
                messages.push(message);
            }
        }
    }

    /// Opens every folder, one after the other, as a mail program does.
    pub async fn select_all(&mut self) -> anyhow::Result<()> {
        let listed = self.command("LIST \"\" \"*\"").await?;
        for line in listed.lines().map(str::trim_end) {
            // Dovecot quotes a name only where it must.
            let quoted = line.strip_suffix('"').and_then(|line| line.rsplit('"').next());
            let name = quoted.or(line.rsplit(' ').next()).unwrap_or_default();
            self.command(&format!("SELECT \"{name}\"")).await?;
        }
        Ok(())
    }

    /// Any command; what the server said, untagged lines included.
    pub async fn command(&mut self, text: &str) -> anyhow::Result<String> {
        self.tag += 1;
        self.stream.write_all(format!("a{} {text}\r\n", self.tag).as_bytes()).await?;
        self.finish().await
    }

    async fn finish(&mut self) -> anyhow::Result<String> {
        let tag = format!("a{} ", self.tag);
        let mut said = String::new();
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line).await? > 0, "the IMAP server hung up");
            if let Some(end) = line.strip_prefix(&tag) {
                ensure!(end.starts_with("OK"), "the IMAP server said {end:?}");
                return Ok(said);
            }
            said.push_str(&line);
        }
    }
}

/// How many messages there are, of the last `EXISTS` in `said`.
fn exists(said: &str) -> Option<u32> {
    let mut told = said.lines().filter_map(|line| line.strip_prefix("* ")?.strip_suffix(" EXISTS")?.parse().ok());
    told.next_back()
}
