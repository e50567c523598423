//! What a process takes ahead for whoever asks one thing after the other, so that not every request of theirs waits for Redis.
//!
//! Nobody is given more than they may have: what is taken ahead is gone from the buckets that all processes share. What was
//! not used when its time is over is lost to its caller. So it follows what they have used: an eighth of that is lost at most,
//! while Redis answers in time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use daimon_domain::scope::Actor;
use daimon_queue::{Level, Quota, Taken};

/// So many at once at most.
const MOST: u32 = 64;
/// Of so many that were used since something was lost, one is taken ahead.
const PART: u32 = 8;
/// What was taken is good for so long, on the clock that the buckets fill by.
const LASTS_US: i64 = 100_000;
/// For more callers nothing is taken ahead.
const CALLERS: usize = 10_000;

/// For each caller what was taken last.
#[derive(Debug, Default)]
pub(super) struct Ahead(Mutex<HashMap<Actor, Last>>);

#[derive(Debug)]
struct Last {
    /// When it was taken, or asked for.
    at_us: i64,
    taken: Taken,
    unused: u32,
    /// So many were used since something was lost.
    used: u32,
    /// Somebody asks for the next ones.
    is_asking: bool,
}

impl Last {
    fn lasts(&self, now_us: i64) -> bool {
        // A thread may come later than another that has looked at the clock after it.
        (now_us - self.at_us).abs() < LASTS_US
    }
}

/// What a request counts as.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// One of those that were taken: how the buckets stand.
    Ahead(Vec<Level>),
    /// So many are to be taken now, for this one and those after it.
    Take(u32),
    /// One is to be taken for itself, since others are being taken.
    TakeOne,
}

impl Ahead {
    /// What a request of this caller counts as.
    pub(super) fn next(&self, caller: Actor, quotas: &[Quota], now_us: i64) -> Next {
        let mut known = self.known();
        if known.len() >= CALLERS {
            known.retain(|_, last| last.lasts(now_us));
        }
        if known.len() >= CALLERS && !known.contains_key(&caller) {
            return Next::TakeOne;
        }
        let nothing = || Last {
            at_us: now_us,
            taken: Taken { count: 0, levels: Vec::new() },
            unused: 0,
            used: 0,
            is_asking: false,
        };
        let last = known.entry(caller).or_insert_with(nothing);
        let lasts = last.lasts(now_us);
        if !lasts && last.unused > 0 {
            (last.used, last.unused) = (0, 0);
        }
        last.used = last.used.saturating_add(1);
        if let Some(unused) = last.unused.checked_sub(1) {
            last.unused = unused;
            return Next::Ahead(last.taken.levels_since(quotas, (now_us - last.at_us).max(0), unused));
        }
        if last.is_asking && lasts {
            return Next::TakeOne;
        }
        (last.at_us, last.is_asking) = (now_us, true);
        Next::Take((last.used / PART).clamp(1, MOST))
    }

    /// Keeps what was taken, but for the one that was asked with.
    pub(super) fn keep(&self, caller: Actor, taken: Taken, now_us: i64) {
        let unused = taken.count.saturating_sub(1);
        if let Some(last) = self.known().get_mut(&caller)
            // What comes so late that others were asked for since is lost.
            && last.at_us == now_us
        {
            // Whoever is refused goes on asking, and uses nothing.
            let used = if taken.count == 0 { 0 } else { last.used };
            *last = Last { at_us: now_us, taken, unused, used, is_asking: false };
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Actor, Last>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use daimon_domain::id::KeyId;
    use uuid::Uuid;

    use super::*;

    const QUOTA: Quota = Quota { most: 600, window: Duration::from_mins(1) };

    fn caller(number: u128) -> Actor {
        Actor::Key(KeyId::from_uuid(Uuid::from_u128(number)))
    }

    /// A bucket as it is in Redis, whose last ones are taken one by one, and one process that takes of it.
    #[derive(Default)]
    struct One {
        ahead: Ahead,
        full_at_us: i64,
        /// How many were taken each time that Redis was asked.
        batches: Vec<u32>,
    }

    impl One {
        /// How the bucket stands for a request at this time.
        fn ask(&mut self, now_us: i64) -> Level {
            match self.ahead.next(caller(1), &[QUOTA], now_us) {
                Next::Ahead(levels) => levels[0],
                Next::Take(count) => {
                    let taken = self.take(count, now_us);
                    let levels = taken.levels_since(&[QUOTA], 0, taken.count.saturating_sub(1));
                    self.batches.push(taken.count);
                    self.ahead.keep(caller(1), taken, now_us);
                    levels[0]
                }
                Next::TakeOne => unreachable!("nobody asks besides"),
            }
        }

        fn take(&mut self, wanted: u32, now_us: i64) -> Taken {
            let (mut full_at, level) = QUOTA.take(self.full_at_us, now_us);
            if !level.wait.is_zero() {
                return Taken { count: 0, levels: vec![level] };
            }
            let mut taken = Taken { count: 1, levels: vec![level] };
            while taken.count < wanted.min((level.left + 1) / 16) {
                let (next, level) = QUOTA.take(full_at, now_us);
                (full_at, taken) = (next, Taken { count: taken.count + 1, levels: vec![level] });
            }
            self.full_at_us = full_at;
            taken
        }
    }

    #[test]
    fn the_more_somebody_has_used_the_more_is_taken_for_them_and_each_request_counts_as_one() {
        let mut one = One::default();
        for left in (0..600).rev() {
            let level = one.ask(1_000_000);
            assert_eq!((level.left, level.wait), (left, Duration::ZERO));
        }
        assert!(!one.ask(1_000_000).wait.is_zero(), "600 and no more");
        assert_eq!(one.ahead.next(caller(1), &[QUOTA], 1_000_000), Next::Take(1), "whoever is refused begins anew");
        assert_eq!(one.batches.iter().max(), Some(&24), "{:?}", one.batches);
        assert!(one.batches.len() < 150, "{:?}", one.batches);
        assert_eq!(one.batches[..15], [1; 15]);
        assert!(one.batches.ends_with(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]), "{:?}", one.batches);
    }

    #[test]
    fn an_eighth_of_what_was_used_is_lost_at_most() {
        let (mut one, mut now, mut used) = (One::default(), 0, 0);
        for turn in 0..300 {
            for _ in 0..=turn % 8 {
                assert!(one.ask(now).wait.is_zero(), "after {used}");
                used += 1;
                now += 1_000;
            }
            now += 400_000 + turn * 1_000;
        }
        let taken: u32 = one.batches.iter().sum();
        assert!(taken > used && taken <= used + used / PART, "{taken} for {used}");
    }

    #[test]
    fn what_was_not_used_is_over_and_begins_anew() {
        let mut one = One::default();
        while one.batches.last() != Some(&4) {
            one.ask(0);
        }
        let asked = one.batches.len();
        one.ask(-1);
        assert_eq!(one.batches.len(), asked, "a thread that is late is given one of them");
        one.ask(LASTS_US);
        assert_eq!(one.batches[asked..], [1]);
        one.ask(-LASTS_US);
        assert_eq!(one.batches[asked..], [1, 1], "the clock was set back");
    }

    #[test]
    fn while_some_are_being_taken_one_is_taken_at_a_time() {
        let ahead = Ahead::default();
        assert_eq!(ahead.next(caller(1), &[QUOTA], 0), Next::Take(1));
        assert_eq!(ahead.next(caller(1), &[QUOTA], LASTS_US - 1), Next::TakeOne);
        assert_eq!(ahead.next(caller(2), &[QUOTA], LASTS_US - 1), Next::Take(1), "somebody else");
        assert_eq!(ahead.next(caller(1), &[QUOTA], LASTS_US), Next::Take(1), "whoever asked has gone away");
        assert_eq!(
            ahead.next(caller(1), &[QUOTA], 2 * LASTS_US - 1),
            Next::TakeOne,
            "that is reckoned from when it asked"
        );
        let taken = |count| Taken { count, levels: vec![QUOTA.take(0, 0).1] };
        ahead.keep(caller(1), taken(9), 0);
        assert_eq!(ahead.next(caller(1), &[QUOTA], 2 * LASTS_US - 1), Next::TakeOne, "what comes too late is lost");
        ahead.keep(caller(1), taken(9), LASTS_US);
        assert!(matches!(ahead.next(caller(1), &[QUOTA], 2 * LASTS_US - 1), Next::Ahead(_)));
    }

    #[test]
    fn of_too_many_callers_nothing_is_kept_until_some_are_forgotten() {
        let ahead = Ahead::default();
        for number in 0..CALLERS {
            ahead.next(caller(u128::try_from(number).unwrap()), &[QUOTA], 0);
        }
        assert_eq!(ahead.next(caller(u128::MAX), &[QUOTA], 0), Next::TakeOne);
        assert_eq!(ahead.next(caller(u128::MAX), &[QUOTA], LASTS_US), Next::Take(1));
    }
}
