//! How complete Sent is: of the own messages that people answer, the share of which there is a copy.
//!
//! A thief's mail is answered too and is in no Sent folder, so that a theft would soften what speaks for it. Therefore
//! answers of machines count nothing, an answer waits for two days before it is learnt, and what waits is forgotten when
//! the mailbox falls under suspicion meanwhile. Both the pool and `scan` measure it here.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// A share of fewer answered messages says nothing.
const LEAST_ANSWERED: u32 = 10;
/// Beyond so many answered messages, old ones fade, so that a change of mail program shows within a few hundred.
const MOST_ANSWERED: u32 = 400;
/// How many answered messages are known again.
const KNOWN_AGAIN: usize = 1024;
/// Most answers that wait; more in two days are not an owner's.
const MOST_WAITING: usize = 256;
/// How long they wait.
const SETTLED: TimeDelta = TimeDelta::days(2);

/// What was learnt so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Coverage {
    /// Own messages that others answered.
    answered: u32,
    /// Those of them that are in Sent.
    answered_and_sent: u32,
    /// Younger answers, oldest first.
    waiting: VecDeque<Answered>,
    /// A keyed hash of each of the newest messages that were counted, and when the answer came, in seconds.
    counted: VecDeque<(u64, i64)>,
    /// Some that came until then are not known again.
    forgotten_until: Option<i64>,
}

/// An own message that somebody answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answered {
    /// A keyed hash of its Message-ID.
    pub(super) message: u64,
    /// Whether there is a copy.
    pub(super) is_in_sent: bool,
    /// When the answer came, in seconds.
    pub(super) at: i64,
}

impl Coverage {
    /// Hears of an answer.
    pub(super) fn hear(&mut self, answered: Answered) {
        let is_waiting = self.waiting.iter().any(|one| one.message == answered.message);
        if !is_waiting && self.waiting.len() < MOST_WAITING {
            self.waiting.push_back(answered);
        }
    }

    /// Learns what has waited for two days; forgets what waits if the mailbox is under suspicion.
    pub(super) fn settle(&mut self, now: DateTime<Utc>, is_suspected: bool) {
        if is_suspected {
            self.waiting.clear();
        }
        let settled = (now - SETTLED).timestamp();
        let waiting = std::mem::take(&mut self.waiting);
        for one in waiting {
            if one.at <= settled { self.learn(one) } else { self.waiting.push_back(one) }
        }
    }

    /// Each message counts once, however often it is answered and the answer is read.
    fn learn(&mut self, one: Answered) {
        if !self.is_first(one.message, one.at) {
            return;
        }
        self.answered += 1;
        self.answered_and_sent += u32::from(one.is_in_sent);
        if self.answered > MOST_ANSWERED {
            self.answered /= 2;
            self.answered_and_sent /= 2;
        }
    }

    /// Whether it is the first answer to that message; `false` also when that can't be told any more.
    fn is_first(&mut self, message: u64, at: i64) -> bool {
        let may_be_forgotten = self.forgotten_until.is_some_and(|until| at <= until);
        if may_be_forgotten || self.counted.iter().any(|(known, _)| *known == message) {
            return false;
        }
        if self.counted.len() >= KNOWN_AGAIN
            && let Some((_, forgotten)) = self.counted.pop_front()
        {
            self.forgotten_until = self.forgotten_until.max(Some(forgotten));
        }
        self.counted.push_back((message, at));
        true
    }

    /// Which share of the mailbox's mail is in Sent; `None` when that can't be said.
    pub(super) fn share(&self) -> Option<f64> {
        (self.answered >= LEAST_ANSWERED).then(|| f64::from(self.answered_and_sent) / f64::from(self.answered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn day(day: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(day * DAY, 0).unwrap()
    }

    fn answers(coverage: &mut Coverage, messages: std::ops::Range<u64>, is_in_sent: bool, on: i64) {
        messages.for_each(|message| coverage.hear(Answered { message, is_in_sent, at: on * DAY }));
    }

    #[test]
    fn how_complete_sent_is_shows_after_ten_answered_messages() {
        let mut coverage = Coverage::default();
        for _again in 0..2 {
            answers(&mut coverage, 0..9, true, 1);
            coverage.settle(day(3), false);
            assert_eq!(coverage.share(), None);
        }
        answers(&mut coverage, 9..10, false, 1);
        coverage.settle(day(3), false);
        assert_eq!(coverage.share(), Some(0.9));
    }

    #[test]
    fn a_theft_does_not_soften_what_speaks_for_it() {
        let mut coverage = Coverage::default();
        answers(&mut coverage, 0..20, true, 1);
        coverage.settle(day(10), false);
        answers(&mut coverage, 100..200, false, 10);
        coverage.settle(day(11), false);
        assert_eq!(coverage.share(), Some(1.0), "too young");
        coverage.settle(day(12), true);
        coverage.settle(day(13), false);
        assert_eq!(coverage.share(), Some(1.0), "and suspected before they were old enough");
        answers(&mut coverage, 300..320, false, 20);
        coverage.settle(day(22), false);
        assert_eq!(coverage.share(), Some(0.5), "an owner may change his ways");
    }

    #[test]
    fn an_answer_counts_once_however_long_the_mailbox_that_is_read_again() {
        let mut coverage = Coverage::default();
        let mut read = || {
            for n in 0..3_000_u32 {
                let at = i64::from(n);
                coverage.hear(Answered { message: u64::from(n), is_in_sent: n % 2 == 0, at });
                coverage.settle(day(3), false);
            }
            (coverage.answered, coverage.answered_and_sent, coverage.counted.len())
        };
        let first = read();
        assert_eq!(read(), first);
        assert_eq!(first.2, KNOWN_AGAIN);
    }
}
