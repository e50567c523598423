//! How often a dead endpoint is tried.
//!
//! A dead endpoint costs up to 20 seconds an attempt. With a thousand deliveries waiting for it, a worker would do
//! little else. So after five failures in a row one delivery a minute is let through as a probe, and the others wait
//! without being counted as tried. Each worker keeps its own times: two workers probe twice a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::id::EndpointId;

const MAX_FAILURES: u32 = 5;
const PROBE_EVERY: TimeDelta = TimeDelta::minutes(1);

/// When each dead endpoint may be tried next.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<HashMap<EndpointId, DateTime<Utc>>>);

impl Breaker {
    /// Lets the attempt through, or says when to come back. `failures` in a row are as stored.
    pub(super) fn admit(&self, endpoint: EndpointId, failures: u32, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures < MAX_FAILURES {
            next.remove(&endpoint);
            return Ok(());
        }
        match next.get(&endpoint) {
            Some(at) if *at > now => Err(*at),
            _ => {
                next.insert(endpoint, now + PROBE_EVERY);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use daimon_domain::clock::SeededEntropy;

    use super::*;

    #[test]
    fn a_dead_endpoint_is_probed_once_a_minute_until_it_answers() {
        let (breaker, start) = (Breaker::default(), DateTime::UNIX_EPOCH);
        let endpoint = EndpointId::new(start, &SeededEntropy::new(1));
        for failures in 0..MAX_FAILURES {
            assert_eq!(breaker.admit(endpoint, failures, start), Ok(()));
        }
        assert_eq!(breaker.admit(endpoint, 5, start), Ok(()));
        let minute = start + PROBE_EVERY;
        assert_eq!(breaker.admit(endpoint, 6, start + TimeDelta::seconds(59)), Err(minute));
        assert_eq!(breaker.admit(endpoint, 6, minute), Ok(()));
        assert_eq!(breaker.admit(endpoint, 7, minute), Err(minute + PROBE_EVERY));
        assert_eq!(breaker.admit(endpoint, 0, minute), Ok(()));
        assert_eq!(breaker.admit(endpoint, 0, minute), Ok(()));
    }
}
