//! What an assessment does to the incidents of a mailbox: one per cause, updated and never doubled.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use daimon_domain::id::IncidentId;
use daimon_domain::incident::Incident;
use daimon_domain::verdict::Verdict;

use crate::{Assessment, life};

/// What to do with a mailbox's incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Nothing.
    None,
    /// A new one; what to write in it is in the assessment.
    Open,
    /// Write the assessment into this one.
    Update {
        /// Which.
        incident: IncidentId,
        /// Verdict, tier or severity change: people are told. Otherwise only numbers grow.
        is_news: bool,
        /// Mail went out after the mailbox had been secured.
        reopens: bool,
    },
}

/// The same for the same mailbox and cause, with neither text nor time in it. A takeover and a cause that can't be
/// told from it are one case: receivers see one ticket grow surer.
///
/// `of`: the mailbox, or the drill that makes it up: what it brings is never taken for the mailbox's own.
pub fn dedup_key(of: &dyn Display, verdict: Verdict) -> String {
    let cause = match verdict {
        Verdict::AccountTakeover | Verdict::Undetermined => "takeover",
        Verdict::Legit
        | Verdict::Backscatter
        | Verdict::WebScript
        | Verdict::BulkList
        | Verdict::ForwardingLoop
        | Verdict::Outage
        | Verdict::ReputationBlock
        | Verdict::Autoresponder
        | Verdict::FakeBounce => verdict.as_str(),
    };
    format!("{of}:{cause}")
}

/// What to do. `of`: as for [`dedup_key`]; `live`: the mailbox's incidents that are neither closed nor dismissed.
///
/// An incident whose cause could not be told becomes that of the cause that is found; its key stays, so it is found
/// by its key first.
pub fn decide(of: &dyn Display, live: &[Incident], assessment: &Assessment) -> Move {
    let is_tail = |incident: &&Incident| incident.state.is_contained() && life::has_a_tail(incident.verdict);
    if assessment.is_continued_abuse()
        && let Some(incident) = live.iter().find(is_tail)
    {
        return Move::Update { incident: incident.id, is_news: true, reopens: true };
    }
    let key = dedup_key(of, assessment.verdict);
    let by_key = live.iter().find(|incident| incident.dedup_key == key);
    let found = by_key
        .or_else(|| live.iter().find(|incident| incident.verdict == assessment.verdict))
        .or_else(|| live.iter().find(|incident| incident.verdict == Verdict::Undetermined));
    match found {
        // "Nothing" is told by closing, which people and the countdown do; late bounces are counted meanwhile.
        _ if assessment.verdict == Verdict::Legit => match live.iter().find(is_tail) {
            Some(incident) if !is_counted(incident, assessment) => {
                Move::Update { incident: incident.id, is_news: false, reopens: false }
            }
            Some(_) | None => Move::None,
        },
        None if assessment.wants_incident => Move::Open,
        None => Move::None,
        Some(incident) if !assessment.wants_incident && incident.verdict != assessment.verdict => Move::None,
        Some(incident) => {
            let is_news = incident.verdict != assessment.verdict
                || incident.tier != assessment.tier
                || incident.severity != assessment.severity;
            let is_same = !is_news
                && incident.bounces >= assessment.bounces
                && is_counted(incident, assessment)
                && incident.unexpected_recipients == assessment.unexpected_recipients;
            if is_same { Move::None } else { Move::Update { incident: incident.id, is_news, reopens: false } }
        }
    }
}

/// Whether the incident knows how many late bounces came, if it counts them.
fn is_counted(incident: &Incident, assessment: &Assessment) -> bool {
    !life::has_a_tail(incident.verdict)
        || (incident.life.trailing, incident.life.continued) == (assessment.trailing, assessment.continued)
}

/// What the assessment makes of an incident that it updates.
pub fn updated(before: &Incident, assessment: &Assessment, now: DateTime<Utc>) -> Incident {
    let mut after = Incident {
        // What was gathered may have begun anew meanwhile; the incident remembers.
        bounces: assessment.bounces.max(before.bounces),
        sequence: before.sequence + 1,
        updated_at: now,
        last_bounce_at: assessment.last_bounce_at.unwrap_or(before.last_bounce_at).max(before.last_bounce_at),
        ..before.clone()
    };
    if life::has_a_tail(before.verdict) {
        (after.life.trailing, after.life.continued) = (assessment.trailing, assessment.continued);
    }
    // A cause that has calmed down is not taken back: closing tells of that.
    if assessment.verdict != Verdict::Legit {
        after.verdict = assessment.verdict;
        after.tier = assessment.tier;
        after.severity = assessment.severity;
        after.score_db = assessment.score_db;
        after.unexpected_recipients = assessment.unexpected_recipients;
        after.evidence.clone_from(&assessment.evidence);
    }
    after
}
