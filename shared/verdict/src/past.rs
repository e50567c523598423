//! Whose mail came back before, and how it had been sent: an owner's mailings go out again and again.
//!
//! The dead addresses of a list come back after each issue, and each is sent with the same tool from the same network. A
//! thief writes to people who were never written to, from a place of his own. So what is older than any bounce of the
//! same mail can be is known again; what came of a probable theft, or before the mailbox was secured, is not,
//! and how a mail of a suspected one was sent is no habit.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::Clue;
use crate::evidence::Observation;

/// Most hosts give a mail up after five days, so what comes back later is of another one.
const OLD: TimeDelta = TimeDelta::days(5);
/// Longer than this nobody's list rests.
const LONGEST: TimeDelta = TimeDelta::days(200);
/// Most recipients that are remembered.
const RECIPIENTS: usize = 256;
/// Most ways of sending.
const SENDERS: usize = 16;

/// What came back before, as hashes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Past {
    recipients: Vec<Known>,
    senders: Vec<Known>,
}

/// A hash, and when it was first and last seen, in hours: short, because there are many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Known(u32, i32, i32);

impl Past {
    /// The clues of a bounce, with what is known again.
    pub(crate) fn retold(&self, seen: &Observation, at: DateTime<Utc>) -> Vec<Clue> {
        let mut clues = seen.clues.clone();
        if !clues.contains(&Clue::RecipientKnown) && is_old(&self.recipients, seen.recipient, at) {
            clues.retain(|clue| *clue != Clue::RecipientNew);
            clues.push(Clue::RecipientReturned);
        }
        if seen.sender.is_some_and(|sender| is_old(&self.senders, sender, at)) {
            clues.retain(|clue| *clue != Clue::FingerprintNew);
            if !clues.contains(&Clue::FingerprintSeen) {
                clues.push(Clue::FingerprintSeen);
            }
        }
        clues
    }

    /// Remembers a bounce. `sender`: how it had been sent, unless that may be a thief's way.
    pub(crate) fn note(&mut self, seen: &Observation, sender: Option<u64>, at: DateTime<Utc>) {
        if seen.is_delay {
            return;
        }
        note(&mut self.recipients, RECIPIENTS, seen.recipient, at);
        if let Some(sender) = sender {
            note(&mut self.senders, SENDERS, sender, at);
        }
    }

    /// Forgets what is not old enough yet, as of the newest: it may be a thief's.
    pub(crate) fn forget_young(&mut self) {
        for all in [&mut self.recipients, &mut self.senders] {
            let newest = all.iter().map(|known| known.2).max().unwrap_or_default();
            all.retain(|known| i64::from(newest - known.1) >= OLD.num_hours());
        }
    }
}

fn hours(at: DateTime<Utc>) -> i32 {
    i32::try_from(at.timestamp().div_euclid(3600)).unwrap_or(i32::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "half of a hash is one")]
const fn short(hash: u64) -> u32 {
    (hash ^ (hash >> 32)) as u32
}

fn is_old(all: &[Known], hash: u64, at: DateTime<Utc>) -> bool {
    let (hash, now) = (short(hash), hours(at));
    let is_it = |known: &&Known| known.0 == hash && i64::from(now - known.2) <= LONGEST.num_hours();
    all.iter().find(is_it).is_some_and(|known| i64::from(now - known.1) >= OLD.num_hours())
}

fn note(all: &mut Vec<Known>, most: usize, hash: u64, at: DateTime<Utc>) {
    let (hash, now) = (short(hash), hours(at));
    if let Some(known) = all.iter_mut().find(|known| known.0 == hash) {
        known.2 = known.2.max(now);
        return;
    }
    if all.len() >= most {
        let oldest = all.iter().enumerate().min_by_key(|(_, known)| known.2).map(|(place, _)| place);
        if let Some(place) = oldest {
            all.remove(place);
        }
    }
    all.push(Known(hash, now, now));
}
