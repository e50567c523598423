//! The bounces of one letter, weighed by themselves.
//!
//! A stolen mailbox and its owner's newsletter can bounce in the same hour; together they would cancel out. And one
//! letter that we misread systematically must not convict: it may add no more than 60 dB a day.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daimon_domain::verdict::{EvidenceLine, Verdict};
use serde::{Deserialize, Serialize};

use crate::clue::{CLASSES, Clue, VERDICTS, Weights, class_of};
use crate::matrix::{decay, round};

/// What one letter may add to a mailbox's score in a day.
pub const DAY_CAP_DB: f64 = 60.0;

/// Bounces of one flood resemble each other, so each counts less than if it stood alone.
pub const TEMPERING: f64 = 0.6;

/// Whether a letter has a copy in Sent, is marked as a list and was sent as ever is the same for each of its mails. So that
/// nothing shows the owner counts for so many bounces of a letter in a day, and not for each.
const SAME_FOR_ALL: u32 = 4;

/// One letter to so many recipients in a day is a mailing.
const MAILING: u32 = 12;
/// Of eight refusals of an old list at most one is for what the letter says or where it comes from, and two more by chance. Of
/// a thief's letter it is one in three.
const NOT_REFUSED: u32 = 8;
const BY_CHANCE: u32 = 2;

/// Most letters that are kept apart.
pub(crate) const KEPT: usize = 16;

/// The bounces of one letter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cluster {
    pub(crate) template: String,
    pub(crate) bounces: u32,
    pub(crate) unexpected: u32,
    /// Of those, the ones that left through the own provider.
    #[serde(default)]
    pub(crate) own: u32,
    /// And those that were not sent as the mailbox sends, or of which nobody says how.
    #[serde(default)]
    pub(crate) strange: u32,
    pub(crate) last_at: DateTime<Utc>,
    /// Tempered evidence that fades, per cause.
    sum: Weights,
    /// The same of this day alone, unfaded.
    day: i64,
    of_day: Weights,
    /// Bounces of this day.
    #[serde(default)]
    today: u32,
    pub(crate) seen: BTreeMap<Clue, u32>,
    /// How often of those it did not count, because it is the same for each copy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) repeated: BTreeMap<Clue, u32>,
}

impl Cluster {
    pub(crate) fn new(template: &str, at: DateTime<Utc>) -> Self {
        Self {
            template: template.to_owned(),
            bounces: 0,
            unexpected: 0,
            own: 0,
            strange: 0,
            last_at: at,
            sum: [0.0; CLASSES],
            day: 0,
            of_day: [0.0; CLASSES],
            today: 0,
            seen: BTreeMap::new(),
            repeated: BTreeMap::new(),
        }
    }

    /// Adds a bounce. Returns the day's evidence before and after, from which the mailbox takes the difference.
    pub(crate) fn add(
        &mut self,
        clues: &[Clue],
        sent_weight: f64,
        faded: f64,
        is_unexpected: bool,
        at: DateTime<Utc>,
    ) -> (Weights, Weights) {
        let left = decay(at - self.last_at);
        self.last_at = at;
        self.bounces = self.bounces.saturating_add(1);
        self.unexpected = self.unexpected.saturating_add(u32::from(is_unexpected));
        self.strange = self.strange.saturating_add(u32::from(is_unexpected && is_strange(clues)));
        let day = at.timestamp().div_euclid(86_400);
        if day != self.day {
            self.day = day;
            self.today = 0;
            self.of_day = [0.0; CLASSES];
        }
        self.today = self.today.saturating_add(1);
        let mut weights: Weights = [0.0; CLASSES];
        for clue in clues {
            if self.today > SAME_FOR_ALL && is_same_for_all(*clue) {
                let count = self.repeated.entry(*clue).or_default();
                *count = count.saturating_add(1);
                continue;
            }
            for (sum, weight) in weights.iter_mut().zip(scaled(*clue, sent_weight)) {
                *sum += weight * TEMPERING * faded;
            }
        }
        for (sum, weight) in self.sum.iter_mut().zip(&weights) {
            *sum = round(*sum * left + weight);
        }
        let before = self.of_day;
        for (sum, weight) in self.of_day.iter_mut().zip(&weights) {
            *sum = round(*sum + weight);
        }
        for clue in clues {
            let count = self.seen.entry(*clue).or_default();
            *count = count.saturating_add(1);
        }
        (before, self.of_day)
    }

    /// Whether it is one letter to many.
    pub(crate) const fn is_mailing(&self) -> bool {
        self.today >= MAILING
    }

    /// Whether hardly any of it was refused for what it says or where it comes from: so an old list comes back.
    pub(crate) fn is_hardly_refused(&self) -> bool {
        let seen = |clue| self.seen.get(&clue).copied().unwrap_or_default();
        let refused = seen(Clue::ReasonContent) + seen(Clue::ReasonListed) + seen(Clue::ReasonThrottled);
        refused <= self.bounces / NOT_REFUSED + BY_CHANCE
    }

    /// How far a cause is ahead of the closest other in this letter, at most [`DAY_CAP_DB`].
    pub(crate) fn score(&self, verdict: Verdict, now: DateTime<Utc>) -> f64 {
        let left = decay(now - self.last_at);
        let Some(own) = class_of(verdict).and_then(|i| self.sum.get(i)) else { return 0.0 };
        let best_other = VERDICTS.iter().zip(&self.sum).filter(|(other, _)| **other != verdict).map(|(_, sum)| *sum);
        ((own - best_other.fold(f64::NEG_INFINITY, f64::max)) * left).min(DAY_CAP_DB)
    }

    /// The cause that fits best, without regard to how far it is ahead.
    pub(crate) fn best(&self) -> Verdict {
        VERDICTS.iter().zip(&self.sum).max_by(|a, b| a.1.total_cmp(b.1)).map_or(Verdict::Legit, |(best, _)| *best)
    }

    /// The closest other cause.
    pub(crate) fn rival(&self, of: Verdict) -> Verdict {
        VERDICTS
            .iter()
            .zip(&self.sum)
            .filter(|(other, _)| **other != of)
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map_or(Verdict::Legit, |(best, _)| *best)
    }

    /// How far the best cause is ahead of a takeover.
    pub(crate) fn ahead_of_takeover(&self, verdict: Verdict) -> f64 {
        let of = |verdict| class_of(verdict).and_then(|i| self.sum.get(i)).copied().unwrap_or(0.0);
        of(verdict) - of(Verdict::AccountTakeover)
    }
}

/// What one pair of causes gained, within the day's cap.
pub(crate) fn gain(before: &Weights, after: &Weights, i: usize, j: usize) -> f64 {
    let lead = |sum: &Weights| {
        let at = |k: usize| sum.get(k).copied().unwrap_or(0.0);
        (at(i) - at(j)).clamp(-DAY_CAP_DB, DAY_CAP_DB)
    };
    lead(after) - lead(before)
}

/// What speaks for `verdict` against `rival`, strongest first. Bounce by bounce evidence is tempered as in the score, and what
/// was `repeated` does not count.
pub(crate) fn explain(
    seen: &BTreeMap<Clue, u32>,
    repeated: &BTreeMap<Clue, u32>,
    verdict: Verdict,
    rival: Verdict,
    sent_weight: f64,
) -> Vec<EvidenceLine> {
    let mut lines: Vec<EvidenceLine> = seen
        .iter()
        .map(|(clue, count)| {
            let weights = scaled(*clue, sent_weight);
            let of = |verdict| class_of(verdict).and_then(|i| weights.get(i)).copied().unwrap_or(0.0);
            let tempering = if clue.is_of_window() { 1.0 } else { TEMPERING };
            let counted = count.saturating_sub(repeated.get(clue).copied().unwrap_or_default());
            EvidenceLine {
                item: clue.item().to_owned(),
                value: clue.value().to_owned(),
                db: ((of(verdict) - of(rival)) * tempering * f64::from(counted) * 10.0).round() / 10.0 + 0.0,
                count: *count,
                against: Some(rival),
            }
        })
        .collect();
    lines.sort_by(|a, b| b.db.abs().total_cmp(&a.db.abs()));
    lines
}

fn is_strange(clues: &[Clue]) -> bool {
    let has = |clue| clues.contains(&clue);
    has(Clue::FingerprintNew) || (has(Clue::OriginUntold) && !has(Clue::FingerprintSeen))
}

const fn is_same_for_all(clue: Clue) -> bool {
    matches!(clue, Clue::SentMissing | Clue::SentFiled | Clue::FingerprintNew | Clue::CampaignNone)
}

/// A clue's weights; a copy missing from a thin Sent folder weighs less.
pub(crate) fn scaled(clue: Clue, sent_weight: f64) -> Weights {
    let share = if clue == Clue::SentMissing { sent_weight } else { 1.0 };
    clue.weights().map(|weight| weight * share)
}
