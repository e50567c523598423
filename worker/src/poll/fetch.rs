//! Fetching by UID, whatever the server makes of it.
//!
//! An answer counts for the UID it names and for nothing else: messages vanish while we read (EXPUNGE), flags of others
//! change in between, one UID is answered twice, attributes come in several responses or not at all. And where a server
//! chokes on one message, that message is found by halving and put aside.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use async_imap::imap_proto::{AttributeValue, MailboxDatum, Response};
use chrono::{DateTime, Utc};

use super::SessionError;
use super::checked::{Outcome, Wire};
use super::mail::{PutAside, Unreadable};

/// More unreadable messages than this in one batch are no bad luck, but a server in trouble.
const MOST_PUT_ASIDE: usize = 20;

/// What the server told of one message.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetched {
    pub(super) internal_date: Option<DateTime<Utc>>,
    pub(super) size: Option<u32>,
    /// Whether somebody had seen it; `None` when the server did not say.
    pub(super) is_seen: Option<bool>,
    pub(super) bytes: Option<Vec<u8>>,
}

impl Fetched {
    /// Whether at most so much of it is all, as far as the server says.
    pub(super) fn is_within(&self, most: u32) -> bool {
        self.size.is_some_and(|size| size <= most)
    }

    /// How much comes of it when at most so much is asked for.
    pub(super) fn octets(&self, most: u32) -> u64 {
        u64::from(self.size.unwrap_or(most).min(most))
    }
}

/// Fetches `items` of `uids`, and adds to `put_aside` what can't be read. A UID that is in neither has vanished.
pub(super) async fn fetch(
    wire: &mut Wire,
    uids: &[u32],
    items: &str,
    put_aside: &mut Vec<PutAside>,
) -> Result<BTreeMap<u32, Fetched>, SessionError> {
    let mut messages = BTreeMap::new();
    let mut open = vec![uids.to_vec()];
    while let Some(chunk) = open.pop() {
        if chunk.is_empty() {
            continue;
        }
        let command = format!("UID FETCH {} ({items})", set(&chunk));
        let answer = wire.command(&command, |response| keep(&mut messages, &chunk, response)).await?;
        let missing: Vec<_> = chunk.iter().copied().filter(|uid| !messages.contains_key(uid)).collect();
        let because = match answer.outcome {
            Outcome::Ok if answer.garbled == 0 => continue,
            // Some servers answer everything and then NO, because another message had vanished.
            Outcome::Ok | Outcome::No if missing.is_empty() => continue,
            Outcome::Ok => Unreadable::Garbled,
            Outcome::No if !answer.is_busy() || answer.code == "SERVERBUG" => Unreadable::Withheld,
            Outcome::No | Outcome::Bad => return answer.ok().map(|()| messages),
        };
        match (&missing[..], chunk.len()) {
            ([uid], 1) => put_aside.push(PutAside { uid: *uid, because }),
            ([_], _) => open.push(missing),
            (several, _) => {
                let (low, high) = several.split_at(several.len() / 2);
                open.extend([high.to_vec(), low.to_vec()]);
            }
        }
        if put_aside.len() > MOST_PUT_ASIDE {
            return Err(SessionError::Busy("too much can't be read"));
        }
    }
    Ok(messages)
}

/// Puts what a response tells where it belongs, if it belongs to anything we asked for.
fn keep(messages: &mut BTreeMap<u32, Fetched>, asked: &[u32], response: &Response<'_>) {
    let Response::Fetch(_, attributes) = response else { return };
    let Some(uid) = attributes.iter().find_map(uid).filter(|uid| asked.binary_search(uid).is_ok()) else { return };
    // A response with a UID and flags only is news about flags, not an answer.
    let is_answer = attributes.iter().any(|attribute| {
        matches!(
            attribute,
            AttributeValue::InternalDate(_) | AttributeValue::Rfc822Size(_) | AttributeValue::BodySection { .. }
        )
    });
    if !is_answer {
        return;
    }
    let message = messages.entry(uid).or_default();
    for attribute in attributes {
        match attribute {
            AttributeValue::InternalDate(text) => message.internal_date = date(text).or(message.internal_date),
            AttributeValue::Rfc822Size(size) => message.size = Some(*size),
            AttributeValue::Flags(flags) => {
                message.is_seen = Some(flags.iter().any(|flag| flag.eq_ignore_ascii_case("\\Seen")));
            }
            AttributeValue::BodySection { data: Some(data), .. } if message.bytes.is_none() => {
                message.bytes = Some(data.to_vec());
            }
            _ => {}
        }
    }
}

/// ` 7-Sep-2026 01:02:03 +0900`.
fn date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_str(text.trim(), "%d-%b-%Y %H:%M:%S %z").ok().map(|date| date.to_utc())
}

/// The UIDs that match, in order, each once.
pub(super) async fn search(wire: &mut Wire, criteria: &str) -> Result<Vec<u32>, SessionError> {
    let mut found = Vec::new();
    let command = format!("UID SEARCH {criteria}");
    let answer = wire.command(&command, |response| {
        if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
            found.extend_from_slice(uids);
        }
    });
    let answer = answer.await?;
    answer.ok()?;
    if answer.garbled > 0 && found.is_empty() {
        return Err(SessionError::Protocol("a search result that can't be parsed"));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The highest UID of the open folder. There is one wherever there are messages: a server that finds none is not believed.
pub(super) async fn highest(wire: &mut Wire) -> Result<u32, SessionError> {
    if let Some(uid) = search(wire, "UID *").await?.last() {
        return Ok(*uid);
    }
    // Courier tells no UIDNEXT, and knows `*` in a FETCH only.
    let mut found = None;
    let answer = wire.command("UID FETCH * (UID)", |response| {
        if let Response::Fetch(_, attributes) = response {
            found = attributes.iter().find_map(uid).max(found);
        }
    });
    answer.await?.ok()?;
    found.ok_or(SessionError::Busy("the last message can't be found"))
}

const fn uid(attribute: &AttributeValue<'_>) -> Option<u32> {
    match attribute {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    }
}

/// `1:3,7` for 1, 2, 3 and 7.
pub(super) fn set(uids: &[u32]) -> String {
    let mut out = String::new();
    let mut runs = uids.chunk_by(|one, next| one.checked_add(1) == Some(*next)).peekable();
    while let Some(run) = runs.next() {
        // Writing to a string does not fail.
        let _ = match run {
            [first, .., last] => write!(out, "{first}:{last}"),
            [only] => write!(out, "{only}"),
            [] => Ok(()),
        };
        if runs.peek().is_some() {
            out.push(',');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_in_a_row_are_named_as_a_range() {
        assert_eq!(set(&[1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
        assert_eq!(set(&[u32::MAX]), "4294967295");
    }

    #[test]
    fn a_date_may_begin_with_a_space() {
        assert_eq!(date(" 7-Sep-2026 01:02:03 +0900").unwrap().to_rfc3339(), "2026-09-06T16:02:03+00:00");
        assert_eq!(date("yesterday"), None);
    }
}
