//! Detectors that see nothing but when bounces arrive: what one would build without reading them.
//!
//! Each gives every bounce a score. An alarm is a score over a threshold, at most one a day; the threshold is the one at
//! which the calibration fleet has one false alarm in 10,000 mailbox-days.

use chrono::{DateTime, Utc};

use crate::fleet::Seen;

/// A detector.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Detector {
    /// Bounces of the last hour.
    HourlyCount,
    /// Poisson CUSUM of the mailbox's own rate against five an hour.
    Cusum,
    /// Exponentially weighted count of six hours, in standard deviations of the mailbox's own rate.
    Ewma,
    /// Bayesian online change point (Adams and `MacKay`) on hourly counts, Gamma-Poisson: the rate an hour that it believes in
    /// now, over all times at which the rate may have changed last.
    ChangePoint,
}

impl Detector {
    pub(crate) const ALL: [Self; 4] = [Self::HourlyCount, Self::Cusum, Self::Ewma, Self::ChangePoint];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HourlyCount => "hourly count",
            Self::Cusum => "Poisson CUSUM",
            Self::Ewma => "EWMA",
            Self::ChangePoint => "Bayesian change point",
        }
    }

    /// The score at each bounce, in the order of time.
    pub(crate) fn scores(self, seen: &Seen) -> Vec<f64> {
        let times: Vec<f64> = seen.bounces.iter().map(|(at, _)| hours(*at)).collect();
        match self {
            Self::HourlyCount => (0..times.len()).map(|last| within(&times, last, 1.0)).collect(),
            Self::Cusum => cusum(&times),
            Self::Ewma => ewma(&times),
            Self::ChangePoint => change_point(&times),
        }
    }
}

fn hours(at: DateTime<Utc>) -> f64 {
    const BEGINNING: i64 = 1_700_000_000;
    f64::from(i32::try_from(at.timestamp() - BEGINNING).unwrap_or_default()) / 3_600.0
}

/// So many bounces in the hours before one of them, itself included.
fn within(times: &[f64], last: usize, hours: f64) -> f64 {
    let Some(now) = times.get(last) else { return 0.0 };
    let recent = times.iter().take(last + 1).rev().take_while(|at| now - **at < hours).count();
    f64::from(u32::try_from(recent).unwrap_or(u32::MAX))
}

/// The own rate an hour, from what was there a day ago; a mailbox without history is taken to have one bounce a week.
struct Rate {
    seen: f64,
    since: f64,
}

impl Rate {
    fn at(times: &[f64], last: usize) -> Self {
        let (first, now) = (times.first().copied().unwrap_or_default(), times.get(last).copied().unwrap_or_default());
        let old = times.iter().take_while(|at| now - **at > 24.0).count();
        Self { seen: f64::from(u32::try_from(old).unwrap_or(u32::MAX)), since: (now - first).max(0.0) }
    }

    fn an_hour(&self) -> f64 {
        (self.seen + 1.0) / (self.since + 168.0)
    }
}

fn cusum(times: &[f64]) -> Vec<f64> {
    const FEARED: f64 = 5.0;
    let (mut sum, mut before) = (0.0_f64, None);
    let score = |(last, at): (usize, &f64)| {
        let own = Rate::at(times, last).an_hour().min(1.0);
        let waited = before.map_or(0.0, |before| at - before);
        before = Some(*at);
        sum = (sum - (FEARED - own) * waited).max(0.0) + (FEARED / own).ln();
        sum
    };
    times.iter().enumerate().map(score).collect()
}

fn ewma(times: &[f64]) -> Vec<f64> {
    const HOURS: f64 = 6.0;
    let (mut count, mut before) = (0.0_f64, None);
    let score = |(last, at): (usize, &f64)| {
        let waited = before.map_or(0.0, |before| at - before);
        before = Some(*at);
        count = count * (-waited / HOURS).exp() + 1.0;
        let expected = Rate::at(times, last).an_hour() * HOURS;
        (count - expected) / (expected / 2.0).sqrt().max(0.05)
    };
    times.iter().enumerate().map(score).collect()
}

/// What is believed of a rate before anything is seen: about one bounce in a fortnight, and very uncertain, so that a
/// few bounces are enough to believe in another one.
const SHAPE: f64 = 0.01;
const SCALE: f64 = 3.0;

/// One hypothesis: the rate has been the same for so many hours, with so many bounces.
#[derive(Clone, Copy)]
struct Run {
    hours: f64,
    bounces: f64,
    log_weight: f64,
}

fn change_point(times: &[f64]) -> Vec<f64> {
    // A change in 10,000 hours.
    const HAZARD: f64 = 1e-4;
    let mut runs = vec![Run { hours: 0.0, bounces: 0.0, log_weight: 0.0 }];
    let mut scores = Vec::with_capacity(times.len());
    let mut from = 0;
    let mut hour = times.first().copied().unwrap_or_default().floor();
    while let Some(next) = times.get(from) {
        // Empty hours at once: they only make each run longer.
        let empty = (next.floor() - hour).max(0.0);
        if empty >= 1.0 {
            for run in &mut runs {
                run.log_weight += empty * (1.0 - HAZARD).ln()
                    + (SHAPE + run.bounces) * ((SCALE + run.hours) / (SCALE + run.hours + empty)).ln();
                run.hours += empty;
            }
            runs.push(Run { hours: 0.0, bounces: 0.0, log_weight: total(&runs) + (HAZARD * empty).min(0.5).ln() });
            hour = next.floor();
        }
        let count = times.iter().skip(from).take_while(|at| **at < hour + 1.0).count();
        // Each bounce of the hour is scored with what had come of it by then.
        for so_far in 1..=count {
            let bounces = f64::from(u32::try_from(so_far).unwrap_or(u32::MAX));
            scores.push(believed(&runs, bounces, HAZARD));
        }
        let bounces = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let changed = total(&runs) + HAZARD.ln();
        for run in &mut runs {
            run.log_weight += (1.0 - HAZARD).ln() + log_likelihood(run, bounces);
            run.hours += 1.0;
            run.bounces += bounces;
        }
        runs.push(Run { hours: 0.0, bounces: 0.0, log_weight: changed });
        runs.sort_by(|a, b| b.log_weight.total_cmp(&a.log_weight));
        runs.truncate(40);
        let all = total(&runs);
        for run in &mut runs {
            run.log_weight -= all;
        }
        hour += 1.0;
        from += count;
    }
    scores
}

/// The rate an hour, after so many bounces in this one.
fn believed(runs: &[Run], bounces: f64, hazard: f64) -> f64 {
    let fresh = Run { hours: 0.0, bounces: 0.0, log_weight: total(runs) + hazard.ln() };
    let weighed: Vec<(f64, f64)> = runs
        .iter()
        .chain([&fresh])
        .map(|run| {
            let rate = (SHAPE + run.bounces + bounces) / (SCALE + run.hours + 1.0);
            (run.log_weight + log_likelihood(run, bounces), rate)
        })
        .collect();
    let all = weighed.iter().map(|(log_weight, _)| *log_weight).fold(f64::NEG_INFINITY, add);
    weighed.iter().map(|(log_weight, rate)| (log_weight - all).exp() * rate).sum()
}

/// Of so many bounces in an hour, when the run's rate is as uncertain as it is: a negative binomial.
fn log_likelihood(run: &Run, bounces: f64) -> f64 {
    let (shape, scale) = (SHAPE + run.bounces, SCALE + run.hours);
    let (mut rising, mut number) = (0.0, 0.0);
    while number < bounces {
        rising += ((shape + number) / (number + 1.0)).ln();
        number += 1.0;
    }
    rising + shape * (scale / (scale + 1.0)).ln() - bounces * (scale + 1.0).ln()
}

fn add(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

fn total(runs: &[Run]) -> f64 {
    runs.iter().map(|run| run.log_weight).fold(f64::NEG_INFINITY, add)
}

/// The bounces at which the score is over the threshold, at most one a day.
pub(crate) fn alarms(seen: &Seen, scores: &[f64], threshold: f64) -> Vec<DateTime<Utc>> {
    let mut alarms: Vec<DateTime<Utc>> = Vec::new();
    for ((at, _), score) in seen.bounces.iter().zip(scores) {
        let is_new = alarms.last().is_none_or(|last| (*at - *last).num_hours() >= 24);
        if *score > threshold && is_new {
            alarms.push(*at);
        }
    }
    alarms
}

/// The lowest threshold with at most one alarm in 10,000 mailbox-days.
pub(crate) fn calibrated(detector: Detector, fleet: &[Seen]) -> f64 {
    let scored: Vec<(&Seen, Vec<f64>)> = fleet.iter().map(|seen| (seen, detector.scores(seen))).collect();
    let days: f64 = fleet.iter().map(|seen| seen.days).sum();
    let mut all: Vec<f64> = scored.iter().flat_map(|(_, scores)| scores.iter().copied()).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    let rate = |threshold: f64| {
        let alarms: usize = scored.iter().map(|(seen, scores)| alarms(seen, scores, threshold).len()).sum();
        f64::from(u32::try_from(alarms).unwrap_or(u32::MAX)) / days * 10_000.0
    };
    let first_good = all.partition_point(|threshold| rate(*threshold) > 1.0);
    all.get(first_good).or(all.last()).copied().unwrap_or(f64::INFINITY)
}
