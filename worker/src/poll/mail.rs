//! What reading a folder yields.

use chrono::{DateTime, Utc};
use daimon_verdict::language::Written;
use memchr::memmem;

use super::SessionError;

/// A message that may be a report, as received, up to [`super::Limits::message`] octets.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its UID.
    pub uid: u32,
    /// When the server got it (INTERNALDATE); `None` when the server did not say.
    pub internal_date: Option<DateTime<Utc>>,
    /// Whether somebody had seen it before us (`\Seen`); `None` when the server did not say.
    pub is_seen: Option<bool>,
    /// Its whole size (RFC822.SIZE), in octets.
    pub size: Option<u32>,
    /// Header and body.
    pub bytes: Vec<u8>,
    /// Whether `bytes` is only its beginning.
    pub is_cut: bool,
}

impl std::fmt::Debug for Mail {
    /// Mail stays out of logs.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "<mail {} of {} octets>", self.uid, self.bytes.len())
    }
}

/// What a message that is no report answers. It is counted and forgotten.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The Message-IDs it answers itself, without angle brackets, each once.
    pub ids: Vec<String>,
    /// The addresses in To and Cc, in lower case.
    pub to: Vec<String>,
    /// When the server got it (INTERNALDATE).
    pub at: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for Answer {
    /// Recipients stay out of logs.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "<answer to {} messages>", self.ids.len())
    }
}

/// What the Sent folder tells of one message.
#[derive(Clone, PartialEq, Eq)]
pub struct SentMail {
    /// Its UID.
    pub uid: u32,
    /// When the server got it (INTERNALDATE).
    pub internal_date: Option<DateTime<Utc>>,
    /// Its Message-ID without the angle brackets.
    pub message_id: Option<String>,
    /// Its Date.
    pub date: Option<DateTime<Utc>>,
    /// The program that wrote it: X-Mailer or User-Agent.
    pub mailer: Option<String>,
    /// In which language it is written, as far as its header tells.
    pub language: Written,
    /// The addresses in To, Cc and Bcc, in lower case, each once.
    pub recipients: Vec<String>,
}

impl std::fmt::Debug for SentMail {
    /// Recipients stay out of logs.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "<sent mail {} to {} recipients>", self.uid, self.recipients.len())
    }
}

/// How a message that is no report was found. It is counted and forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance {
    /// When the server got it (INTERNALDATE).
    pub at: DateTime<Utc>,
    /// Whether somebody had seen it before us.
    pub is_seen: bool,
}

/// Why a message was put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The server's answer about it can't be parsed.
    Garbled,
    /// The server refuses to hand it out.
    Withheld,
    /// The server sent more of it than was asked for, and more than fits.
    TooLarge,
}

impl Unreadable {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Garbled => "garbled",
            Self::Withheld => "withheld",
            Self::TooLarge => "too_large",
        }
    }
}

/// A message that costs only itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutAside {
    /// Its UID.
    pub uid: u32,
    /// Why.
    pub because: Unreadable,
}

/// The part of a folder that is read next. Whoever reads it may write down first what it has in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Where it begins.
    pub first_uid: u32,
    /// The messages in it.
    pub uids: Vec<u32>,
    /// Up to here they are all there are.
    pub through_uid: u32,
    /// Where what follows begins; `None` at the folder's end.
    pub next_uid: Option<u32>,
}

impl Ahead {
    /// The beginning of it, with at most so many messages.
    #[must_use]
    pub fn beginning(&self, most: usize) -> Self {
        let mut beginning = self.clone();
        if let Some(next) = self.uids.get(most) {
            beginning.uids.truncate(most);
            beginning.through_uid = beginning.uids.last().copied().unwrap_or(next.saturating_sub(1));
            beginning.next_uid = Some(beginning.through_uid.saturating_add(1));
        }
        beginning
    }
}

/// A part of a folder, read. Store it and the checkpoint together, then go on from `next_uid`.
#[derive(Debug)]
pub struct Batch<T> {
    /// What is of interest.
    pub items: Vec<T>,
    /// What the other messages answer.
    pub quoted: Vec<Answer>,
    /// How the other messages were found.
    pub glanced: Vec<Glance>,
    /// UIDs of reports of a flood that were counted and not read.
    pub counted: Vec<u32>,
    /// What could not be read.
    pub put_aside: Vec<PutAside>,
    /// How many messages were looked at, of interest or not.
    pub looked_at: usize,
    /// Everything up to here was read or put aside: the checkpoint.
    pub through_uid: u32,
    /// Where the next batch begins; `None` when the folder is read, or the session ended.
    pub next_uid: Option<u32>,
    /// What ended the session after these were read. They are good nevertheless.
    pub fault: Option<SessionError>,
}

impl<T> Batch<T> {
    /// One in which nothing has been read yet.
    pub(super) fn of(ahead: &Ahead) -> Self {
        Self {
            items: Vec::with_capacity(ahead.uids.len()),
            quoted: Vec::new(),
            glanced: Vec::new(),
            counted: Vec::new(),
            put_aside: Vec::new(),
            looked_at: ahead.uids.len(),
            through_uid: ahead.through_uid,
            next_uid: ahead.next_uid,
            fault: None,
        }
    }
}

/// Everything up to the first empty line.
pub(crate) fn header_block(bytes: &[u8]) -> &[u8] {
    let end = memmem::find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
    let header = bytes.get(..end).unwrap_or(bytes);
    memmem::find(header, b"\n\n").and_then(|end| header.get(..end)).unwrap_or(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_block_ends_at_the_first_empty_line() {
        assert_eq!(header_block(b"A: b\r\n\r\nbody\n\n"), b"A: b");
        assert_eq!(header_block(b"A: b\n\nbody\r\n\r\n"), b"A: b");
        assert_eq!(header_block(b"A: b"), b"A: b");
    }
}
