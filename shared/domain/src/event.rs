//! Something that happened and that somebody may want to be told.

use chrono::{DateTime, Utc};

use crate::id::EventId;
use crate::words;

words! {
    /// What happened.
    EventType {
        /// An incident opened.
        IncidentOpened = "incident.opened",
        /// Its tier, verdict, evidence or playbook changed.
        IncidentUpdated = "incident.updated",
        /// The way in is shut.
        IncidentContained = "incident.contained",
        /// It began again.
        IncidentReopened = "incident.reopened",
        /// It is over.
        IncidentClosed = "incident.closed",
        /// A mailbox was read for the first time.
        MailboxConnected = "mailbox.connected",
        /// A mailbox is looked at more closely.
        MailboxWatched = "mailbox.watched",
        /// The password was refused and is not tried again.
        MailboxCredentialRefused = "mailbox.credential_refused",
        /// A mailbox can't be read.
        MailboxUnreachable = "mailbox.unreachable",
        /// It can be read again.
        MailboxRecovered = "mailbox.recovered",
        /// A webhook endpoint has failed for 24 h.
        EndpointFailing = "endpoint.failing",
        /// It is not called any more.
        EndpointDisabled = "endpoint.disabled",
        /// What the last day brought.
        DigestDaily = "digest.daily",
    }
}

/// An event as stored: the body that endpoints and pullers get, byte for byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id, which is also the `webhook-id`.
    pub id: EventId,
    /// What happened.
    pub kind: EventType,
    /// When.
    pub occurred_at: DateTime<Utc>,
    /// `{"type", "timestamp", "data"}` as sent, under 20 kB.
    pub body: String,
}
