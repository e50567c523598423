//! One per mailbox and cause: evidence, state and what to do.

use chrono::{DateTime, Utc};

use crate::id::{IncidentId, MailboxId, TenantId};
use crate::verdict::{EvidenceLine, Severity, Tier, Verdict};
use crate::words;

words! {
    /// Where an incident stands.
    IncidentState {
        /// Nobody has stopped it yet.
        Open = "open",
        /// The way in is shut, and that is proved.
        Contained = "contained",
        /// Waiting out the late bounces.
        Monitoring = "monitoring",
        /// The damage is repaired.
        Recovered = "recovered",
        /// Over.
        Closed = "closed",
        /// A person said it is none.
        Dismissed = "dismissed",
        /// It began again.
        Reopened = "reopened",
    }
}

impl IncidentState {
    /// Whether new evidence updates it; otherwise it opens another.
    pub const fn is_live(self) -> bool {
        match self {
            Self::Open | Self::Contained | Self::Monitoring | Self::Recovered | Self::Reopened => true,
            Self::Closed | Self::Dismissed => false,
        }
    }
}

/// What a technician works on.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// Of which tenant.
    pub tenant: TenantId,
    /// Of which mailbox.
    pub mailbox: MailboxId,
    /// The cause, as far as known.
    pub verdict: Verdict,
    /// How sure.
    pub tier: Tier,
    /// How urgent.
    pub severity: Severity,
    /// Where it stands.
    pub state: IncidentState,
    /// How far the verdict is ahead of the next, in decibans.
    pub score_db: f64,
    /// How many bounces belong to it.
    pub bounces: u32,
    /// How many different recipients nobody here ever wrote to.
    pub unexpected_recipients: u32,
    /// What speaks for it, strongest first.
    pub evidence: Vec<EvidenceLine>,
    /// The same for the same mailbox and cause, whatever the text and the time: receivers file tickets under it.
    pub dedup_key: String,
    /// Grows with every event about it: receivers drop what is older than what they have.
    pub sequence: i64,
    /// When it opened.
    pub opened_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// The oldest bounce of it.
    pub first_bounce_at: DateTime<Utc>,
    /// The newest bounce of it.
    pub last_bounce_at: DateTime<Utc>,
    /// When the way in was shut, for as long as it has not been opened again.
    pub contained_at: Option<DateTime<Utc>>,
}
