//! One id type per noun.
//!
//! On the wire an id is `mbx_` and 32 hexadecimal digits, in Postgres a `uuid`. Ids are `UUIDv7` (RFC 9562, 5.7), so they
//! sort by time and the tables that grow can be partitioned by the time inside them.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::clock::Entropy;

/// The text was not an id of this noun.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an id that starts with {prefix}_")]
pub struct MalformedId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

/// Bytes for a `UUIDv7`: 48 bits of milliseconds since 1970, then `random`.
pub fn uuid_v7(at: DateTime<Utc>, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The smallest UUIDv7-shaped value of that millisecond: a bound for partitions and for lists by time.
pub fn uuid_floor(at: DateTime<Utc>) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis().max(0)).unwrap_or(0);
    Uuid::from_u128(millis << 80)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the id starts with on the wire, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id of the time and the randomness that were handed in.
            pub fn new(at: DateTime<Utc>, entropy: &dyn Entropy) -> Self {
                let mut random = [0; 10];
                entropy.fill(&mut random);
                Self(uuid_v7(at, random))
            }

            /// An id as stored.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// As Postgres stores it.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            /// Accepts exactly what `Display` writes: one id has one spelling.
            fn from_str(text: &str) -> Result<Self, MalformedId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|hex| hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or(MalformedId { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

ids! {
    /// A managed service provider: the hard wall.
    MspId = "msp";
    /// A client company of one MSP.
    TenantId = "tnt";
    /// An IMAP account of a tenant.
    MailboxId = "mbx";
    /// What mailboxes sign in with in place of a password.
    CredentialId = "crd";
    /// What one report says of one recipient.
    BounceId = "bnc";
    /// One per mailbox and cause.
    IncidentId = "inc";
    /// A sending that a tenant did on purpose.
    CampaignId = "cmp";
    /// A link to a ticket in somebody else's system.
    TicketId = "tkt";
    /// A made-up episode on a mailbox.
    DrillId = "drl";
    /// A time in which an MSP works on mailboxes.
    WindowId = "mwd";
    /// Something that happened.
    EventId = "evt";
    /// Where an MSP wants to be told.
    EndpointId = "whe";
    /// One event on its way to one endpoint.
    DeliveryId = "dlv";
    /// One HTTP request.
    AttemptId = "att";
    /// An API key.
    KeyId = "key";
    /// Somebody who signs in with a password.
    UserId = "usr";
    /// A sign-in that goes on.
    SessionId = "ses";
    /// A line of the audit log.
    AuditId = "aud";
    /// Work that a client waits for.
    JobId = "job";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = MailboxId::new(DateTime::UNIX_EPOCH, &SeededEntropy::new(1));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_id_of_another_noun_is_refused() {
        let id = MailboxId::new(DateTime::UNIX_EPOCH, &SeededEntropy::new(1)).to_string();
        assert_eq!(id.parse::<TenantId>(), Err(MalformedId { prefix: "tnt" }));
        assert!(id.to_uppercase().parse::<MailboxId>().is_err());
    }

    #[test]
    fn ids_sort_by_time_and_never_below_the_floor_of_their_time() {
        let entropy = SeededEntropy::new(7);
        let early = DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
        let late = DateTime::from_timestamp_millis(1_700_000_000_001).unwrap();
        let (first, second) = (BounceId::new(early, &entropy), BounceId::new(late, &entropy));
        assert!(first < second);
        assert!(first.as_uuid() > uuid_floor(early) && first.as_uuid() < uuid_floor(late));
    }
}
