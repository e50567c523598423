//! How a mailbox sends: with which program, from which networks, under which greeting. A thief brings his own.
//!
//! Programs are learnt from Sent, networks and greetings from bounces of mail that is in Sent: the owner's mistyped
//! addresses. A habit is what was first seen two days ago; where everything submitted is filed in Sent, a thief's mail
//! is there too. That a mail was sent as always is no alibi, so only what is new is told.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::origin::Origin;
use serde::{Deserialize, Serialize};

use crate::submission::Submission;
use crate::template::{fingerprint, fnv};

/// Most of one sort that are kept.
const KEPT: usize = 32;
/// What is younger is no habit.
const SETTLED: TimeDelta = TimeDelta::days(2);
/// Fewer sent mails say nothing of how the mailbox writes.
const LEAST_WRITTEN: u32 = 10;
/// Fewer bounces of own mail say nothing of where it sends from.
const LEAST_SUBMITTED: u32 = 3;

/// What was learnt, as hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Habits {
    written: Sort,
    networks: Sort,
    greetings: Sort,
    /// The provider's lines say who signed in.
    shows_sign_ins: bool,
}

/// Things of one sort: hash, first and last time seen in seconds; how many mails they were learnt from, and how often it
/// was something new.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sort {
    mails: u32,
    novel: u32,
    seen: Vec<(u64, i64, i64)>,
}

impl Sort {
    fn learn(&mut self, what: &str, at: DateTime<Utc>) {
        let (what, at) = (fnv(what.as_bytes()), at.timestamp());
        self.mails = self.mails.saturating_add(1);
        if let Some((_, first, last)) = self.seen.iter_mut().find(|(known, ..)| *known == what) {
            (*first, *last) = ((*first).min(at), (*last).max(at));
            return;
        }
        if self.seen.len() >= KEPT {
            let oldest = self.seen.iter().enumerate().min_by_key(|(_, (_, _, last))| *last).map(|(place, _)| place);
            if let Some(place) = oldest {
                self.seen.remove(place);
            }
        }
        self.novel = self.novel.saturating_add(1);
        self.seen.push((what, at, at));
    }

    /// Whether it is no habit; `false` also when too little is known.
    fn is_new(&self, what: &str, least: u32, at: DateTime<Utc>) -> bool {
        let (what, settled) = (fnv(what.as_bytes()), (at - SETTLED).timestamp());
        // Who is always somewhere else, or writes ids without a shape, has no habit.
        let is_steady = self.novel.saturating_mul(3) <= self.mails;
        let has_habits = self.mails >= least && is_steady && self.seen.iter().any(|(_, first, _)| *first <= settled);
        has_habits && !self.seen.iter().any(|(known, first, _)| *known == what && *first <= settled)
    }
}

impl Habits {
    /// The form in which they are stored; whoever stores them stores this with them.
    pub const VERSION: u32 = 1;

    /// Whether nothing was learnt that would tell the owner from a thief.
    pub fn is_empty(&self) -> bool {
        !self.shows_sign_ins && self.written.seen.is_empty() && self.networks.seen.is_empty()
    }

    /// Learns from a mail in Sent.
    pub fn wrote(&mut self, sent: &Origin, at: DateTime<Utc>) {
        if let Some(written) = fingerprint(sent) {
            self.written.learn(&written, at);
        }
    }

    /// Learns from the bounce of a mail that is in Sent.
    pub fn submitted(&mut self, seen: &Submission, at: DateTime<Utc>) {
        if let Some(network) = seen.network() {
            self.networks.learn(&network.to_string(), at);
        }
        if let Some(helo) = &seen.helo {
            self.greetings.learn(&greeting(helo), at);
        }
    }

    /// Learns whether the provider says who signs in.
    pub fn saw(&mut self, seen: &Submission) {
        self.shows_sign_ins |= seen.is_signed_in;
    }

    /// `Some(false)` where a mail was sent as this mailbox never sends: written by another program, or from another
    /// network by a client with another name. Lists are sent by tools of their own, so of them it says nothing.
    pub fn fingerprint_seen(&self, returned: &Origin, by: Option<&Submission>, at: DateTime<Utc>) -> Option<bool> {
        if returned.list.is_some() {
            return None;
        }
        let writes_anew = fingerprint(returned).is_some_and(|written| self.written.is_new(&written, LEAST_WRITTEN, at));
        let moved = by.and_then(Submission::network).is_some_and(|network| {
            self.networks.is_new(&network.to_string(), LEAST_SUBMITTED, at)
                && by
                    .and_then(|by| by.helo.as_deref())
                    .is_some_and(|helo| self.greetings.is_new(&greeting(helo), LEAST_SUBMITTED, at))
        });
        (writes_anew || moved).then_some(false)
    }
}

/// A greeting without its numbers: `[192.168.1.7]`, `host-17`.
fn greeting(helo: &str) -> String {
    let mut out = String::new();
    for c in helo.chars() {
        let c = if c.is_ascii_digit() { '#' } else { c.to_ascii_lowercase() };
        if !(c == '#' && out.ends_with('#')) {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    fn mail(mailer: &str) -> Origin {
        Origin {
            message_id: Some("12.ab@sakura.example".to_owned()),
            mailer: Some(mailer.to_owned()),
            ..Origin::default()
        }
    }

    fn from(ip: &str, helo: &str) -> Submission {
        Submission { ip: ip.parse().ok(), helo: Some(helo.to_owned()), ..Submission::default() }
    }

    #[test]
    fn another_program_is_new_once_the_mailbox_has_a_habit() {
        let mut habits = Habits::default();
        (0..9).for_each(|n| habits.wrote(&mail("Mail 16.0"), day(n)));
        assert_eq!(habits.fingerprint_seen(&mail("MassSender 4.1"), None, day(20)), None, "too little is known");
        habits.wrote(&mail("Mail 16.1"), day(9));
        assert_eq!(habits.fingerprint_seen(&mail("MassSender 4.1"), None, day(20)), Some(false));
        assert_eq!(habits.fingerprint_seen(&mail("Mail 17"), None, day(20)), None, "and an old one is no alibi");
        let list = Origin { list: Some("news".to_owned()), ..mail("Newsletter") };
        assert_eq!(habits.fingerprint_seen(&list, None, day(20)), None);
    }

    #[test]
    fn what_a_thief_leaves_in_sent_is_no_habit_of_the_owner() {
        let mut habits = Habits::default();
        (0..10).for_each(|n| habits.wrote(&mail("Mail 16.0"), day(n)));
        habits.wrote(&mail("MassSender 4.1"), day(20));
        assert_eq!(habits.fingerprint_seen(&mail("MassSender 4.1"), None, day(21)), Some(false));
        assert_eq!(habits.fingerprint_seen(&mail("MassSender 4.1"), None, day(22)), None);
    }

    #[test]
    fn a_client_is_new_when_network_and_greeting_both_are() {
        let mut habits = Habits::default();
        let office = from("192.0.2.7", "desktop-7");
        (0..3).for_each(|n| habits.submitted(&office, day(n)));
        let seen = |by: &Submission| habits.fingerprint_seen(&Origin::default(), Some(by), day(20));
        assert_eq!(seen(&from("203.0.113.66", "masssender")), Some(false));
        assert_eq!(seen(&from("192.0.2.99", "masssender")), None, "the same network");
        assert_eq!(seen(&from("203.0.113.66", "desktop-12")), None, "the same machine on the road");
        assert!(from("2001:db8:1:2::3", "x").network() == from("2001:db8:1:9::3", "x").network());
    }

    #[test]
    fn who_is_always_somewhere_else_has_no_habit() {
        let mut habits = Habits::default();
        (0..12).for_each(|n| habits.submitted(&from(&format!("10.0.{n}.1"), &format!("{n:?}x{n}y")), day(n)));
        assert_eq!(habits.fingerprint_seen(&Origin::default(), Some(&from("203.0.113.66", "x")), day(20)), None);
    }

    #[test]
    fn only_so_many_are_kept() {
        let mut habits = Habits::default();
        (0..1000).for_each(|n| habits.submitted(&from(&format!("10.{}.{}.1", n / 250, n % 250), "x"), day(n)));
        assert_eq!(habits.networks.seen.len(), KEPT);
        assert!(!habits.is_empty());
    }
}
