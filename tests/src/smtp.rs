//! How a person, a thief or a stranger's server hands mail to our Postfix.

use std::net::Ipv4Addr;

use anyhow::ensure;
use base64::Engine;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A conversation with a mail server.
#[derive(Debug)]
pub struct Smtp {
    stream: BufReader<TcpStream>,
}

impl Smtp {
    /// Connects from `address`: Postfix is told with XCLIENT where the client claims to be, and writes that into
    /// `Received:`, as it would with a client that really is there.
    pub async fn connect_from(port: u16, address: Ipv4Addr) -> anyhow::Result<Self> {
        let mut this = Self { stream: BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?) };
        this.answer("220").await?;
        this.command("EHLO [127.0.0.1]", "250").await?;
        this.command(&format!("XCLIENT ADDR={address} NAME=[UNAVAILABLE]"), "220").await?;
        this.command(&format!("EHLO [{address}]"), "250").await?;
        Ok(this)
    }

    /// Signs in.
    pub async fn sign_in(&mut self, user: &str, password: &str) -> anyhow::Result<()> {
        let token = base64::engine::general_purpose::STANDARD.encode(format!("\0{user}\0{password}"));
        self.command(&format!("AUTH PLAIN {token}"), "235").await?;
        Ok(())
    }

    /// Sends one message.
    pub async fn send(&mut self, from: &str, to: &[&str], message: &str) -> anyhow::Result<()> {
        self.command(&format!("MAIL FROM:<{from}>"), "250").await?;
        for recipient in to {
            self.command(&format!("RCPT TO:<{recipient}>"), "250").await?;
        }
        self.command("DATA", "354").await?;
        for line in message.lines() {
            let stuffed = if line.starts_with('.') { "." } else { "" };
            self.stream.write_all(format!("{stuffed}{line}\r\n").as_bytes()).await?;
        }
        self.command(".", "250").await?;
        Ok(())
    }

    async fn command(&mut self, line: &str, expected: &str) -> anyhow::Result<String> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.answer(expected).await
    }

    async fn answer(&mut self, expected: &str) -> anyhow::Result<String> {
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line).await? > 0, "the mail server hung up");
            if line.get(3..4) != Some("-") {
                ensure!(line.starts_with(expected), "the mail server said {line:?} where {expected} was expected");
                return Ok(line);
            }
        }
    }
}
