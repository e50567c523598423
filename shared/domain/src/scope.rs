//! Which MSP and which tenants a piece of work may touch, who asks for it, and what they may do.

use std::fmt;

use uuid::Uuid;

use crate::id::{KeyId, MspId, TenantId, UserId};
use crate::words;

/// The tenants within reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    /// Every tenant of the MSP, also those to come.
    All,
    /// Only these.
    Only(Vec<TenantId>),
}

impl Tenants {
    /// Whether all of `others` are within reach too.
    pub fn reach(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::All, _) => true,
            (Self::Only(_), Self::All) => false,
            (Self::Only(own), Self::Only(others)) => others.iter().all(|other| own.contains(other)),
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// A program, by its API key.
    Key(KeyId),
    /// A person.
    User(UserId),
}

impl Actor {
    /// As Postgres stores it: ids of both kinds never meet.
    pub const fn as_uuid(self) -> Uuid {
        match self {
            Self::Key(id) => id.as_uuid(),
            Self::User(id) => id.as_uuid(),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(out),
            Self::User(id) => id.fmt(out),
        }
    }
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
    /// What an API key or a user, and the tokens made of them, may do.
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
        /// Have the addresses that bounced in an incident read again from its mails, and take them.
        RecipientsRead = "recipients:read",
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
        /// Read users.
        UsersRead = "users:read",
        /// Invite, change and remove users.
        UsersWrite = "users:write",
        /// Change the MSP's own profile.
        MspWrite = "msp:write",
    }
}
