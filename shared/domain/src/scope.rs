//! Which MSP and which tenants a piece of work may touch, and what an API key may do.

use crate::id::{MspId, TenantId};
use crate::words;

/// The tenants within reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    /// Every tenant of the MSP, also those to come.
    All,
    /// Only these.
    Only(Vec<TenantId>),
}

/// The wall around a transaction: an MSP, and which of its tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wall {
    /// Whose data.
    pub msp: MspId,
    /// Which part of it.
    pub tenants: Tenants,
}

impl Wall {
    /// All of an MSP's data.
    pub const fn whole(msp: MspId) -> Self {
        Self { msp, tenants: Tenants::All }
    }
}

words! {
    /// What an API key, and the token made of it, may do.
    Permission {
        /// Read tenants.
        TenantsRead = "tenants:read",
        /// Create, change and remove tenants.
        TenantsWrite = "tenants:write",
        /// Read mailboxes.
        MailboxesRead = "mailboxes:read",
        /// Create, change, pause and remove mailboxes.
        MailboxesWrite = "mailboxes:write",
        /// Read bounces.
        BouncesRead = "bounces:read",
        /// Read incidents.
        IncidentsRead = "incidents:read",
        /// Work on incidents.
        IncidentsWrite = "incidents:write",
        /// Read webhook endpoints, deliveries and attempts.
        WebhooksRead = "webhooks:read",
        /// Create, change and remove webhook endpoints.
        WebhooksWrite = "webhooks:write",
        /// Read events.
        EventsRead = "events:read",
        /// Create and revoke API keys.
        KeysWrite = "keys:write",
        /// Read the audit log.
        AuditRead = "audit:read",
    }
}
