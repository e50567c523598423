//! How fast an endpoint is told: a token bucket.
//!
//! The bucket is kept as one time, the one at which it is full again (the "generic cell rate algorithm"), so that all workers
//! share it by sharing a row. It holds what two seconds bring: due work is looked for once a second, so what is due within a
//! second comes at once. Whoever finds it empty is given a turn of its own, one after the other at equal distances, and comes
//! back then: nobody asks again and again.

use chrono::{DateTime, TimeDelta, Utc};

/// What the bucket holds, as the time that brings it.
const HOLDS: TimeDelta = TimeDelta::seconds(2);

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

    /// Takes a token: the bucket without it, or `None` when it is empty.
    pub fn take(self, bucket: Bucket, now: DateTime<Utc>) -> Option<Bucket> {
        let full_at = self.counts_from(bucket, now);
        let is_there = full_at - now <= self.tolerance();
        is_there.then(|| Bucket { full_at: Some(full_at + self.interval()), ..bucket })
    }

    /// Gives away `count` turns: the first one, and the bucket after them.
    pub fn give_turns(self, bucket: Bucket, count: u32, now: DateTime<Utc>) -> (DateTime<Utc>, Bucket) {
        let full_at = self.counts_from(bucket, now);
        // A bucket that was filled by a clock which has been set back since says nothing of the turns either.
        let was_set_back = bucket.full_at.is_some_and(|at| at > full_at);
        let given = bucket.turns_until.filter(|_at| !was_set_back).unwrap_or(full_at);
        let first = given.max(full_at);
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        (first, Bucket { full_at: Some(full_at), turns_until: Some(first + self.interval() * count) })
    }

    fn tolerance(self) -> TimeDelta {
        (HOLDS - self.interval()).max(TimeDelta::zero())
    }

    /// When the bucket is full again, at the earliest now. What lies further ahead than any bucket can was written by a clock
    /// that has been set back since.
    fn counts_from(self, bucket: Bucket, now: DateTime<Utc>) -> DateTime<Utc> {
        let longest = now + self.tolerance() + self.interval();
        bucket.full_at.filter(|at| *at <= longest).unwrap_or(now).max(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pace(per_minute: u32) -> Pace {
        Pace::try_from(per_minute).unwrap()
    }

    /// When each of `count` requests is let through that all come at once, and are looked at every `look_ms`.
    fn let_through(pace: Pace, count: u32, look_ms: i64) -> Vec<DateTime<Utc>> {
        let mut bucket = Bucket::default();
        let mut due: Vec<DateTime<Utc>> = vec![DateTime::UNIX_EPOCH; usize::try_from(count).unwrap()];
        let mut sent = Vec::new();
        let mut now = DateTime::UNIX_EPOCH;
        while !due.is_empty() {
            due.sort();
            for at in due.iter_mut().filter(|at| **at <= now) {
                if let Some(after) = pace.take(bucket, now) {
                    bucket = after;
                    sent.push(now);
                    *at = DateTime::<Utc>::MAX_UTC;
                } else {
                    (*at, bucket) = pace.give_turns(bucket, 1, now);
                }
            }
            due.retain(|at| *at != DateTime::<Utc>::MAX_UTC);
            now += TimeDelta::milliseconds(look_ms);
        }
        sent
    }

    #[test]
    fn every_minute_has_what_was_asked_for_within_5_percent() {
        for per_minute in [60, 300, 600] {
            for look_ms in [100, 1_000] {
                let sent = let_through(pace(per_minute), per_minute * 4, look_ms);
                for minute in 0..3 {
                    let from = DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
                    let within = |at: &&DateTime<Utc>| **at >= from && **at < from + TimeDelta::minutes(1);
                    let came = sent.iter().filter(within).count();
                    let off = came.abs_diff(usize::try_from(per_minute).unwrap()) * 100;
                    assert!(off <= usize::try_from(per_minute * 5).unwrap(), "{per_minute}, {look_ms} ms: {came}");
                }
            }
        }
    }

    #[test]
    fn who_waits_is_given_a_turn_and_comes_back_once() {
        let (slow, now) = (pace(6), DateTime::UNIX_EPOCH);
        let bucket = slow.take(Bucket::default(), now).unwrap();
        assert_eq!(slow.take(bucket, now), None);
        let (first, bucket) = slow.give_turns(bucket, 3, now);
        let (fourth, bucket) = slow.give_turns(bucket, 1, now);
        assert_eq!([first - now, fourth - now], [10, 40].map(TimeDelta::seconds));
        assert!(slow.take(bucket, first).is_some());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_an_endpoint() {
        let (slow, now) = (pace(1), DateTime::UNIX_EPOCH);
        let ahead = Some(now + TimeDelta::days(1));
        let bucket = Bucket { full_at: ahead, turns_until: ahead };
        assert!(slow.take(bucket, now).is_some());
        assert_eq!(slow.give_turns(bucket, 1, now).0, now);
    }

    proptest! {
        #[test]
        fn never_more_than_the_bucket_holds_is_let_through_at_once(per_minute in 1_u32..=60_000) {
            let pace = pace(per_minute);
            let mut bucket = Bucket::default();
            let mut taken = 0;
            while let Some(after) = pace.take(bucket, DateTime::UNIX_EPOCH) {
                bucket = after;
                taken += 1;
            }
            // An interval is whole microseconds, which makes a thousandth more of the fastest.
            prop_assert!(taken <= per_minute / 30 + per_minute / 500 + 1, "{}", taken);
        }
    }
}
