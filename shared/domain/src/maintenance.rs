//! A time in which an MSP works on mailboxes and wants to be told of nothing that comes of it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::id::{MailboxId, TenantId, WindowId};

/// A window lasts no longer.
pub const LONGEST: TimeDelta = TimeDelta::days(90);

/// A maintenance window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its id.
    pub id: WindowId,
    /// Of which tenant.
    pub tenant: TenantId,
    /// Of which mailboxes; none: of all, also those to come.
    pub mailboxes: Vec<MailboxId>,
    /// From when on.
    pub starts_at: DateTime<Utc>,
    /// Until when.
    pub ends_at: DateTime<Utc>,
    /// Why.
    pub reason: String,
    /// When it was declared.
    pub created_at: DateTime<Utc>,
    /// By whom: a key's id.
    pub created_by: String,
    /// Grows with every change; the strong `ETag`.
    pub version: i64,
}
