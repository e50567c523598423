//! Buckets that all processes take from: how many requests somebody may make.

use std::time::Duration;

/// So many in a window; what was not used is kept for one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How many, at least one.
    pub most: u32,
    /// In how long.
    pub window: Duration,
}

/// How a bucket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// How many are left.
    pub left: u32,
    /// When it is full again.
    pub full_in: Duration,
    /// How long it has none; zero: one was there.
    pub wait: Duration,
}

impl Quota {
    /// What one costs.
    pub(crate) fn each_us(self) -> i64 {
        self.window_us() / i64::from(self.most.max(1))
    }

    /// The window.
    pub(crate) fn window_us(self) -> i64 {
        i64::try_from(self.window.as_micros()).unwrap_or(i64::MAX / 2)
    }

    /// Takes one where nobody else takes: what the script does in Redis. `full_at`: when the bucket is full again, 0 at first.
    pub fn take(self, full_at_us: i64, now_us: i64) -> (i64, Level) {
        let (each, window) = (self.each_us(), self.window_us());
        // What lies further ahead was reckoned by a clock that has been set back since, and says nothing.
        let full_at = if full_at_us > now_us.saturating_add(window) { now_us } else { full_at_us.max(now_us) };
        let wait = (full_at - now_us + each - window).max(0);
        let full_at = if wait == 0 { full_at + each } else { full_at };
        (full_at, self.level(full_at - now_us, wait))
    }

    /// How a bucket stands that is full in `full_in_us`.
    pub(crate) fn level(self, full_in_us: i64, wait_us: i64) -> Level {
        let us = |us: i64| Duration::from_micros(u64::try_from(us).unwrap_or_default());
        let left = (self.window_us() - full_in_us) / self.each_us().max(1);
        Level { left: u32::try_from(left).unwrap_or_default(), full_in: us(full_in_us), wait: us(wait_us) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEVEN: Quota = Quota { most: 7, window: Duration::from_mins(1) };

    /// How many of a hundred at the same moment are there, and the bucket afterwards.
    fn drain(mut full_at: i64, now: i64) -> (usize, i64) {
        let mut there = 0;
        for _ in 0..100 {
            let (next, level) = SEVEN.take(full_at, now);
            there += usize::from(level.wait.is_zero());
            full_at = next;
        }
        (there, full_at)
    }

    #[test]
    fn a_bucket_has_as_many_as_it_holds_and_fills_evenly() {
        let (there, full_at) = drain(0, 1_000_000);
        assert_eq!(there, 7);
        let level = SEVEN.take(full_at, 1_000_000).1;
        assert_eq!(level.left, 0);
        assert!(level.wait > Duration::from_secs(8) && level.wait <= Duration::from_secs(9), "{level:?}");
        assert_eq!(drain(full_at, 1_000_000 + 30_000_000).0, 3);
        assert_eq!(drain(full_at, 1_000_000 + 60_000_000).0, 7);
        assert_eq!(drain(full_at, 1_000_000 + 3_600_000_000).0, 7, "no more is kept than a window's");
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_out() {
        let (_, full_at) = drain(0, 3_600_000_000);
        assert_eq!(drain(full_at, 0).0, 7);
    }
}
