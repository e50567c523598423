//! Waiting for the server to tell of new mail (IDLE, RFC 2177).
//!
//! Thousands of these wait at a time, so one keeps the connection, a few numbers and whatever is left of a line, and neither
//! the parser nor its buffers. What is said meanwhile is lines of bounded length of which three words matter; a server that
//! lies in them gets its mailbox read, and no more often than anybody's.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::checked::{Outcome, Wire};
use super::session::{Session, Stream};
use super::sign_in::Capabilities;
use super::{Limits, Selected, SessionError};

/// What is read at a time.
const CHUNK: usize = 1 << 10;
/// Octets of one line. Nothing that is of interest here is longer than a few words.
const LINE: usize = 8 << 10;
/// How long a goodbye may take. Nobody wants its answer.
const GOODBYE: Duration = Duration::from_secs(1);

impl fmt::Debug for Idle {
    /// What was read stays out of logs.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Idle").field("exists", &self.exists).finish_non_exhaustive()
    }
}

/// A session that waits in INBOX, or in whatever folder was opened last.
pub struct Idle {
    stream: Box<dyn Stream>,
    limits: Limits,
    capabilities: Capabilities,
    /// How many commands were sent; the last one is IDLE.
    commands: u32,
    /// Read, not yet a line.
    rest: Vec<u8>,
    exists: u32,
    recent: u32,
    has_news: bool,
    is_entered: bool,
    ended: Option<Outcome>,
    /// Lines since IDLE was last said.
    heard: usize,
}

impl Idle {
    /// Says IDLE in the folder that is open.
    pub(super) async fn enter(
        wire: Wire,
        limits: Limits,
        capabilities: Capabilities,
        (selected, recent): (Selected, u32),
    ) -> Result<Self, SessionError> {
        let (stream, rest, commands) = wire.into_parts()?;
        let mut this = Self {
            stream,
            limits,
            capabilities,
            commands,
            rest,
            exists: selected.exists,
            recent,
            has_news: false,
            is_entered: false,
            ended: None,
            heard: 0,
        };
        this.begin().await?;
        Ok(this)
    }

    /// The same with news that were found before it began to wait.
    #[must_use]
    pub fn with_news(self) -> Self {
        Self { has_news: true, ..self }
    }

    async fn begin(&mut self) -> Result<(), SessionError> {
        self.commands += 1;
        (self.is_entered, self.ended, self.heard) = (false, None, 0);
        self.say(&format!("d{} IDLE\r\n", self.commands)).await?;
        let limit = self.limits.idle;
        let entered = async {
            // Some of it may have come together with the end of the command before.
            self.understand()?;
            while !self.is_entered {
                match self.ended {
                    None => self.listen().await?,
                    Some(Outcome::Ok | Outcome::No) => return Err(SessionError::Busy("IDLE is refused")),
                    Some(Outcome::Bad) => return Err(SessionError::Protocol("IDLE is offered and not known")),
                }
            }
            Ok(())
        };
        timeout(limit, entered).await.unwrap_or(Err(SessionError::TimedOut("no answer to IDLE")))
    }

    /// Returns when the server has told of new mail since this was last asked. Whoever stops waiting misses nothing.
    pub async fn news(&mut self) -> Result<(), SessionError> {
        while !std::mem::take(&mut self.has_news) {
            if self.ended.is_some() {
                return Err(SessionError::Busy("the server ends IDLE"));
            }
            self.listen().await?;
        }
        Ok(())
    }

    /// Says DONE and IDLE again, before the server grows tired of us or notices that we have gone; and so do we. What was told
    /// in between counts. Whoever stops waiting for this can't use the session any more.
    pub async fn reenter(&mut self) -> Result<(), SessionError> {
        self.done().await?;
        self.begin().await
    }

    async fn done(&mut self) -> Result<(), SessionError> {
        self.say("DONE\r\n").await?;
        let limit = self.limits.idle;
        let ended = async {
            loop {
                match self.ended {
                    None => self.listen().await?,
                    Some(Outcome::Ok) => return Ok(()),
                    Some(Outcome::No | Outcome::Bad) => return Err(SessionError::Busy("IDLE ends badly")),
                }
            }
        };
        timeout(limit, ended).await.unwrap_or(Err(SessionError::TimedOut("no answer to DONE")))
    }

    /// Says DONE, to read over the same connection.
    pub async fn resume(mut self) -> Result<Session, SessionError> {
        self.done().await?;
        let wire = Wire::resumed(self.stream, self.rest, self.limits, self.commands);
        Session::resumed(wire, self.limits, self.capabilities)
    }

    /// Leaves, for politeness only.
    pub async fn close(mut self) {
        let goodbye = format!("DONE\r\nd{} LOGOUT\r\n", self.commands.saturating_add(1));
        let said = async {
            self.say(&goodbye).await?;
            self.stream.shutdown().await.map_err(broken)?;
            // Until BYE, or the end: whoever hangs up first may take back what he has said last.
            loop {
                self.listen().await?;
            }
        };
        let _: Result<Result<(), SessionError>, _> = timeout(GOODBYE, said).await;
    }

    async fn say(&mut self, text: &str) -> Result<(), SessionError> {
        let limit = self.limits.idle;
        let said = async {
            self.stream.write_all(text.as_bytes()).await?;
            self.stream.flush().await
        };
        let said = timeout(limit, said).await;
        said.map_err(|_elapsed| SessionError::TimedOut("the server takes nothing"))?.map_err(broken)
    }

    /// Reads what comes next. Nothing is lost when it is not waited for.
    async fn listen(&mut self) -> Result<(), SessionError> {
        let Self { stream, rest, .. } = self;
        let read = poll_fn(|context| {
            let mut chunk = [0; CHUNK];
            let mut chunk = ReadBuf::new(&mut chunk);
            let polled = Pin::new(&mut *stream).poll_read(context, &mut chunk);
            polled.map_ok(|()| {
                rest.extend_from_slice(chunk.filled());
                chunk.filled().len()
            })
        });
        if read.await.map_err(broken)? == 0 {
            return Err(SessionError::Unreachable(None));
        }
        self.understand()
    }

    /// Takes every whole line out of what was read.
    fn understand(&mut self) -> Result<(), SessionError> {
        let mut rest = std::mem::take(&mut self.rest);
        let mut lines = rest.split_inclusive(|byte| *byte == b'\n');
        let mut taken = 0;
        for line in lines.by_ref().take_while(|line| line.ends_with(b"\n")) {
            taken += line.len();
            self.heard += 1;
            if self.heard > self.limits.responses {
                return Err(SessionError::TooMuch("endless responses"));
            }
            self.hear(line)?;
        }
        if taken < rest.len() {
            rest.drain(..taken);
            if rest.len() > LINE {
                return Err(SessionError::TooMuch("a line without end"));
            }
            self.rest = rest;
        }
        Ok(())
    }

    fn hear(&mut self, line: &[u8]) -> Result<(), SessionError> {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match first {
            b"+" => self.is_entered = true,
            b"*" if second.eq_ignore_ascii_case(b"BYE") => return Err(SessionError::Busy("BYE")),
            b"*" => {
                let number = std::str::from_utf8(second).ok().and_then(|text| text.parse().ok());
                if let Some((number, what)) = number.zip(words.next()) {
                    self.count(number, &what.to_ascii_uppercase());
                }
            }
            _ if first == format!("d{}", self.commands).as_bytes() => {
                let ended = match second.to_ascii_uppercase().as_slice() {
                    b"OK" => Outcome::Ok,
                    b"NO" => Outcome::No,
                    _ => Outcome::Bad,
                };
                self.ended = Some(ended);
            }
            _ => {}
        }
        Ok(())
    }

    fn count(&mut self, number: u32, what: &[u8]) {
        match what {
            b"EXISTS" => {
                let more = number.saturating_sub(self.exists);
                self.has_news |= more > 0;
                // They are recent too, which may be said besides.
                self.recent = self.recent.saturating_add(more);
                self.exists = number;
            }
            b"RECENT" => {
                self.has_news |= number > self.recent;
                self.recent = self.recent.max(number);
            }
            b"EXPUNGE" => self.exists = self.exists.saturating_sub(1),
            _ => {}
        }
    }
}

fn broken(error: io::Error) -> SessionError {
    SessionError::Unreachable(Some(error))
}
