//! Buckets of one process, for while Redis is away.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use daimon_queue::{Level, Quota, Taken};

/// More than that are not told apart: whoever comes then shares one bucket.
const MOST: usize = 50_000;

/// When each bucket is full again.
#[derive(Debug, Default)]
pub(super) struct Local(Mutex<HashMap<String, i64>>);

impl Local {
    /// The same as in Redis, of whoever wants one.
    pub(super) fn take(&self, group: &str, buckets: &[(&str, Quota)], now_us: i64) -> Taken {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, full_at| *full_at > now_us);
        }
        let place = |name: &str| {
            let own = format!("{group}:{name}");
            if known.len() < MOST || known.contains_key(&own) { own } else { format!("others:{name}") }
        };
        let names: Vec<String> = buckets.iter().map(|(name, _)| place(name)).collect();
        let taken: Vec<(i64, Level)> = buckets
            .iter()
            .zip(&names)
            .map(|((_, quota), name)| quota.take(known.get(name).copied().unwrap_or_default(), now_us))
            .collect();
        let is_free = taken.iter().all(|(_, level)| level.wait.is_zero());
        if is_free {
            known.extend(names.into_iter().zip(taken.iter().map(|(full_at, _)| *full_at)));
        }
        Taken { count: u32::from(is_free), levels: taken.into_iter().map(|(_, level)| level).collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn quota(most: u32) -> Quota {
        Quota { most, window: Duration::from_mins(1) }
    }

    #[test]
    fn one_of_each_bucket_is_taken_or_none() {
        let local = Local::default();
        let is_free = |key: &str| local.take("msp", &[(key, quota(2)), ("msp", quota(3))], 0).count == 1;
        assert_eq!([is_free("a"), is_free("a"), is_free("a"), is_free("a")], [true, true, false, false]);
        assert_eq!([is_free("b"), is_free("b")], [true, false], "what was refused has cost the MSP nothing");
    }

    #[test]
    fn who_comes_when_there_are_too_many_to_be_told_apart_is_counted_all_the_same() {
        let local = Local::default();
        for number in 0..MOST {
            local.take(&number.to_string(), &[("address", quota(2))], 1);
        }
        let refused = |at: i64| {
            let waits = (0..10).map(|n| local.take(&format!("new{n}"), &[("address", quota(2))], at).levels[0].wait);
            waits.filter(|wait| !wait.is_zero()).count()
        };
        assert_eq!(refused(1), 8);
        assert_eq!(refused(3_600_000_000), 0, "what is full again is forgotten");
    }
}
