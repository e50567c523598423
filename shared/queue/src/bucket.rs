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

/// What was taken of several buckets at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// How many of each; none: one of them has none left.
    pub count: u32,
    /// How each stands since.
    pub levels: Vec<Level>,
}

impl Taken {
    /// How each of these buckets stands so long after, if so many of those that were taken count as still there.
    pub fn levels_since(&self, quotas: &[Quota], ago_us: i64, unused: u32) -> Vec<Level> {
        let each = |(quota, level): (&Quota, &Level)| {
            let full_in = us(level.full_in) - ago_us - i64::from(unused) * quota.each_us();
            quota.level(full_in.max(0), us(level.wait))
        };
        quotas.iter().zip(&self.levels).map(each).collect()
    }
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
        us(self.window) / i64::from(self.most.max(1))
    }

    /// The window, as far as it is made of whole ones: else there would be more of them than it has.
    pub(crate) fn window_us(self) -> i64 {
        self.each_us() * i64::from(self.most.max(1))
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
        let time = |us: i64| Duration::from_micros(u64::try_from(us).unwrap_or_default());
        let left = (self.window_us() - full_in_us) / self.each_us().max(1);
        Level { left: u32::try_from(left).unwrap_or_default(), full_in: time(full_in_us), wait: time(wait_us) }
    }
}

fn us(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 2)
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

    #[test]
    fn there_are_no_more_than_it_holds_where_they_do_not_divide_the_window() {
        let quota = Quota { most: 700_000, window: Duration::from_mins(1) };
        assert_eq!(quota.take(0, 0).1.left, 699_999);
    }

    #[test]
    fn what_was_taken_and_not_used_counts_as_there_and_the_buckets_fill_meanwhile() {
        let quotas = [SEVEN, Quota { most: 60, window: Duration::from_mins(1) }];
        let level = |quota: Quota, full_in_s: i64| quota.level(full_in_s * 1_000_000, 0);
        let taken = Taken { count: 4, levels: vec![level(SEVEN, 40), level(quotas[1], 30)] };
        let left = |ago_s: i64, unused| {
            let levels = taken.levels_since(&quotas, ago_s * 1_000_000, unused);
            levels.iter().map(|level| (level.left, level.full_in.as_secs())).collect::<Vec<_>>()
        };
        assert_eq!(left(0, 0), [(2, 40), (30, 30)]);
        assert_eq!(left(0, 3), [(5, 14), (33, 27)]);
        assert_eq!(left(10, 3), [(6, 4), (43, 17)]);
        assert_eq!(left(3_600, 3), [(7, 0), (60, 0)], "no more than it holds");
        let refused = Taken { count: 0, levels: vec![SEVEN.level(60_000_000, 5_000_000)] };
        assert_eq!(refused.levels_since(&[SEVEN], 0, 0)[0].wait, Duration::from_secs(5));
    }
}
