//! How far each cause is ahead of each other one, in decibans.
//!
//! `g[i][j]` is a cumulative sum (CUSUM) of evidence for cause *i* against cause *j*: it halves in 24 hours and never
//! goes below zero, so that months of ordinary mail buy a thief no credit.

use chrono::TimeDelta;
use daimon_domain::verdict::Verdict;
use serde::{Deserialize, Serialize};

use crate::clue::{CLASSES, VERDICTS, Weights, class_of};

/// How long until evidence counts half.
pub const HALF_LIFE_H: f64 = 24.0;

/// What is left of evidence after a time.
pub fn decay(elapsed: TimeDelta) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "seconds of at most centuries")]
    let hours = elapsed.num_seconds().max(0) as f64 / 3600.0;
    (-hours / HALF_LIFE_H).exp2()
}

/// Every cause against every other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Matrix([Weights; CLASSES]);

impl Matrix {
    /// Lets time pass.
    pub(crate) fn fade(&mut self, left: f64) {
        self.0.iter_mut().flatten().for_each(|g| *g = round(*g * left));
    }

    /// Adds what one look weighs for each pair: `pairs(i, j)`.
    pub(crate) fn add(&mut self, pairs: impl Fn(usize, usize) -> f64) {
        for (i, row) in self.0.iter_mut().enumerate() {
            for (j, g) in row.iter_mut().enumerate() {
                *g = round((*g + pairs(i, j)).max(0.0));
            }
        }
    }

    /// How far one cause is ahead of another.
    pub(crate) fn lead(&self, verdict: Verdict, over: Verdict) -> f64 {
        let at = |i: usize, j: usize| self.0.get(i).and_then(|row| row.get(j)).copied();
        class_of(verdict).zip(class_of(over)).and_then(|(i, j)| at(i, j)).unwrap_or(0.0)
    }

    /// The causes that it is least far ahead of: all those within a deciban.
    pub(crate) fn closest(&self, verdict: Verdict) -> Vec<Verdict> {
        let score = self.score(verdict);
        let is_close = |other: &Verdict| *other != verdict && self.lead(verdict, *other) < score + 1.0;
        VERDICTS.into_iter().filter(is_close).collect()
    }

    /// How far it is ahead of the closest other.
    pub(crate) fn score(&self, verdict: Verdict) -> f64 {
        VERDICTS
            .iter()
            .filter(|other| **other != verdict)
            .map(|other| self.lead(verdict, *other))
            .min_by(f64::total_cmp)
            .unwrap_or(0.0)
    }
}

/// A thousandth of a deciban is nothing, and short numbers keep the stored state small.
pub(crate) fn round(db: f64) -> f64 {
    (db * 1000.0).round() / 1000.0
}
