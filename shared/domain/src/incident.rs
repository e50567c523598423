//! One per mailbox and cause: evidence, state and what to do.

use chrono::{DateTime, TimeDelta, Utc};

use crate::event::EventType;
use crate::id::{DrillId, IncidentId, MailboxId, TenantId};
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

words! {
    /// Why a person says that an incident is none.
    Dismissal {
        /// Nothing happened.
        FalseAlarm = "false_alarm",
        /// The mail was the owner's own, such as a newsletter: the same letters raise no alarm again.
        ThisWasUs = "this_was_us",
        /// Another incident is about the same.
        Duplicate = "duplicate",
        /// It is known, and nothing is done about it.
        AcceptedRisk = "accepted_risk",
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

    /// Whether somebody still has to shut the way in.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Reopened)
    }

    /// Whether the way in is shut, and it is not over yet.
    pub const fn is_contained(self) -> bool {
        matches!(self, Self::Contained | Self::Monitoring | Self::Recovered)
    }
}

/// Nobody wants to be told for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snooze {
    /// Until then.
    pub until: DateTime<Utc>,
    /// Why.
    pub reason: String,
    /// How sure we were: a higher tier wakes it.
    pub tier: Tier,
}

/// What people and time have made of an incident.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Life {
    /// Who works on it, in the MSP's own words.
    pub assignee: Option<String>,
    /// Until when nobody wants to be told.
    pub snooze: Option<Snooze>,
    /// Why it was said to be none.
    pub dismissal: Option<Dismissal>,
    /// Since when the old credential is refused, where that is proved.
    pub refused_since: Option<DateTime<Utc>>,
    /// When the last late bounce may come.
    pub closes_at: Option<DateTime<Utc>>,
    /// Bounces that were counted and not read, since it is known what they are.
    pub unread: u64,
    /// Bounces of mail from before the containment.
    pub trailing: u32,
    /// Recipients of mail from after it.
    pub continued: u32,
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
    /// The drill that made it up; `None`: it happened.
    pub drill: Option<DrillId>,
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
    /// What people and time have made of it.
    pub life: Life,
}

/// A contained incident is watched for so long before it counts as stopped.
pub const WATCHED: TimeDelta = TimeDelta::hours(24);
/// How long mail from before the containment goes on coming back: the longest usual queue lifetime, 5 days (RFC 5321,
/// 4.5.4.1), and as long again for the bounce itself.
pub const TAIL: TimeDelta = TimeDelta::days(10);

impl Incident {
    /// When time alone moves it next, if it does.
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        let moves = match self.state {
            IncidentState::Contained => self.contained_at.map(|at| at + WATCHED),
            IncidentState::Recovered => self.life.closes_at,
            IncidentState::Open
            | IncidentState::Reopened
            | IncidentState::Monitoring
            | IncidentState::Closed
            | IncidentState::Dismissed => None,
        };
        let wakes = self.life.snooze.as_ref().filter(|_| self.state.is_live()).map(|snooze| snooze.until);
        moves.into_iter().chain(wakes).min()
    }
}

/// An incident that has moved, and what goes with it into the same transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// The incident as it is from now on.
    pub incident: Incident,
    /// What happened, for the story and the audit log: `contained`.
    pub what: &'static str,
    /// What is told.
    pub event: EventType,
    /// Steps of the playbook that are ours, and done by this.
    pub settled: Vec<&'static str>,
    /// Steps that have to be done once more.
    pub repeated: Vec<&'static str>,
}
