//! How a mailbox sends: with which program, from which networks, under which greeting. A thief brings his own.
//!
//! Programs are learnt from Sent, networks and greetings from bounces of mail that is in Sent: the owner's mistyped
//! addresses. A habit is what was first seen two days ago; where everything submitted is filed in Sent, a thief's mail
//! is there too. So what is younger waits, and is forgotten when the mailbox falls under suspicion meanwhile. That a mail
//! was sent as always is no alibi, so only what is new is told.
//!
//! Of languages the same is learnt. Of hours nothing is: forgers, web forms, newsletters and automatic answers keep no hours
//! either, so a mail at night would tell a thief from the owner alone, who may be travelling, and that is told better by a
//! missing copy, an unknown recipient and a strange program.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::origin::Origin;
use serde::{Deserialize, Serialize};

use crate::language::Written;
use crate::submission::Submission;
use crate::template::{fingerprint, fnv};

/// Most of one sort that are kept.
const KEPT: usize = 32;
/// Most of one sort that wait to be learnt.
const WAITING: usize = 128;
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
    scripts: Sort,
    languages: Sort,
    networks: Sort,
    greetings: Sort,
    /// The provider's lines say who signed in.
    shows_sign_ins: bool,
}

/// Things of one sort: how many mails they were learnt from, and how often it was something new.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Sort {
    mails: u32,
    novel: u32,
    seen: Vec<Seen>,
    /// Too young to be a habit. Nothing above changes before it is one: a thief must not push out what the owner does.
    waiting: Vec<Seen>,
}

/// One thing: its hash, first and last time seen in seconds, and in how many mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    what: u64,
    first: i64,
    last: i64,
    mails: u32,
}

impl Sort {
    fn hear(&mut self, what: &str, at: DateTime<Utc>) {
        let (what, at) = (fnv(what.as_bytes()), at.timestamp());
        if let Some(known) = self.waiting.iter_mut().find(|known| known.what == what) {
            (known.first, known.last) = (known.first.min(at), known.last.max(at));
            known.mails = known.mails.saturating_add(1);
        } else if self.waiting.len() < WAITING {
            self.waiting.push(Seen { what, first: at, last: at, mails: 1 });
        }
    }

    fn settle(&mut self, now: DateTime<Utc>) {
        let settled = (now - SETTLED).timestamp();
        let is_settled = |one: &Seen| one.first <= settled;
        let learnt: Vec<Seen> = self.waiting.iter().copied().filter(is_settled).collect();
        self.waiting.retain(|one| !is_settled(one));
        for one in learnt {
            self.learn(one);
        }
    }

    fn learn(&mut self, one: Seen) {
        self.mails = self.mails.saturating_add(one.mails);
        if let Some(known) = self.seen.iter_mut().find(|known| known.what == one.what) {
            (known.first, known.last) = (known.first.min(one.first), known.last.max(one.last));
            known.mails = known.mails.saturating_add(one.mails);
            return;
        }
        if self.seen.len() >= KEPT {
            let oldest = self.seen.iter().enumerate().min_by_key(|(_, known)| known.last).map(|(place, _)| place);
            if let Some(place) = oldest {
                self.seen.remove(place);
            }
        }
        self.novel = self.novel.saturating_add(1);
        self.seen.push(one);
    }

    /// Whether it was learnt, however little is known.
    fn knows(&self, what: &str) -> bool {
        let what = fnv(what.as_bytes());
        self.seen.iter().any(|known| known.what == what)
    }

    /// Whether it is no habit; `false` also when too little is known.
    fn is_new(&self, what: &str, least: u32, at: DateTime<Utc>) -> bool {
        let (what, settled) = (fnv(what.as_bytes()), (at - SETTLED).timestamp());
        // Who is always somewhere else, or writes ids without a shape, has no habit.
        let is_steady = self.novel.saturating_mul(3) <= self.mails;
        let has_habits = self.mails >= least && is_steady && self.seen.iter().any(|known| known.first <= settled);
        has_habits && !self.seen.iter().any(|known| known.what == what && known.first <= settled)
    }
}

impl Habits {
    /// The form in which they are stored; whoever stores them stores this with them.
    pub const VERSION: u32 = 3;
    /// The oldest form that can be read: since then only languages were added.
    pub const OLDEST: u32 = 2;

    /// Whether nothing was learnt that would tell the owner from a thief.
    pub fn is_empty(&self) -> bool {
        !self.shows_sign_ins && self.written.seen.is_empty() && self.networks.seen.is_empty()
    }

    /// Hears of a mail in Sent.
    pub fn wrote(&mut self, sent: &Origin, at: DateTime<Utc>) {
        if let Some(written) = fingerprint(sent) {
            self.written.hear(&written, at);
        }
    }

    /// Hears in which language a mail in Sent is written.
    pub fn wrote_in(&mut self, sent: &Written, at: DateTime<Utc>) {
        if let Some(script) = sent.script {
            self.scripts.hear(script.as_str(), at);
        }
        if let Some(language) = &sent.language {
            self.languages.hear(language, at);
        }
    }

    /// Whether a mail is written in a script or language in which this mailbox never writes; `false` also when too little is
    /// known. What a program does not say of the owner's mail is compared with nothing.
    pub fn is_new_language(&self, returned: &Written, at: DateTime<Utc>) -> bool {
        let is_new_script =
            returned.script.is_some_and(|script| self.scripts.is_new(script.as_str(), LEAST_WRITTEN, at));
        let language = returned.language.as_deref();
        is_new_script || language.is_some_and(|language| self.languages.is_new(language, LEAST_WRITTEN, at))
    }

    /// Whether this mailbox writes with that program, as it has for days.
    pub fn writes_like(&self, returned: &Origin) -> bool {
        fingerprint(returned).is_some_and(|written| self.written.knows(&written))
    }

    /// Hears of the bounce of a mail that is in Sent.
    pub fn submitted(&mut self, seen: &Submission, at: DateTime<Utc>) {
        if let Some(network) = seen.network() {
            self.networks.hear(&network.to_string(), at);
        }
        if let Some(helo) = &seen.helo {
            self.greetings.hear(&greeting(helo), at);
        }
    }

    /// Learns what has waited for two days; forgets what waits if the mailbox is under suspicion.
    pub fn settle(&mut self, now: DateTime<Utc>, is_suspected: bool) {
        let Self { written, scripts, languages, networks, greetings, .. } = self;
        for sort in [written, scripts, languages, networks, greetings] {
            if is_suspected {
                sort.waiting.clear();
            }
            sort.settle(now);
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

    fn settled(mut habits: Habits) -> Habits {
        habits.settle(day(19), false);
        habits
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
        let habits = settled(habits);
        assert_eq!(habits.fingerprint_seen(&mail("MassSender 4.1"), None, day(20)), Some(false));
        assert_eq!(habits.fingerprint_seen(&mail("Mail 17"), None, day(20)), None, "and an old one is no alibi");
        let list = Origin { list: Some("news".to_owned()), ..mail("Newsletter") };
        assert_eq!(habits.fingerprint_seen(&list, None, day(20)), None);
    }

    #[test]
    fn what_a_thief_leaves_in_sent_is_no_habit_of_the_owner() {
        let mut habits = Habits::default();
        (0..10).for_each(|n| habits.wrote(&mail("Mail 16.0"), day(n)));
        habits.settle(day(19), false);
        let before = habits.clone();
        for n in 0..500 {
            let tool: String = format!("{n}").chars().map(|c| char::from(b'a' + c as u8 - b'0')).collect();
            habits.wrote(&mail(&tool), day(20));
        }
        habits.wrote(&mail("MassSender 4.1"), day(20));
        habits.settle(day(21), false);
        let counts = |habits: &Habits| (habits.written.mails, habits.written.novel, habits.written.seen.clone());
        assert_eq!(counts(&habits), counts(&before), "not even many of them");
        assert_eq!(habits.fingerprint_seen(&mail("MassSender 4.1"), None, day(21)), Some(false));
        // Two days later it would be a habit, but the mailbox was suspected meanwhile.
        habits.settle(day(22), true);
        habits.settle(day(23), false);
        assert_eq!(counts(&habits), counts(&before));
        habits.wrote(&mail("MassSender 4.1"), day(30));
        habits.settle(day(32), false);
        assert_eq!(habits.fingerprint_seen(&mail("MassSender 4.1"), None, day(32)), None);
    }

    #[test]
    fn a_client_is_new_when_network_and_greeting_both_are() {
        let mut habits = Habits::default();
        let office = from("192.0.2.7", "desktop-7");
        (0..3).for_each(|n| habits.submitted(&office, day(n)));
        let habits = settled(habits);
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
        let habits = settled(habits);
        assert_eq!(habits.fingerprint_seen(&Origin::default(), Some(&from("203.0.113.66", "x")), day(20)), None);
    }

    #[test]
    fn a_language_is_new_once_the_mailbox_has_its_own() {
        use crate::language::written;
        let japanese = written(Some("ご予約の件"), None, None);
        let english = written(Some("Invoice overdue"), Some("utf-8"), Some("en-US"));
        let mut habits = Habits::default();
        (0..9).for_each(|n| habits.wrote_in(&japanese, day(n)));
        habits.settle(day(19), false);
        assert!(!habits.is_new_language(&english, day(20)), "too little is known");
        habits.wrote_in(&japanese, day(15));
        habits.settle(day(19), false);
        assert!(habits.is_new_language(&english, day(20)));
        assert!(!habits.is_new_language(&japanese, day(20)));
        assert!(!habits.is_new_language(&written(Some("12345"), None, Some("en")), day(20)), "its own mail names none");

        // What the thief sends lies in Sent as well.
        (0..50).for_each(|_| habits.wrote_in(&english, day(20)));
        habits.settle(day(21), false);
        assert!(habits.is_new_language(&english, day(21)));
        habits.settle(day(22), false);
        assert!(!habits.is_new_language(&english, day(22)), "unless nobody minds for two days");
    }

    #[test]
    fn only_so_many_are_kept() {
        let mut habits = Habits::default();
        for n in 0..1000 {
            habits.submitted(&from(&format!("10.{}.{}.1", n / 250, n % 250), "x"), day(n));
            assert!(habits.networks.waiting.len() <= WAITING);
            if n % 200 == 0 {
                habits.settle(day(n), false);
            }
        }
        habits.settle(day(2000), false);
        assert_eq!(habits.networks.seen.len(), KEPT);
        assert!(!habits.is_empty());
    }
}
