//! How a mail server hands mail to our Dovecot (LMTP, RFC 2033).

use std::path::Path;

use anyhow::ensure;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// A conversation with it.
#[derive(Debug)]
pub struct Lmtp {
    stream: BufReader<UnixStream>,
}

impl Lmtp {
    /// Connects.
    pub async fn connect(socket: &Path) -> anyhow::Result<Self> {
        let mut this = Self { stream: BufReader::new(UnixStream::connect(socket).await?) };
        this.answer("220").await?;
        this.command("LHLO mx.sakura-dental.example", "250").await?;
        Ok(this)
    }

    /// Delivers one message to one recipient, and returns when it lies there.
    pub async fn deliver(&mut self, from: &str, to: &str, message: &str) -> anyhow::Result<()> {
        self.command(&format!("MAIL FROM:<{from}>"), "250").await?;
        self.command(&format!("RCPT TO:<{to}>"), "250").await?;
        self.command("DATA", "354").await?;
        let mut text = String::with_capacity(message.len() + 16);
        for line in message.lines() {
            let stuffed = if line.starts_with('.') { "." } else { "" };
            text.extend([stuffed, line, "\r\n"]);
        }
        text.push('.');
        self.command(&text, "250").await
    }

    async fn command(&mut self, line: &str, expected: &str) -> anyhow::Result<()> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.answer(expected).await
    }

    async fn answer(&mut self, expected: &str) -> anyhow::Result<()> {
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line).await? > 0, "the mail server hung up");
            if line.get(3..4) != Some("-") {
                ensure!(line.starts_with(expected), "the mail server said {line:?} where {expected} was expected");
                return Ok(());
            }
        }
    }
}
