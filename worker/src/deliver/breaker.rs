//! How much of a worker one endpoint gets.
//!
//! A dead endpoint costs up to 20 seconds an attempt. With a thousand deliveries waiting for it, a worker would do
//! little else. So one that has not answered well lately gets no more attempts at a time than it has left until five have
//! failed in a row; from then on one delivery a minute is let through as a probe, and the others wait without being counted
//! as tried. One that answers well, but takes its time, gets at most half of the slots. Each worker keeps its own times: two
//! workers probe twice a minute.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::id::EndpointId;

const MAX_FAILURES: u32 = 5;
const PROBE_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Over so many minutes those are spread that wait while there are probes: who is told to come back costs a little too.
const SPREAD: u32 = 10;
/// Those that find no room come back one after the other, as fast as the endpoint answers: at least and at most so long apart.
const LEAST_APART: Duration = Duration::from_millis(2);
const MOST_APART: Duration = Duration::from_secs(5);
/// And none of them later than this.
const MOST_WAIT: TimeDelta = TimeDelta::minutes(1);
/// So many endpoints are remembered that nothing is being sent to.
const MOST_REMEMBERED: usize = 10_000;

/// What is known of each endpoint.
#[derive(Debug)]
pub(super) struct Breaker {
    /// How many requests at a time one endpoint gets at most.
    most: usize,
    known: Mutex<HashMap<EndpointId, Known>>,
}

#[derive(Debug, Default)]
struct Known {
    in_flight: usize,
    /// The last attempt that ended was one that worked.
    answers: bool,
    /// How long attempts take.
    takes: Duration,
    /// When it may be probed next.
    probe_at: Option<DateTime<Utc>>,
    /// How many were told to wait for a probe.
    waiting: u32,
    /// When the last of those comes back that found no room.
    turn: Option<DateTime<Utc>>,
}

/// Leave to send one request; it ends with this value.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    of: &'a Breaker,
    endpoint: EndpointId,
    began: Instant,
    /// `None`: nothing was sent.
    worked: Option<bool>,
}

impl Pass<'_> {
    /// The attempt ended, well or badly.
    pub(super) fn ended(mut self, worked: bool) {
        self.worked = Some(worked);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(known) = self.of.lock().get_mut(&self.endpoint) {
            known.in_flight = known.in_flight.saturating_sub(1);
            if let Some(worked) = self.worked {
                known.answers = worked;
                // The last few count.
                known.takes = (known.takes * 7 + self.began.elapsed()) / 8;
            }
        }
    }
}

impl Breaker {
    /// For a worker that sends so many at a time.
    pub(super) fn new(slots: usize) -> Self {
        Self { most: slots.div_ceil(2), known: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the attempt through, or says when to come back. `failures` in a row are as stored.
    pub(super) fn admit(
        &self,
        endpoint: EndpointId,
        failures: u32,
        now: DateTime<Utc>,
    ) -> Result<Pass<'_>, DateTime<Utc>> {
        let mut all = self.lock();
        if all.len() >= MOST_REMEMBERED {
            all.retain(|_, known| known.in_flight > 0);
        }
        let known = all.entry(endpoint).or_default();
        if failures < MAX_FAILURES {
            (known.probe_at, known.waiting) = (None, 0);
            let left = usize::try_from(MAX_FAILURES.saturating_sub(failures)).unwrap_or(1);
            let most = if known.answers && failures == 0 { self.most } else { left.min(self.most) };
            if known.in_flight >= most {
                return Err(known.next_turn(most, now));
            }
        } else {
            // A time too far ahead was written by a clock that has been set back since.
            match known.probe_at.filter(|at| *at > now && *at <= now + PROBE_EVERY) {
                Some(at) => {
                    let place = known.waiting % SPREAD;
                    known.waiting = known.waiting.wrapping_add(1);
                    return Err(at + PROBE_EVERY * i32::try_from(place).unwrap_or(0));
                }
                None => known.probe_at = Some(now + PROBE_EVERY),
            }
        }
        known.in_flight += 1;
        Ok(Pass { of: self, endpoint, began: Instant::now(), worked: None })
    }
}

impl Known {
    /// When the next one comes back that finds no room.
    fn next_turn(&mut self, most: usize, now: DateTime<Utc>) -> DateTime<Utc> {
        let apart = (self.takes / u32::try_from(most).unwrap_or(1).max(1)).clamp(LEAST_APART, MOST_APART);
        let apart = TimeDelta::from_std(apart).unwrap_or(PROBE_EVERY);
        let before = self.turn.filter(|turn| *turn > now && *turn < now + MOST_WAIT).unwrap_or(now);
        let turn = before + apart;
        self.turn = Some(turn);
        turn
    }
}

#[cfg(test)]
mod tests {
    use daimon_domain::clock::SeededEntropy;

    use super::*;

    fn endpoint(number: u64) -> EndpointId {
        EndpointId::new(DateTime::UNIX_EPOCH, &SeededEntropy::new(number))
    }

    fn refused(breaker: &Breaker, failures: u32, now: DateTime<Utc>) -> DateTime<Utc> {
        breaker.admit(endpoint(1), failures, now).err().unwrap()
    }

    #[test]
    fn a_dead_endpoint_is_probed_once_a_minute_until_it_answers() {
        let (breaker, start) = (Breaker::new(8), DateTime::UNIX_EPOCH);
        let admitted = |failures, at| breaker.admit(endpoint(1), failures, at).is_ok();
        for failures in 0..MAX_FAILURES {
            assert!(admitted(failures, start));
        }
        assert!(admitted(5, start));
        let minute = start + PROBE_EVERY;
        assert_eq!(refused(&breaker, 6, start + TimeDelta::seconds(59)), minute);
        assert!(admitted(6, minute));
        assert_eq!(refused(&breaker, 7, minute), minute + PROBE_EVERY * 2, "they are spread");
        assert!(admitted(0, minute));
        assert!(admitted(0, minute));
    }

    #[test]
    fn no_more_are_sent_at_a_time_than_failures_are_left() {
        let (breaker, start) = (Breaker::new(32), DateTime::UNIX_EPOCH);
        let held: Vec<_> = (0..5).map(|_| breaker.admit(endpoint(1), 0, start).unwrap()).collect();
        assert!(refused(&breaker, 0, start) > start);
        assert!(breaker.admit(endpoint(2), 0, start).is_ok(), "others are not concerned");
        drop(held);
        let held: Vec<_> = (0..2).map(|_| breaker.admit(endpoint(1), 3, start).unwrap()).collect();
        assert!(refused(&breaker, 3, start) > start);
        drop(held);
    }

    #[test]
    fn one_that_answers_gets_half_of_the_slots() {
        let (breaker, start) = (Breaker::new(32), DateTime::UNIX_EPOCH);
        breaker.admit(endpoint(1), 0, start).unwrap().ended(true);
        let _held: Vec<_> = (0..16).map(|_| breaker.admit(endpoint(1), 0, start).unwrap()).collect();
        let (first, second) = (refused(&breaker, 0, start), refused(&breaker, 0, start));
        assert!(start < first && first < second, "they come back one after the other");
    }

    #[test]
    fn what_was_not_sent_after_all_says_nothing_of_the_endpoint() {
        let (breaker, start) = (Breaker::new(32), DateTime::UNIX_EPOCH);
        breaker.admit(endpoint(1), 0, start).unwrap().ended(true);
        drop(breaker.admit(endpoint(1), 0, start).unwrap());
        let held: Vec<_> = (0..16).map_while(|_| breaker.admit(endpoint(1), 0, start).ok()).collect();
        assert_eq!(held.len(), 16, "it still answers");
    }

    #[test]
    fn a_probe_is_not_awaited_for_longer_than_a_minute_when_the_clock_is_set_back() {
        let (breaker, start) = (Breaker::new(8), DateTime::UNIX_EPOCH + TimeDelta::days(1));
        assert!(breaker.admit(endpoint(1), 5, start).is_ok());
        assert!(breaker.admit(endpoint(1), 6, start - TimeDelta::hours(1)).is_ok());
    }
}
