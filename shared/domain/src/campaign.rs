//! A sending that a tenant did on purpose, so that what comes back of it raises no alarm.

use chrono::{DateTime, Utc};

use crate::id::{CampaignId, IncidentId, MailboxId, TenantId};

/// What its mails show. Any one of them is enough; without one nothing belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Not before.
    pub starts_at: Option<DateTime<Utc>>,
    /// Not after.
    pub ends_at: Option<DateTime<Utc>>,
    /// A part of the subject.
    pub subject: Option<String>,
    /// A part of the List-Id.
    pub list_id: Option<String>,
    /// Message-IDs, without angle brackets.
    pub message_ids: Vec<String>,
    /// Hashes of its letters.
    pub templates: Vec<String>,
    /// Hashes of how its mails are made: learnt from it, and good for the next one too.
    pub fingerprints: Vec<String>,
}

/// A campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Of which tenant.
    pub tenant: TenantId,
    /// Of which mailbox; none: of any.
    pub mailbox: Option<MailboxId>,
    /// The incident that was said to be it.
    pub incident: Option<IncidentId>,
    /// What people call it.
    pub name: String,
    /// What its mails show.
    pub marks: Marks,
    /// When it was declared.
    pub created_at: DateTime<Utc>,
    /// By whom: a key's id.
    pub created_by: String,
}
