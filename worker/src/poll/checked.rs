//! One command, its whole answer, and nothing that belongs to another.
//!
//! async-imap takes a `NO`, a closed connection and the end of an answer for the same thing, and goes on with what is
//! left of an answer nobody read. So of async-imap we use the transport and the parser, and ask ourselves: a command is over when its own
//! tag says so, and whatever else happens ends the connection.
//!
//! Commands are written past async-imap, because it logs what it sends, passwords included.

use std::future::Future;
use std::io;

use async_imap::Client;
use async_imap::imap_proto::rfc4315::UidSetMember;
use async_imap::imap_proto::{Response, ResponseCode, Status};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout_at};

use super::error::{NO_CAUSE, PREAUTH, TAMPERED};
use super::guard::LiteralGuard;
use super::session::Stream;
use super::{Hint, Limits, SessionError};

type Connection<S> = Client<LiteralGuard<S>>;

/// A connection that is in step with the server, or no connection.
pub(super) struct Wire<S: Stream = Box<dyn Stream>> {
    /// Taken out while a command runs: when its future is dropped, the connection goes with it.
    connection: Option<Connection<S>>,
    limits: Limits,
    commands: u32,
    /// What the server's last words say of why it turned us away.
    hint: Option<Hint>,
}

/// How the server ended a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    No,
    Bad,
}

/// The end of an answer.
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    /// The response code in upper case, such as `OVERQUOTA`; empty when there is none that the parser leaves to us.
    pub(super) code: String,
    /// Whether the text says that the server's own back end is away.
    is_disconnected: bool,
    /// Whether the text says that signing in failed, and not only that something did.
    pub(super) is_authenticate_failed: bool,
    /// How many responses of the answer were left out because they could not be parsed.
    pub(super) garbled: usize,
    /// Where the messages went, if they were copied.
    pub(super) copied: Option<Copied>,
    /// Whether the folder was opened for reading only, whatever was asked for.
    pub(super) is_read_only: bool,
}

/// Which messages were copied, and which UIDs the copies have (COPYUID, RFC 4315, 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) uid_validity: u32,
    /// As the server has said them, in its order: they may name more than there is.
    pub(super) from: Vec<std::ops::RangeInclusive<u32>>,
    pub(super) to: Vec<std::ops::RangeInclusive<u32>>,
}

impl Copied {
    /// What a response code tells of it.
    pub(super) fn told(code: &ResponseCode<'_>) -> Option<Self> {
        let ResponseCode::CopyUid(uid_validity, from, to) = code else { return None };
        let ranges = |set: &[UidSetMember]| {
            let range = |member: &UidSetMember| match member {
                UidSetMember::UidRange(range) => range.clone(),
                UidSetMember::Uid(uid) => *uid..=*uid,
            };
            set.iter().map(range).collect()
        };
        Some(Self { uid_validity: *uid_validity, from: ranges(from), to: ranges(to) })
    }
}

impl Answer {
    fn new(outcome: Outcome, text: &str, garbled: usize) -> Self {
        let code = text.strip_prefix('[').and_then(|rest| rest.split([']', ' ']).next()).unwrap_or_default();
        let text = text.to_ascii_lowercase();
        Self {
            outcome,
            code: code.to_ascii_uppercase(),
            is_authenticate_failed: text.contains("authenticate failed"),
            is_disconnected: text.contains("not connected") || text.contains("too many simultaneous"),
            garbled,
            copied: None,
            is_read_only: false,
        }
    }

    /// What a `NO` or `BAD` means for the session, or nothing when the command succeeded.
    pub(super) fn ok(&self) -> Result<(), SessionError> {
        match self.outcome {
            Outcome::Ok => Ok(()),
            Outcome::No | Outcome::Bad if self.is_busy() => Err(SessionError::Busy("in so many words")),
            Outcome::No => Err(SessionError::Busy(NO_CAUSE)),
            Outcome::Bad => Err(SessionError::Protocol("the server does not know a basic command")),
        }
    }

    /// Whether the server says that it will do the same thing later (RFC 5530 and what is seen in the field).
    pub(super) fn is_busy(&self) -> bool {
        self.is_disconnected
            || matches!(
                self.code.as_str(),
                "UNAVAILABLE" | "LIMIT" | "OVERQUOTA" | "INUSE" | "THROTTLED" | "CONTACTADMIN" | "SERVERBUG"
            )
    }
}

impl<S: Stream> Wire<S> {
    /// Takes over a connection whose server speaks next.
    pub(super) fn new(stream: S, limits: Limits) -> Self {
        let connection = Client::new(LiteralGuard::new(stream, limits));
        Self { connection: Some(connection), limits, commands: 0, hint: None }
    }

    /// Takes over a connection on which so many commands were given and answered, and this was read besides.
    pub(super) fn resumed(stream: S, read: Vec<u8>, limits: Limits, commands: u32) -> Self {
        let connection = Client::new(LiteralGuard::resumed(stream, read, limits));
        Self { connection: Some(connection), limits, commands, hint: None }
    }

    /// The connection between two commands, what was read of it besides, and how many there were.
    pub(super) fn into_parts(mut self) -> Result<(S, Vec<u8>, u32), SessionError> {
        let connection = self.connection.take().ok_or(SessionError::Unreachable(None))?;
        let (stream, read) = connection.into_inner().into_parts();
        Ok((stream, read, self.commands))
    }

    /// Reads the greeting. Being signed in by somebody else (PREAUTH) is not a session with this mailbox.
    pub(super) async fn greeting(&mut self) -> Result<(), SessionError> {
        let mut connection = self.connection.take().ok_or(SessionError::Unreachable(None))?;
        let by = Instant::now() + self.limits.greeting;
        let read = timeout_at(by, connection.read_response()).await;
        let response = read.map_err(|_elapsed| SessionError::TimedOut("no greeting"))?;
        match response.map_err(from_io)?.ok_or(SessionError::Unreachable(None))?.parsed() {
            Response::Data { status: Status::Ok, .. } => {}
            Response::Data { status: Status::Bye, outcome } => {
                self.hint = Hint::of("", outcome.information.as_deref().unwrap_or_default());
                return Err(SessionError::Busy("BYE"));
            }
            Response::Data { status: Status::PreAuth, .. } => return Err(SessionError::Protocol(PREAUTH)),
            _ => return Err(SessionError::Protocol("no greeting")),
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// Sends a command and hands `on` each response, continuations included, until the command's own end.
    pub(super) async fn command<F>(&mut self, command: &str, on: F) -> Result<Answer, SessionError>
    where
        F: FnMut(&Response<'_>) + Send,
    {
        self.command_in_lines(&[command], on).await
    }

    /// Like [`Wire::command`], for a command that waits for the server's "+" after each line but the last.
    pub(super) async fn command_in_lines<F>(&mut self, lines: &[&str], mut on: F) -> Result<Answer, SessionError>
    where
        F: FnMut(&Response<'_>) + Send,
    {
        if lines.iter().any(|line| line.contains(['\r', '\n', '\0'])) {
            return Err(SessionError::Unsendable);
        }
        let mut lines = lines.iter();
        let mut connection = self.connection.take().ok_or(SessionError::Unreachable(None))?;
        self.commands += 1;
        self.hint = None;
        let tag = format!("d{}", self.commands);
        connection.get_mut().begin();
        let by = self.by(&connection);
        send(&mut connection, &[&tag, " ", lines.next().unwrap_or(&"")], by).await?;
        loop {
            let response = connection.read_response().await.map_err(from_io)?.ok_or(SessionError::Unreachable(None))?;
            let is_continuation = match response.parsed() {
                Response::Done { tag: answered, status, outcome } if answered.0 == tag => {
                    let text = outcome.information.as_deref().unwrap_or_default();
                    let status = match status {
                        Status::Ok => Outcome::Ok,
                        Status::No => Outcome::No,
                        Status::Bad => Outcome::Bad,
                        Status::PreAuth | Status::Bye => return Err(SessionError::Protocol("no such status")),
                    };
                    let mut answer = Answer::new(status, text, connection.get_ref().garbled());
                    answer.copied = outcome.code.as_ref().and_then(Copied::told);
                    answer.is_read_only = matches!(outcome.code, Some(ResponseCode::ReadOnly));
                    if answer.outcome != Outcome::Ok {
                        self.hint = Hint::of(&answer.code, text);
                    }
                    self.connection = Some(connection);
                    return Ok(answer);
                }
                // Left over from a command that somebody else gave up (a proxy that signs in on its own, for one).
                Response::Done { .. } => false,
                Response::Data { status: Status::Bye, outcome } => {
                    self.hint = Hint::of("", outcome.information.as_deref().unwrap_or_default());
                    return Err(SessionError::Busy("BYE"));
                }
                other => {
                    on(other);
                    matches!(other, Response::Continue(_))
                }
            };
            if is_continuation {
                let line = lines.next().ok_or(SessionError::Protocol("the server waits for more than there is"))?;
                let by = self.by(&connection);
                send(&mut connection, &[line], by).await?;
            }
        }
    }

    /// Turns the connection into one with TLS. Nothing that came before counts afterwards, not even the capabilities.
    pub(super) async fn upgrade<F, Up, T, E>(mut self, upgrade: F) -> Result<Wire, SessionError>
    where
        F: FnOnce(S) -> Up,
        Up: Future<Output = Result<T, E>>,
        T: Stream + 'static,
    {
        let connection = self.connection.take().ok_or(SessionError::Unreachable(None))?;
        let guard = connection.into_inner();
        // CVE-2011-0411 and its kin: what somebody slipped in before TLS would be read as if it came after.
        let stream = guard.into_inner().ok_or(SessionError::Tls(TAMPERED))?;
        let by = Instant::now() + self.limits.greeting;
        let stream = timeout_at(by, upgrade(stream)).await.map_err(|_elapsed| SessionError::TimedOut("no TLS"))?;
        let stream = stream.map_err(|_refused| SessionError::Tls("no handshake"))?;
        Ok(Wire::new(Box::new(stream), self.limits))
    }

    /// What the server's last words said of why it turned us away.
    pub(super) const fn hint(&self) -> Option<Hint> {
        self.hint
    }

    /// When the session must be over, if there still is one.
    pub(super) fn ends(&self) -> Option<Instant> {
        self.connection.as_ref().map(|connection| connection.get_ref().session_ends())
    }

    fn by(&self, connection: &Connection<S>) -> Instant {
        connection.get_ref().session_ends().min(Instant::now() + self.limits.idle)
    }
}

async fn send<S: Stream>(connection: &mut Connection<S>, parts: &[&str], by: Instant) -> Result<(), SessionError> {
    let mut line = secrecy::zeroize::Zeroizing::new(parts.concat().into_bytes());
    line.extend_from_slice(b"\r\n");
    let stream = connection.get_mut();
    let sent = timeout_at(by, async {
        stream.write_all(&line).await?;
        stream.flush().await
    });
    sent.await.map_err(|_elapsed| SessionError::TimedOut("the server takes nothing"))?.map_err(from_io)
}

/// What the guard said, or that the connection broke.
fn from_io(error: io::Error) -> SessionError {
    match error.downcast::<SessionError>() {
        Ok(ours) => ours,
        // async-imap puts the bytes it could not parse into its errors.
        Err(error) if error.kind() == io::ErrorKind::Other => SessionError::Protocol("an answer that can't be parsed"),
        Err(error) => SessionError::Unreachable(Some(error)),
    }
}
