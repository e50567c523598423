//! What is thought of a mailbox, and why.

use chrono::{DateTime, Utc};
use daimon_domain::verdict::{EvidenceLine, Severity, Tier, Verdict};
use serde::Serialize;

/// What opens an incident for the other causes.
const DECIDED_DB: f64 = 30.0;

/// What is thought of a mailbox.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Assessment {
    /// The cause.
    pub verdict: Verdict,
    /// How sure we are of a takeover; `none` for every other cause but `undetermined`.
    pub tier: Tier,
    /// How urgent.
    pub severity: Severity,
    /// How far the verdict is ahead of the closest other cause, in decibans; for `undetermined`, how far a takeover is.
    pub score_db: f64,
    /// Bounces of this episode.
    pub bounces: u32,
    /// Different recipients of the last 24 hours that nobody here is known to have written to.
    pub unexpected_recipients: u32,
    /// What speaks for it, strongest first; before it, for a takeover, who handed the mail in.
    pub evidence: Vec<EvidenceLine>,
    /// Each letter by itself.
    pub clusters: Vec<ClusterReport>,
    /// Whether it is worth an incident.
    pub wants_incident: bool,
    /// Whether to read this mailbox every minute.
    pub watch: bool,
    /// Bounces of mail from before the password was changed.
    pub trailing: u32,
    /// Recipients of mail that was sent after it: the thief is still inside from the second on.
    pub continued: u32,
    /// The oldest bounce of this episode.
    pub first_bounce_at: Option<DateTime<Utc>>,
    /// The newest bounce of this episode.
    pub last_bounce_at: Option<DateTime<Utc>>,
}

impl Assessment {
    /// Whether mail went out after the mailbox had been secured.
    pub const fn is_continued_abuse(&self) -> bool {
        self.continued >= 2
    }
}

/// One letter, judged by itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClusterReport {
    /// The cause that explains it.
    pub verdict: Verdict,
    /// Its hash.
    pub template: String,
    /// How many bounces.
    pub bounces: u32,
    /// How far ahead of the closest other cause, in decibans.
    pub score_db: f64,
    /// What speaks for it.
    pub evidence: Vec<EvidenceLine>,
}

pub(crate) const fn severity(verdict: Verdict, tier: Tier) -> Severity {
    match verdict {
        Verdict::AccountTakeover => match tier {
            Tier::None => Severity::Low,
            Tier::Watch => Severity::Medium,
            Tier::Suspected => Severity::High,
            Tier::Probable | Tier::Confirmed => Severity::Critical,
        },
        Verdict::Undetermined | Verdict::WebScript => Severity::High,
        Verdict::Backscatter | Verdict::ReputationBlock | Verdict::ForwardingLoop | Verdict::FakeBounce => {
            Severity::Medium
        }
        Verdict::Legit | Verdict::BulkList | Verdict::Outage | Verdict::Autoresponder => Severity::Low,
    }
}

pub(crate) fn wants_incident(verdict: Verdict, tier: Tier, score_db: f64) -> bool {
    match verdict {
        Verdict::Legit => false,
        Verdict::AccountTakeover => tier >= Tier::Suspected,
        Verdict::Undetermined | Verdict::FakeBounce => true,
        Verdict::Backscatter
        | Verdict::WebScript
        | Verdict::BulkList
        | Verdict::ForwardingLoop
        | Verdict::Outage
        | Verdict::ReputationBlock
        | Verdict::Autoresponder => score_db >= DECIDED_DB,
    }
}
