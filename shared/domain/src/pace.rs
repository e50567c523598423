//! How fast an endpoint is told: a token bucket.
//!
//! The bucket is kept as one time, the one at which it is full again (the "generic cell rate algorithm"), so that all workers
//! share it by sharing a row. It holds what two seconds bring: due work is looked for once a second, so what is due within a
//! second comes at once. Whoever finds it empty is given a turn of its own, one after the other at equal distances, and comes
//! back then: nobody asks again and again. While there are turns, who comes without one is given the next: otherwise what comes
//! new would take the tokens of what has waited.

use chrono::{DateTime, TimeDelta, Utc};

/// What the bucket holds, as the time that brings it.
const HOLDS: TimeDelta = TimeDelta::seconds(2);
/// Who has a turn may come up to so much too soon after the one before, who came late.
const SLACK: TimeDelta = TimeDelta::seconds(1);

/// How many requests a minute an endpoint bears: 1 to 60,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace(u32);

/// The number can't be a pace.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a rate limit is 1 to 60,000 a minute")]
pub struct MalformedPace;

impl TryFrom<u32> for Pace {
    type Error = MalformedPace;

    fn try_from(per_minute: u32) -> Result<Self, MalformedPace> {
        if matches!(per_minute, 1..=60_000) { Ok(Self(per_minute)) } else { Err(MalformedPace) }
    }
}

/// Where an endpoint stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When the bucket is full again; `None`: it is.
    pub full_at: Option<DateTime<Utc>>,
    /// Until when turns are given away.
    pub turns_until: Option<DateTime<Utc>>,
}

impl Pace {
    /// Requests a minute.
    pub const fn per_minute(self) -> u32 {
        self.0
    }

    /// How long the bucket takes to win one token.
    pub fn interval(self) -> TimeDelta {
        TimeDelta::microseconds(60_000_000 / i64::from(self.0))
    }

    /// Takes a token: the bucket without it, or `None` when it is empty, or promised to those that have turns.
    pub fn take(self, bucket: Bucket, has_turn: bool, now: DateTime<Utc>) -> Option<Bucket> {
        let (full_at, turns_until) = self.stands(bucket, now);
        let is_there = full_at - now <= if has_turn { self.slack() } else { self.tolerance() };
        let is_promised = !has_turn && turns_until.is_some_and(|until| until > now);
        (is_there && !is_promised).then(|| Bucket { full_at: Some(full_at + self.interval()), turns_until })
    }

    /// When there is a token for whoever has a turn and found none.
    pub fn next_token(self, bucket: Bucket, now: DateTime<Utc>) -> DateTime<Utc> {
        (self.stands(bucket, now).0 - self.slack()).max(now)
    }

    /// Gives away `count` turns: the first one, and the bucket after them.
    pub fn give_turns(self, bucket: Bucket, count: u32, now: DateTime<Utc>) -> (DateTime<Utc>, Bucket) {
        let (full_at, turns_until) = self.stands(bucket, now);
        let first = turns_until.unwrap_or(full_at).max(full_at);
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        (first, Bucket { full_at: Some(full_at), turns_until: Some(first + self.interval() * count) })
    }

    fn tolerance(self) -> TimeDelta {
        (HOLDS - self.interval()).max(TimeDelta::zero())
    }

    fn slack(self) -> TimeDelta {
        self.tolerance().max(SLACK.min(self.interval()))
    }

    /// When the bucket is full again, at the earliest now, and until when turns are given away. What lies further ahead than
    /// any bucket can was written by a clock that has been set back since, and says nothing of the turns either.
    fn stands(self, bucket: Bucket, now: DateTime<Utc>) -> (DateTime<Utc>, Option<DateTime<Utc>>) {
        let longest = now + self.slack() + self.interval();
        let was_set_back = bucket.full_at.is_some_and(|at| at > longest);
        let full_at = bucket.full_at.filter(|_at| !was_set_back).unwrap_or(now).max(now);
        (full_at, bucket.turns_until.filter(|_at| !was_set_back))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pace(per_minute: u32) -> Pace {
        Pace::try_from(per_minute).unwrap()
    }

    /// When each of `count` requests is let through that all come at once and are looked at every `look_ms`, and whether it is
    /// one of the `newcomers`, of which there is one each time, before all others.
    fn let_through(pace: Pace, count: u32, look_ms: i64, newcomers: bool) -> Vec<(DateTime<Utc>, bool)> {
        let mut bucket = Bucket::default();
        let come = |at, is_new| (at, false, is_new);
        let mut due: Vec<_> = (0..count).map(|_| come(DateTime::UNIX_EPOCH, false)).collect();
        let mut sent = Vec::new();
        let mut now = DateTime::UNIX_EPOCH;
        while due.iter().any(|(.., is_new)| !is_new) {
            if newcomers {
                due.insert(0, come(now, true));
            }
            for (at, has_turn, is_new) in due.iter_mut().filter(|(at, ..)| *at <= now) {
                if let Some(after) = pace.take(bucket, *has_turn, now) {
                    bucket = after;
                    sent.push((now, *is_new));
                    *at = DateTime::<Utc>::MAX_UTC;
                } else if *has_turn {
                    *at = pace.next_token(bucket, now);
                } else {
                    (*at, bucket) = pace.give_turns(bucket, 1, now);
                    *has_turn = true;
                }
            }
            due.retain(|(at, ..)| *at != DateTime::<Utc>::MAX_UTC);
            due.sort();
            now += TimeDelta::milliseconds(look_ms);
        }
        sent
    }

    #[test]
    fn every_minute_has_what_was_asked_for_within_5_percent() {
        for per_minute in [6, 30, 60, 300, 600] {
            for look_ms in [100, 700, 1_000] {
                let sent = let_through(pace(per_minute), per_minute * 4, look_ms, false);
                for minute in 0..3 {
                    let from = DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
                    let within = |(at, _): &&(DateTime<Utc>, bool)| *at >= from && *at < from + TimeDelta::minutes(1);
                    let came = sent.iter().filter(within).count();
                    let off = came.abs_diff(usize::try_from(per_minute).unwrap()) * 100;
                    assert!(off <= usize::try_from(per_minute * 5).unwrap(), "{per_minute}, {look_ms} ms: {came}");
                }
            }
        }
    }

    #[test]
    fn what_comes_new_takes_no_turn_of_what_has_waited() {
        let sent = let_through(pace(60), 240, 1_000, true);
        let before: Vec<bool> = sent.iter().map(|(_, is_new)| *is_new).collect();
        let of_old = before.iter().filter(|is_new| !**is_new).count();
        assert_eq!(of_old, 240);
        // Two come before anybody was given a turn.
        assert!(before.len() - of_old <= 2, "{} of {}", before.len() - of_old, before.len());
    }

    #[test]
    fn who_waits_is_given_a_turn_and_comes_back_once() {
        let (slow, now) = (pace(6), DateTime::UNIX_EPOCH);
        let bucket = slow.take(Bucket::default(), false, now).unwrap();
        assert_eq!(slow.take(bucket, true, now), None);
        let (first, bucket) = slow.give_turns(bucket, 3, now);
        let (fourth, bucket) = slow.give_turns(bucket, 1, now);
        assert_eq!([first - now, fourth - now], [10, 40].map(TimeDelta::seconds));
        assert_eq!(slow.take(bucket, false, first), None, "that turn is promised");
        assert!(slow.take(bucket, true, first).is_some());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_an_endpoint() {
        let (slow, now) = (pace(1), DateTime::UNIX_EPOCH);
        let ahead = Some(now + TimeDelta::days(1));
        let bucket = Bucket { full_at: ahead, turns_until: ahead };
        let after = slow.take(bucket, false, now).unwrap();
        assert_eq!(slow.give_turns(bucket, 1, now).0, now);
        assert_eq!(after.turns_until, None, "turns that it gave away are not waited for");
    }

    proptest! {
        #[test]
        fn never_more_than_the_bucket_holds_is_let_through_at_once(per_minute in 1_u32..=60_000) {
            let pace = pace(per_minute);
            let mut bucket = Bucket::default();
            let mut taken = 0;
            while let Some(after) = pace.take(bucket, false, DateTime::UNIX_EPOCH) {
                bucket = after;
                taken += 1;
            }
            // An interval is whole microseconds, which makes a thousandth more of the fastest.
            prop_assert!(taken <= per_minute / 30 + per_minute / 500 + 1, "{}", taken);
        }
    }
}
