//! How much of a worker one endpoint gets, and how much of it all that answer badly get together.
//!
//! A dead endpoint costs up to 20 seconds an attempt. With a thousand deliveries waiting for it, a worker would do
//! little else. So one that has not answered well lately gets no more attempts at a time than it has left until five have
//! failed in a row; from then on one delivery a minute is let through as a probe, and the others wait without being counted
//! as tried. One that answers well, but takes its time, gets at most half of the slots.
//!
//! Many of them would still take everything. So only those that answered well and soon lately have all slots. All that are dead or
//! slow have half of them together, of which one company has at most three quarters, since an MSP's endpoints tend to fail all at
//! once, and a company that has none of them one more. Whoever has failed, but soon, or was never called by this worker, is tried
//! out in a quarter of the slots, one request each, and need not wait behind what is slow. Each worker keeps its own times: two
//! workers probe twice a minute.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::id::{EndpointId, MspId};

/// After so many in a row it is dead.
pub(super) const MAX_FAILURES: u32 = 5;
const PROBE_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Over so many minutes those are spread that wait while there are probes: who is told to come back costs a little too.
const SPREAD: u32 = 10;
/// Those that find no room come back one after the other, as fast as the endpoint answers: at least and at most so long apart.
const LEAST_APART: Duration = Duration::from_millis(2);
const MOST_APART: Duration = Duration::from_secs(5);
/// And none of them later than this.
const MOST_WAIT: TimeDelta = TimeDelta::minutes(1);
/// Who takes longer is slow.
const SOON: Duration = Duration::from_secs(1);
/// So many endpoints are remembered that nothing is being sent to.
const MOST_REMEMBERED: usize = 10_000;

/// What is known of each endpoint.
#[derive(Debug)]
pub(super) struct Breaker {
    /// How many requests at a time one endpoint gets at most, and all that are slow or fail together.
    half: usize,
    known: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    endpoints: HashMap<EndpointId, Known>,
    /// Those that are dead or slow.
    slow: Lane,
    /// Those of which that is not known.
    trial: Lane,
}

/// What some endpoints have together.
#[derive(Debug, Default)]
struct Lane {
    in_flight: usize,
    /// How many of them are whose.
    of: HashMap<MspId, usize>,
    turns: Turns,
}

#[derive(Debug, Default)]
struct Known {
    in_flight: usize,
    /// The last attempt that ended was one that worked.
    answers: bool,
    /// When the last one ended, or the first of them began.
    moved: Option<Instant>,
    turns: Turns,
    /// When it may be probed next.
    probe_at: Option<DateTime<Utc>>,
    /// How many were told to wait for a probe.
    waiting: u32,
}

/// Who finds no room comes back one after the other.
#[derive(Debug, Default)]
struct Turns {
    /// How long attempts take.
    takes: Duration,
    /// When the last of those comes back that found no room.
    last: Option<DateTime<Utc>>,
}

/// In which lane a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// In none.
    Free,
    Slow,
    Trial,
}

/// Leave to send one request; it ends with this value.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    of: &'a Breaker,
    msp: MspId,
    endpoint: EndpointId,
    way: Way,
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
        let took = self.worked.is_some().then(|| self.began.elapsed());
        let mut all = self.of.lock();
        match self.way {
            Way::Free => {}
            Way::Slow => all.slow.leave(self.msp, took),
            Way::Trial => all.trial.leave(self.msp, took),
        }
        if let Some(known) = all.endpoints.get_mut(&self.endpoint) {
            known.in_flight = known.in_flight.saturating_sub(1);
            known.answers = self.worked.unwrap_or(known.answers);
            known.moved = Some(Instant::now());
            known.turns.note(took);
        }
    }
}

impl Breaker {
    /// For a worker that sends so many at a time.
    pub(super) fn new(slots: usize) -> Self {
        Self { half: slots.div_ceil(2), known: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the attempt through, or says when to come back. `failures` in a row are as stored.
    pub(super) fn admit(
        &self,
        msp: MspId,
        endpoint: EndpointId,
        failures: u32,
        now: DateTime<Utc>,
    ) -> Result<Pass<'_>, DateTime<Utc>> {
        let mut all = self.lock();
        let All { endpoints, slow, trial } = &mut *all;
        if endpoints.len() >= MOST_REMEMBERED {
            endpoints.retain(|_, known| known.in_flight > 0);
        }
        let known = endpoints.entry(endpoint).or_default();
        known.room(failures, self.half, now)?;
        let (is_dead, is_soon) = (failures >= MAX_FAILURES, known.answers_soon());
        let way = if is_soon && known.answers && failures == 0 {
            Way::Free
        } else if is_soon && !is_dead && known.in_flight == 0 && trial.enter(msp, self.half.div_ceil(2), now).is_ok() {
            Way::Trial
        } else {
            let entered = slow.enter(msp, self.half, now);
            // The others of a dead one wait for when this one comes back.
            known.probe_at = entered.err().filter(|_turn| is_dead);
            entered?;
            Way::Slow
        };
        if known.in_flight == 0 {
            known.moved = Some(Instant::now());
        }
        known.in_flight += 1;
        known.probe_at = is_dead.then(|| now + PROBE_EVERY);
        Ok(Pass { of: self, msp, endpoint, way, began: Instant::now(), worked: None })
    }
}

impl Known {
    /// Whether answers come soon, and none is being waited for longer than that.
    fn answers_soon(&self) -> bool {
        let is_stuck = self.in_flight > 0 && self.moved.is_some_and(|moved| moved.elapsed() > SOON);
        self.turns.takes <= SOON && !is_stuck
    }

    /// Whether there is room for one more; if not, when to come back.
    fn room(&mut self, failures: u32, half: usize, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        if failures < MAX_FAILURES {
            self.waiting = 0;
            let left = usize::try_from(MAX_FAILURES.saturating_sub(failures)).unwrap_or(1);
            let most = if self.answers && failures == 0 { half } else { left.min(half) };
            return if self.in_flight < most { Ok(()) } else { Err(self.turns.next(most, now)) };
        }
        // A time too far ahead was written by a clock that has been set back since.
        match self.probe_at.filter(|at| *at > now && *at <= now + PROBE_EVERY) {
            Some(at) => {
                let place = self.waiting % SPREAD;
                self.waiting = self.waiting.wrapping_add(1);
                Err(at + PROBE_EVERY * i32::try_from(place).unwrap_or(0))
            }
            None => Ok(()),
        }
    }
}

impl Lane {
    fn enter(&mut self, msp: MspId, most: usize, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        let most_of_one = most.saturating_sub(most / 4).max(1);
        let of = self.of.get(&msp).copied().unwrap_or(0);
        let most = if of == 0 { most + most / 4 } else { most };
        if self.in_flight >= most || of >= most_of_one {
            return Err(self.turns.next(most_of_one, now));
        }
        self.in_flight += 1;
        self.of.insert(msp, of + 1);
        Ok(())
    }

    fn leave(&mut self, msp: MspId, took: Option<Duration>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(of) = self.of.get_mut(&msp) {
            *of = of.saturating_sub(1);
        }
        self.of.retain(|_, of| *of > 0);
        self.turns.note(took);
    }
}

impl Turns {
    /// The last few count.
    fn note(&mut self, took: Option<Duration>) {
        if let Some(took) = took {
            self.takes = if self.takes.is_zero() { took } else { (self.takes * 7 + took) / 8 };
        }
    }

    /// When the next one comes back, where so many go at a time.
    fn next(&mut self, at_a_time: usize, now: DateTime<Utc>) -> DateTime<Utc> {
        let apart = (self.takes / u32::try_from(at_a_time).unwrap_or(1).max(1)).clamp(LEAST_APART, MOST_APART);
        let apart = TimeDelta::from_std(apart).unwrap_or(PROBE_EVERY);
        let before = self.last.filter(|last| *last > now && *last < now + MOST_WAIT).unwrap_or(now);
        let turn = before + apart;
        self.last = Some(turn);
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

    fn msp(number: u64) -> MspId {
        MspId::new(DateTime::UNIX_EPOCH, &SeededEntropy::new(number))
    }

    /// Asks for the endpoint with that number, which is the first company's.
    fn asked(breaker: &Breaker, number: u64, failures: u32, now: DateTime<Utc>) -> Result<Pass<'_>, DateTime<Utc>> {
        breaker.admit(msp(1), endpoint(number), failures, now)
    }

    fn refused(breaker: &Breaker, failures: u32, now: DateTime<Utc>) -> DateTime<Utc> {
        asked(breaker, 1, failures, now).err().unwrap()
    }

    #[test]
    fn a_dead_endpoint_is_probed_once_a_minute_until_it_answers() {
        let (breaker, start) = (Breaker::new(16), DateTime::UNIX_EPOCH);
        let admitted = |failures, at| asked(&breaker, 1, failures, at).is_ok();
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
        let held: Vec<_> = (0..5).map(|_| asked(&breaker, 1, 0, start).unwrap()).collect();
        assert!(refused(&breaker, 0, start) > start);
        assert!(asked(&breaker, 2, 0, start).is_ok(), "others are not concerned");
        drop(held);
        let held: Vec<_> = (0..2).map(|_| asked(&breaker, 1, 3, start).unwrap()).collect();
        assert!(refused(&breaker, 3, start) > start);
        drop(held);
    }

    #[test]
    fn one_that_answers_gets_half_of_the_slots() {
        let (breaker, start) = (Breaker::new(32), DateTime::UNIX_EPOCH);
        asked(&breaker, 1, 0, start).unwrap().ended(true);
        let _held: Vec<_> = (0..16).map(|_| asked(&breaker, 1, 0, start).unwrap()).collect();
        let (first, second) = (refused(&breaker, 0, start), refused(&breaker, 0, start));
        assert!(start < first && first < second, "they come back one after the other");
    }

    #[test]
    fn all_that_are_dead_or_slow_get_half_of_the_slots_together() {
        let (breaker, start) = (Breaker::new(32), DateTime::UNIX_EPOCH);
        let _held: Vec<_> = (0..12).map(|number| asked(&breaker, number, 5, start).unwrap()).collect();
        assert!(asked(&breaker, 99, 5, start).is_err(), "three quarters of the half are one company's");
        let others = |number: u64, failures| breaker.admit(msp(2), endpoint(100 + number), failures, start);
        let _of_others: Vec<_> = (0..4).map(|number| others(number, 5).unwrap()).collect();
        assert!(others(4, 5).is_err(), "the half is full");
        assert!(breaker.admit(msp(3), endpoint(200), 5, start).is_ok(), "but for who has none of it");
        for number in 5..9 {
            others(number, 0).unwrap().ended(true);
        }
        let held: Vec<_> =
            (5..9).flat_map(|number| (0..16).map(move |_| number)).map(|number| others(number, 0)).collect();
        assert!(held.iter().all(Result::is_ok), "who answers soon is in nobody's way");
    }

    #[test]
    fn those_of_which_nothing_is_known_are_tried_out_one_request_each() {
        let (breaker, start) = (Breaker::new(32), DateTime::UNIX_EPOCH);
        let _slow: Vec<_> = (0..12).map(|number| asked(&breaker, number, 5, start).unwrap()).collect();
        let first = asked(&breaker, 100, 0, start).unwrap();
        assert!(asked(&breaker, 100, 0, start).is_err(), "one is enough to know it");
        let trials: Vec<_> = (101..106).map(|number| asked(&breaker, number, 0, start).unwrap()).collect();
        assert!(
            asked(&breaker, 106, 0, start).is_err(),
            "a quarter of the slots, and three quarters of it are one company's"
        );
        assert!(breaker.admit(msp(2), endpoint(106), 0, start).is_ok());
        first.ended(true);
        assert!(asked(&breaker, 100, 0, start).is_ok(), "it answers");
        drop(trials);
    }

    #[test]
    fn who_takes_longer_than_a_second_is_slow_until_it_no_longer_does() {
        let mut turns = Turns::default();
        turns.note(Some(Duration::from_secs(2)));
        assert!(turns.takes > SOON, "the first says it");
        let soon = (0..20).position(|_| {
            turns.note(Some(Duration::from_millis(20)));
            turns.takes <= SOON
        });
        assert_eq!(soon, Some(5));
    }

    #[test]
    fn who_answers_no_more_is_slow_before_the_first_has_timed_out() {
        let (breaker, start) = (Breaker::new(32), DateTime::UNIX_EPOCH);
        asked(&breaker, 1, 0, start).unwrap().ended(true);
        let first = asked(&breaker, 1, 0, start).unwrap();
        breaker.lock().endpoints.get_mut(&endpoint(1)).unwrap().moved = Instant::now().checked_sub(SOON * 2);
        let next = asked(&breaker, 1, 0, start).unwrap();
        assert_eq!([first.way, next.way], [Way::Free, Way::Slow]);
        first.ended(true);
        assert_eq!(asked(&breaker, 1, 0, start).unwrap().way, Way::Free);
    }

    #[test]
    fn one_that_has_failed_soon_does_not_wait_behind_what_is_slow() {
        let (breaker, start) = (Breaker::new(32), DateTime::UNIX_EPOCH);
        let _slow: Vec<_> = (0..12).map(|number| asked(&breaker, number, 5, start).unwrap()).collect();
        asked(&breaker, 100, 0, start).unwrap().ended(false);
        let again = asked(&breaker, 100, 1, start).unwrap();
        assert_eq!(again.way, Way::Trial);
        again.ended(true);
        assert_eq!(asked(&breaker, 100, 0, start).unwrap().way, Way::Free);
    }

    #[test]
    fn a_probe_that_finds_the_lane_full_is_not_used_up() {
        let (breaker, start) = (Breaker::new(2), DateTime::UNIX_EPOCH);
        let held = asked(&breaker, 1, 5, start).unwrap();
        let back = asked(&breaker, 2, 5, start).err().unwrap();
        assert!(back < start + PROBE_EVERY);
        assert_eq!(asked(&breaker, 2, 5, start).err(), Some(back), "the others wait for it");
        drop(held);
        assert!(asked(&breaker, 2, 5, back).is_ok());
    }

    #[test]
    fn what_was_not_sent_after_all_says_nothing_of_the_endpoint() {
        let (breaker, start) = (Breaker::new(32), DateTime::UNIX_EPOCH);
        asked(&breaker, 1, 0, start).unwrap().ended(true);
        drop(asked(&breaker, 1, 0, start).unwrap());
        let held: Vec<_> = (0..16).map_while(|_| asked(&breaker, 1, 0, start).ok()).collect();
        assert_eq!(held.len(), 16, "it still answers");
    }

    #[test]
    fn a_probe_is_not_awaited_for_longer_than_a_minute_when_the_clock_is_set_back() {
        let (breaker, start) = (Breaker::new(8), DateTime::UNIX_EPOCH + TimeDelta::days(1));
        assert!(asked(&breaker, 1, 5, start).is_ok());
        assert!(asked(&breaker, 1, 6, start - TimeDelta::hours(1)).is_ok());
    }
}
