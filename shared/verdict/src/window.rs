//! Evidence that no single bounce carries: it is seen over 24 hours, and counts once in them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::bounce::{NoticeKind, NoticeStrength};
use serde::{Deserialize, Serialize};

use crate::Clue;
use crate::evidence::Observation;

/// How long a window is.
pub const WINDOW: TimeDelta = TimeDelta::hours(24);

/// Most things of one sort that are remembered; beyond it, counts read "at least".
pub const KEPT: usize = 128;

/// Mails that pose as reports belong together for so long: whoever sends them does it a few times a day, not all at once.
const FAKES: TimeDelta = TimeDelta::days(3);
const ENOUGH_FAKES: usize = 3;

/// A few mails to somebody abroad are nothing new.
const LEAST_FOREIGN: u32 = 5;

/// Something that happened beside the bounces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// The own provider says what it did. The caller makes sure that it was the provider who wrote it.
    Notice {
        /// What it did.
        kind: NoticeKind,
        /// How much it proves.
        strength: NoticeStrength,
    },
    /// A reply to mail of the own domain that is not in Sent.
    PhantomReply,
    /// A mail from outside that poses as a report and wants its reader to click.
    FakeBounce,
    /// Our password was refused twice, explicitly, and nobody had announced a change.
    CredentialRefused,
    /// Bounces were first seen in Trash, RSS or Notes, or already read, where this mailbox never did so before.
    BouncesHidden,
    /// A bounce was first seen in an ordinary folder: its owner's filter files it away, which counts nothing.
    FiledAway,
    /// The same system fails for at least three tenants within an hour.
    FleetOutage,
    /// The own provider's address is listed in bounces of two unrelated mailboxes.
    FleetListed,
}

/// A set that forgets after 24 hours and holds at most [`KEPT`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recent(Vec<(u64, i64)>);

impl Recent {
    /// Notes one; whether it was new.
    pub(crate) fn note(&mut self, what: u64, at: DateTime<Utc>) -> bool {
        let since = (at - WINDOW).timestamp();
        self.0.retain(|(_, seen)| *seen > since);
        if let Some(known) = self.0.iter_mut().find(|(known, _)| *known == what) {
            known.1 = at.timestamp();
            return false;
        }
        if self.0.len() >= KEPT {
            self.0.remove(0);
        }
        self.0.push((what, at.timestamp()));
        true
    }

    /// How many in the 24 hours before.
    pub(crate) fn count(&self, now: DateTime<Utc>) -> u32 {
        let since = (now - WINDOW).timestamp();
        u32::try_from(self.0.iter().filter(|(_, seen)| *seen > since).count()).unwrap_or(u32::MAX)
    }
}

/// What is remembered of the last 24 hours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Window {
    pub(crate) unexpected: Recent,
    forged: Recent,
    /// Recipients of mail in a language that is new.
    foreign: Recent,
    /// Who wrote the newest bounces.
    reporters: Vec<(u64, i64)>,
    /// Unexpected bounces of the running hour: which, and how many.
    hour: (i64, u32),
    /// Replies to mail nobody wrote: since when, and how many.
    phantoms: (i64, u32),
    /// When the newest mails came that pose as reports.
    #[serde(default)]
    fakes: Vec<i64>,
    /// When each clue last counted.
    counted: BTreeMap<Clue, DateTime<Utc>>,
}

impl Window {
    /// Notes a bounce and returns what the window shows now that it did not show before. `is_unexpected`: nothing says that
    /// the owner wrote it.
    pub(crate) fn note(&mut self, seen: &Observation, is_unexpected: bool, at: DateTime<Utc>) -> Vec<Clue> {
        let mut shown = Vec::new();
        if is_unexpected && !seen.is_delay {
            self.unexpected.note(seen.recipient, at);
            let hour = at.timestamp().div_euclid(3600);
            self.hour = if self.hour.0 == hour { (hour, self.hour.1.saturating_add(1)) } else { (hour, 1) };
            if self.hour.1 >= 100 {
                shown.push(Clue::Volume);
            }
        }
        if seen.is_new_language && seen.is_unexpected && !seen.is_delay {
            self.foreign.note(seen.recipient, at);
            if self.foreign.count(at) >= LEAST_FOREIGN {
                shown.push(Clue::NewLanguage);
            }
        }
        if let Some(reporter) = seen.reporter.filter(|_| is_unexpected) {
            shown.extend(self.reporter(reporter, at));
        }
        if let Some(forged) = seen.forged_local_part {
            self.forged.note(forged, at);
            // A catch-all mailbox; two or three may be colleagues nobody told us of.
            if self.forged.count(at) >= 5 {
                shown.push(Clue::ForgedLocalParts);
            }
        }
        shown.retain(|clue| self.is_first(*clue, at));
        shown
    }

    fn reporter(&mut self, reporter: u64, at: DateTime<Utc>) -> Option<Clue> {
        let since = (at - WINDOW).timestamp();
        self.reporters.retain(|(_, seen)| *seen > since);
        if self.reporters.len() >= KEPT {
            self.reporters.remove(0);
        }
        self.reporters.push((reporter, at.timestamp()));
        let all = self.reporters.len();
        let distinct = self.reporters.iter().map(|(who, _)| who).collect::<BTreeSet<_>>().len();
        match all {
            0..8 => None,
            _ if distinct <= 2 => Some(Clue::ReportersConcentrated),
            _ if distinct * 10 >= all * 6 => Some(Clue::ReportersDispersed),
            _ => None,
        }
    }

    /// Notes a signal; what it shows, how much of it counts (0 to 1), and whether it is proof.
    pub(crate) fn signal(&mut self, signal: Signal, at: DateTime<Utc>) -> Option<(Clue, f64, bool)> {
        let (clue, share, is_proof) = match signal {
            Signal::Notice { kind, strength } => {
                let share = if strength == NoticeStrength::Medium { 0.5 } else { 1.0 };
                let (clue, names_mailbox) = match kind {
                    NoticeKind::MailboxThrottled => (Clue::MailboxThrottled, true),
                    NoticeKind::MailboxBlocked => (Clue::MailboxBlocked, true),
                    NoticeKind::DomainThrottled => (Clue::DomainThrottled, false),
                    NoticeKind::TenantThrottled => (Clue::TenantThrottled, false),
                    NoticeKind::WebSendingLimited => (Clue::WebSendingLimited, false),
                };
                (clue, share, names_mailbox && strength == NoticeStrength::Hard)
            }
            Signal::PhantomReply => {
                if count(&mut self.phantoms, at) < 3 {
                    return None;
                }
                (Clue::PhantomReplies, 1.0, false)
            }
            Signal::FakeBounce => {
                self.fakes.retain(|came| at.timestamp() - *came < FAKES.num_seconds());
                self.fakes.push(at.timestamp());
                // One is everybody's lot.
                let newest = self.fakes.len().checked_sub(ENOUGH_FAKES)?;
                self.fakes.drain(..newest);
                (Clue::FakeBounces, 1.0, false)
            }
            Signal::CredentialRefused => (Clue::CredentialRefused, 1.0, false),
            Signal::BouncesHidden => (Clue::BouncesHidden, 1.0, false),
            Signal::FiledAway => return None,
            Signal::FleetOutage => (Clue::FleetOutage, 1.0, false),
            Signal::FleetListed => (Clue::FleetListed, 1.0, false),
        };
        (self.is_first(clue, at) || is_proof).then_some((clue, share, is_proof))
    }

    pub(crate) fn is_first(&mut self, clue: Clue, at: DateTime<Utc>) -> bool {
        self.counted.retain(|_, counted| at - *counted < WINDOW);
        if self.counted.contains_key(&clue) {
            return false;
        }
        self.counted.insert(clue, at);
        true
    }
}

/// Counts one more in a window that begins with the first.
fn count(window: &mut (i64, u32), at: DateTime<Utc>) -> u32 {
    if at.timestamp() - window.0 >= WINDOW.num_seconds() {
        *window = (at.timestamp(), 0);
    }
    window.1 = window.1.saturating_add(1);
    window.1
}
