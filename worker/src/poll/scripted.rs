//! An IMAP server whose every word a test decides.

use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

use super::{Batch, Credentials, Limits, Mail, Secret, Selected, SentMail, Session, SessionError};

/// What the server does after a command.
pub(super) enum Reply {
    /// Sends this; `{tag}` stands for the command's tag.
    Say(Vec<u8>),
    /// Sends this, then closes the connection.
    SayAndClose(Vec<u8>),
    /// Keeps silent, and the connection open.
    Hang,
}

/// What it was told.
#[derive(Clone, Default)]
pub(super) struct Heard {
    commands: Arc<Mutex<Vec<String>>>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Heard {
    pub(super) fn commands(&self) -> Vec<String> {
        self.commands.lock().unwrap().clone()
    }

    /// The same with tags, and what has none.
    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub(super) fn count(&self, start: &str) -> usize {
        self.commands().iter().filter(|command| command.starts_with(start)).count()
    }
}

/// Says `greeting`, then answers each command, without its tag, as `answer` says.
pub(super) fn server<F>(greeting: &'static str, mut answer: F) -> (DuplexStream, Heard)
where
    F: FnMut(&str) -> Reply + Send + 'static,
{
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let heard = Heard::default();
    let log = heard.clone();
    tokio::spawn(async move {
        let (read, mut write) = tokio::io::split(theirs);
        let mut lines = BufReader::new(read);
        let mut idles = String::new();
        write.write_all(greeting.as_bytes()).await.ok()?;
        loop {
            let mut line = Vec::new();
            if lines.read_until(b'\n', &mut line).await.ok()? == 0 {
                return Some(());
            }
            let line = String::from_utf8(line).unwrap();
            let (tag, command) = match line.trim_end() {
                // Ends IDLE, and is answered as that.
                "DONE" => (idles.as_str(), "DONE"),
                line => line.split_once(' ').unwrap_or((line, "")),
            };
            let tag = tag.to_owned();
            if command == "IDLE" {
                idles.clone_from(&tag);
            }
            log.commands.lock().unwrap().push(command.to_owned());
            log.lines.lock().unwrap().push(line.trim_end().to_owned());
            let (bytes, closes) = match answer(command) {
                Reply::Say(bytes) => (bytes, false),
                Reply::SayAndClose(bytes) => (bytes, true),
                Reply::Hang => {
                    let mut rest = Vec::new();
                    return lines.read_to_end(&mut rest).await.ok().map(|_| ());
                }
            };
            write.write_all(&with_tag(&bytes, &tag)).await.ok()?;
            if closes {
                return Some(());
            }
        }
    });
    (ours, heard)
}

fn with_tag(bytes: &[u8], tag: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(5).position(|window| window == b"{tag}") {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(tag.as_bytes());
        rest = &rest[at + 5..];
    }
    out.extend_from_slice(rest);
    out
}

/// `text`, then OK.
pub(super) fn ok(text: &str) -> Reply {
    Reply::Say(format!("{text}{{tag}} OK done\r\n").into_bytes())
}

pub(super) fn say(text: &str) -> Reply {
    Reply::Say(text.as_bytes().to_vec())
}

/// What any server answers to the commands around reading.
pub(super) fn ordinary(command: &str) -> Reply {
    match command.split(' ').next().unwrap_or_default() {
        "CAPABILITY" => ok("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n"),
        "EXAMINE" => ok("* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 4] ok\r\n"),
        _ => ok(""),
    }
}

pub(super) fn credentials() -> Credentials {
    Credentials {
        username: "sato@sakura.example".to_owned(),
        secret: Secret::Password(SecretString::from("geheim \"1\\")),
    }
}

/// A session with a server that is ordinary where `answer` has nothing to say.
pub(super) async fn session<F>(mut answer: F) -> (Session, Heard)
where
    F: FnMut(&str) -> Option<Reply> + Send + 'static,
{
    let (stream, heard) = server("* OK hello\r\n", move |command| answer(command).unwrap_or_else(|| ordinary(command)));
    (Session::open(stream, &credentials(), Limits::default()).await.unwrap(), heard)
}

/// What comes of signing in.
pub(super) async fn sign_in<F>(greeting: &'static str, answer: F) -> (Result<Session, SessionError>, Heard)
where
    F: FnMut(&str) -> Reply + Send + 'static,
{
    let (stream, heard) = server(greeting, answer);
    (Session::open(stream, &credentials(), Limits::default()).await, heard)
}

/// What may be reports in the next batch from `first` on.
pub(super) async fn reports(
    session: &mut Session,
    selected: Selected,
    first: u32,
) -> Result<Batch<Mail>, SessionError> {
    let ahead = session.ahead(selected, first, session.batch()).await?;
    session.reports(&ahead, None).await
}

/// What the next batch of sent mail from `first` on tells.
pub(super) async fn sent(
    session: &mut Session,
    selected: Selected,
    first: u32,
) -> Result<Batch<SentMail>, SessionError> {
    let ahead = session.ahead(selected, first, session.batch()).await?;
    session.sent(&ahead).await
}
