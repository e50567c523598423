//! Between the network and the parser: nothing passes that is too large, too slow, or would break the parser.
//!
//! The guard hands over one whole response at a time. That has two more uses: one response that the parser does not understand costs only itself
//! instead of the connection, and after a tagged answer one can tell whether the server sent bytes that nobody asked for.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_imap::imap_proto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::frame::{Frame, Framer, holds_literals};
use super::{Limits, SessionError};

const CHUNK: usize = 16 << 10;

/// Filters what is read from `T`; what is written passes.
pub(super) struct LiteralGuard<T> {
    inner: T,
    limits: Limits,
    /// Read, not yet a whole response.
    raw: Vec<u8>,
    framer: Framer,
    /// A whole response, and how much of it was handed over.
    whole: io::Cursor<Vec<u8>>,
    began: Instant,
    session_ends: Instant,
    alarm: Pin<Box<Sleep>>,
    octets: u64,
    responses: usize,
    garbled: usize,
}

impl<T> LiteralGuard<T> {
    /// Guards `inner`. How soon the greeting must have come is for whoever waits for it.
    pub(super) fn new(inner: T, limits: Limits) -> Self {
        let now = Instant::now();
        let mut guard = Self {
            inner,
            limits,
            raw: Vec::new(),
            framer: Framer::default(),
            whole: io::Cursor::default(),
            began: now,
            session_ends: now + limits.session,
            alarm: Box::pin(sleep_until(now + limits.idle)),
            octets: 0,
            responses: 0,
            garbled: 0,
        };
        guard.set_alarm();
        guard
    }

    /// Starts to measure the answer to a new command.
    pub(super) fn begin(&mut self) {
        self.began = Instant::now();
        (self.octets, self.responses, self.garbled) = (0, 0, 0);
        self.set_alarm();
    }

    /// Guards a connection on which this was read already.
    pub(super) fn resumed(inner: T, read: Vec<u8>, limits: Limits) -> Self {
        Self { raw: read, ..Self::new(inner, limits) }
    }

    /// How many responses since [`LiteralGuard::begin`] could not be parsed and were left out.
    pub(super) const fn garbled(&self) -> usize {
        self.garbled
    }

    /// When the session must be over.
    pub(super) const fn session_ends(&self) -> Instant {
        self.session_ends
    }

    /// The connection, or `None` when the server has sent more than it was asked for.
    pub(super) fn into_inner(self) -> Option<T> {
        self.raw.is_empty().then_some(self.inner)
    }

    /// The connection, and what was read of it that belongs to no answer yet.
    pub(super) fn into_parts(self) -> (T, Vec<u8>) {
        (self.inner, self.raw)
    }

    fn slow_after(&self) -> Instant {
        let granted = self.octets.checked_div(self.limits.slowest).unwrap_or(u64::MAX).min(86_400);
        self.began + self.limits.patience + Duration::from_secs(granted)
    }

    fn set_alarm(&mut self) {
        let idle = Instant::now() + self.limits.idle;
        let next = idle.min(self.slow_after()).min(self.session_ends);
        self.alarm.as_mut().reset(next);
    }

    fn late(&self) -> SessionError {
        let now = Instant::now();
        if now >= self.session_ends {
            SessionError::TimedOut("the session took too long")
        } else if now >= self.slow_after() {
            SessionError::TimedOut("the server is too slow")
        } else {
            SessionError::TimedOut("the server is silent")
        }
    }

    /// Moves the next whole response out of `raw`, if there is one.
    fn advance(&mut self) -> Result<bool, SessionError> {
        let Some(frame) = self.framer.next(&self.raw, &self.limits)? else { return Ok(false) };
        let rest = self.raw.split_off(frame.len);
        let response = std::mem::replace(&mut self.raw, rest);
        self.responses += 1;
        if self.responses > self.limits.responses {
            return Err(SessionError::TooMuch("endless responses"));
        }
        match readable(response, frame, self.limits.depth) {
            Some(response) => self.whole = io::Cursor::new(response),
            None => self.garbled += 1,
        }
        Ok(true)
    }
}

/// The response as the parser takes it, or `None` when it takes it in no way.
///
/// A tagged answer or continuation that can't be read is left out too: the command it belongs to then runs into its time-out.
fn readable(mut response: Vec<u8>, frame: Frame, deepest: usize) -> Option<Vec<u8>> {
    if frame.depth > deepest {
        return None;
    }
    if !response.ends_with(b"\r\n") {
        response.pop();
        response.extend_from_slice(b"\r\n");
    }
    if !holds_literals(&response) {
        // imap-proto cuts the text after a response code at the second octet, which panics inside a character.
        response.iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'?');
    }
    if starts_with(&response, b"* CAPABILITY ") && !holds_word(&response, b"IMAP4rev1") {
        // imap-proto knows no server without IMAP4rev1. IMAP4rev2 has all that is used here.
        if !holds_word(&response, b"IMAP4rev2") {
            return None;
        }
        response.truncate(response.len().saturating_sub(2));
        response.extend_from_slice(b" IMAP4rev1\r\n");
    }
    match imap_proto::Response::parse(&response) {
        Ok(([], _)) => Some(response),
        Ok(_) | Err(_) => None,
    }
}

fn starts_with(response: &[u8], prefix: &[u8]) -> bool {
    response.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn holds_word(response: &[u8], word: &[u8]) -> bool {
    response.split(u8::is_ascii_whitespace).any(|found| found.eq_ignore_ascii_case(word))
}

impl<T: AsyncRead + Unpin> AsyncRead for LiteralGuard<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if ready!(Pin::new(&mut this.whole).poll_read(cx, out)).is_ok() && !out.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            if this.advance().map_err(io::Error::other)? {
                continue;
            }
            let mut chunk = [0; CHUNK];
            let mut chunk = ReadBuf::new(&mut chunk);
            match Pin::new(&mut this.inner).poll_read(cx, &mut chunk)? {
                Poll::Ready(()) if chunk.filled().is_empty() && this.raw.is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(()) if chunk.filled().is_empty() => {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                Poll::Ready(()) => {
                    this.raw.extend_from_slice(chunk.filled());
                    this.octets += chunk.filled().len() as u64;
                    if this.octets > this.limits.answer as u64 {
                        return Poll::Ready(Err(io::Error::other(SessionError::TooMuch("a large answer"))));
                    }
                    if Instant::now() >= this.session_ends {
                        return Poll::Ready(Err(io::Error::other(this.late())));
                    }
                    this.set_alarm();
                }
                Poll::Pending => {
                    ready!(this.alarm.as_mut().poll(cx));
                    return Poll::Ready(Err(io::Error::other(this.late())));
                }
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for LiteralGuard<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<T> fmt::Debug for LiteralGuard<T> {
    /// What was read stays out of logs.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("LiteralGuard").field("octets", &self.octets).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(response: &[u8]) -> Option<String> {
        let limits = Limits::default();
        let frame = Framer::default().next(response, &limits).unwrap().unwrap();
        readable(response.to_vec(), frame, limits.depth).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn what_the_parser_does_not_know_is_left_out() {
        for response in [
            "\r\n",
            "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n",
            "* ESEARCH (TAG \"d1\") UID ALL 1:3\r\n",
            "* LANGUAGE (EN)\r\n",
            "* 1 FETCH (BODY[] \"no end)\r\n",
            "* CAPABILITY IMAP4\r\n",
        ] {
            assert_eq!(kept(response.as_bytes()), None, "{response:?}");
        }
    }

    #[test]
    fn a_bare_line_feed_ends_a_line_too() {
        assert_eq!(kept(b"* 3 EXISTS\n").unwrap(), "* 3 EXISTS\r\n");
    }

    #[test]
    fn a_server_of_the_second_revision_only_is_understood() {
        assert_eq!(kept(b"* CAPABILITY IMAP4rev2\r\n").unwrap(), "* CAPABILITY IMAP4rev2 IMAP4rev1\r\n");
    }

    #[test]
    fn text_that_would_panic_the_parser_is_defused() {
        assert_eq!(kept("d1 OK [READ-ONLY]é\r\n".as_bytes()).unwrap(), "d1 OK [READ-ONLY]??\r\n");
        assert_eq!(kept("* OK [ALERT]漢\r\n".as_bytes()).unwrap(), "* OK [ALERT]???\r\n");
    }

    #[test]
    fn a_hundred_thousand_parentheses_do_not_reach_the_parser() {
        let response = format!("* 1 FETCH (BODYSTRUCTURE {}\r\n", "(".repeat(60_000));
        assert_eq!(kept(response.as_bytes()), None);
    }
}
