//! A made-up episode on a mailbox that exists, through the real path: so that people and systems have seen the real thing
//! before it happens.

use chrono::{DateTime, TimeDelta, Utc};

use crate::event::EventType;
use crate::id::{DrillId, IncidentId, MailboxId, TenantId};
use crate::words;

words! {
    /// What is played.
    DrillEpisode {
        /// Somebody signs in with the stolen password and sends.
        Takeover = "takeover",
        /// The same under another envelope sender: no bounce comes, only answers and the provider's notice.
        SilentTakeover = "silent_takeover",
        /// Somebody elsewhere forges the address.
        JoeJob = "joe_job",
        /// Another customer of the shared host forges it.
        Neighbour = "neighbour",
        /// Forged mail to colleagues at the same provider.
        ForgedColleague = "forged_colleague",
        /// The site is made to send.
        WebScript = "web_script",
        /// A newsletter to a list that lay about for years.
        BulkList = "bulk_list",
        /// Automatic answers to forged senders.
        AutoresponderStorm = "autoresponder_storm",
        /// Two forwards that feed each other.
        ForwardingLoop = "forwarding_loop",
        /// A large receiver is down.
        Outage = "outage",
        /// The own server is on block lists.
        ReputationBlock = "reputation_block",
        /// Microsoft blocks the whole tenant for another mailbox's spam.
        TenantBlocked = "tenant_blocked",
        /// Phishing dressed as bounces.
        FakeBounces = "fake_bounces",
    }
}

words! {
    /// Where a drill stands.
    DrillState {
        /// Its mails come in, step by step, and what follows from them.
        Playing = "playing",
        /// All of it has happened; it can be looked at until it ends.
        Played = "played",
        /// The end is told, and what it brought is about to go.
        Ending = "ending",
        /// Nothing is left of it but this.
        Ended = "ended",
        /// The same, because it could not be played.
        Failed = "failed",
    }
}

impl DrillState {
    /// Whether nothing is left of it.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Ended | Self::Failed)
    }
}

/// Shorter than this nobody could look at it.
pub const SHORTEST: TimeDelta = TimeDelta::minutes(5);
/// How long it stays when nobody says.
pub const USUAL: TimeDelta = TimeDelta::minutes(60);
/// Longer than a day it would be taken for real.
pub const LONGEST: TimeDelta = TimeDelta::hours(24);

/// A drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// Its id.
    pub id: DrillId,
    /// Of which tenant.
    pub tenant: TenantId,
    /// On which mailbox.
    pub mailbox: MailboxId,
    /// What is played.
    pub episode: DrillEpisode,
    /// How many bounces come at most.
    pub bounces: u32,
    /// Whether containing and closing are played too, and not left to people.
    pub plays_response: bool,
    /// Where it stands.
    pub state: DrillState,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// By whom: a key's id.
    pub started_by: String,
    /// When it ends at the latest.
    pub ends_at: DateTime<Utc>,
    /// When nothing was left of it.
    pub ended_at: Option<DateTime<Utc>>,
    /// The incident that it opened.
    pub incident: Option<IncidentId>,
    /// What was told of it so far, in this order.
    pub told: Vec<EventType>,
    /// How many deliveries that made.
    pub deliveries: u32,
    /// How many of them the endpoints took.
    pub delivered: u32,
}
