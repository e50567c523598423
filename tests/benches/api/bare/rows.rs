//! Rows that are written as they come.

use chrono::{DateTime, Utc};
use daimon_domain::id::{BounceId, CredentialId, DrillId, IncidentId, MailboxId, TenantId};
use serde::{Serialize, Serializer};
use sqlx::FromRow;
use uuid::Uuid;

/// Ids, which Postgres knows as a `uuid` and clients with what they are of in front.
macro_rules! ids {
    ($($name:ident is $of:ident,)+) => {$(
        #[derive(Clone, Copy, sqlx::Type)]
        #[sqlx(transparent)]
        pub(super) struct $name(pub(super) Uuid);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $of::from_uuid(self.0).serialize(to)
            }
        }
    )+};
}

ids! {
    OfTenant is TenantId,
    OfMailbox is MailboxId,
    OfCredential is CredentialId,
    OfBounce is BounceId,
    OfIncident is IncidentId,
    OfDrill is DrillId,
}

/// Whether it came: no drill made it up.
#[derive(Serialize)]
struct Livemode(bool);

impl From<Option<Uuid>> for Livemode {
    fn from(drill: Option<Uuid>) -> Self {
        Self(drill.is_none())
    }
}

/// A page of a list.
#[derive(Serialize)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<Uuid>,
}

impl<T> Page<T> {
    /// One row more than are shown tells that there is another page.
    pub(super) fn of(mut items: Vec<T>, limit: usize, id: impl Fn(&T) -> Uuid) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(id);
        Self { items, next }
    }
}

#[derive(FromRow, Serialize)]
pub(super) struct Bounce {
    #[sqlx(rename = "bounce_id")]
    pub(super) id: OfBounce,
    tenant_id: OfTenant,
    mailbox_id: OfMailbox,
    folder: String,
    received_at: DateTime<Utc>,
    kind: String,
    reason: String,
    status: Option<String>,
    reply: Option<i16>,
    action: String,
    permanence: String,
    fault: String,
    rule: String,
    diagnostic: Option<String>,
    reporting_mta: Option<String>,
    remote_mta: Option<String>,
    recipient_domain: String,
    verdict: Option<String>,
    incident_id: Option<OfIncident>,
    #[sqlx(rename = "drill_id", try_from = "Option<Uuid>")]
    livemode: Livemode,
}

#[derive(FromRow, Serialize)]
pub(super) struct Incident {
    #[sqlx(rename = "incident_id")]
    pub(super) id: OfIncident,
    tenant_id: OfTenant,
    mailbox_id: OfMailbox,
    verdict: String,
    tier: String,
    severity: String,
    state: String,
    score_db: f64,
    bounces: i64,
    #[serde(rename = "bounces_unread")]
    unread_bounces: i64,
    unexpected_recipients: i64,
    dedup_key: String,
    sequence: i64,
    opened_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    first_bounce_at: DateTime<Utc>,
    last_bounce_at: DateTime<Utc>,
    assignee: Option<String>,
    snoozed_until: Option<DateTime<Utc>>,
    snooze_reason: Option<String>,
    dismissal: Option<String>,
    #[serde(rename = "old_credential_refused_since")]
    refused_since: Option<DateTime<Utc>>,
    contained_at: Option<DateTime<Utc>>,
    closes_at: Option<DateTime<Utc>>,
    #[serde(rename = "trailing")]
    trailing_bounces: i64,
    #[serde(rename = "continued")]
    continued_recipients: i64,
    #[sqlx(rename = "drill_id", try_from = "Option<Uuid>")]
    livemode: Livemode,
    drill_id: Option<OfDrill>,
}

#[derive(FromRow)]
pub(super) struct MailboxRow {
    mailbox_id: OfMailbox,
    tenant_id: OfTenant,
    address: String,
    host: String,
    port: i32,
    tls: String,
    username: String,
    credential_id: Option<OfCredential>,
    polling: String,
    polling_since: Option<DateTime<Utc>>,
    connection: String,
    connection_since: Option<DateTime<Utc>>,
    connection_fault: Option<String>,
    connection_failures: i32,
    poll_interval_s: i32,
    new_mail: String,
    tidying_folder: Option<String>,
    next_poll_at: DateTime<Utc>,
    last_polled_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

/// A mailbox that is read in turn and whose bounces stay where they are, as all of this bench are.
#[derive(Serialize)]
pub(super) struct Mailbox {
    id: OfMailbox,
    tenant_id: OfTenant,
    address: String,
    imap: Imap,
    username: String,
    credential_id: Option<OfCredential>,
    polling: String,
    paused_since: Option<DateTime<Utc>>,
    connection: Connection,
    poll_interval_s: i32,
    new_mail: String,
    idle: Option<()>,
    tidying: Option<String>,
    next_poll_at: DateTime<Utc>,
    last_polled_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Imap {
    host: String,
    port: i32,
    tls: String,
}

#[derive(Serialize)]
struct Connection {
    state: String,
    since: Option<DateTime<Utc>>,
    fault: Option<String>,
    advice: Option<()>,
    failures: i32,
}

impl From<MailboxRow> for Mailbox {
    fn from(row: MailboxRow) -> Self {
        Self {
            id: row.mailbox_id,
            tenant_id: row.tenant_id,
            address: row.address,
            imap: Imap { host: row.host, port: row.port, tls: row.tls },
            username: row.username,
            credential_id: row.credential_id,
            polling: row.polling,
            paused_since: row.polling_since,
            connection: Connection {
                state: row.connection,
                since: row.connection_since,
                fault: row.connection_fault,
                advice: None,
                failures: row.connection_failures,
            },
            poll_interval_s: row.poll_interval_s,
            new_mail: row.new_mail,
            idle: None,
            tidying: row.tidying_folder,
            next_poll_at: row.next_poll_at,
            last_polled_at: row.last_polled_at,
            created_at: row.created_at,
        }
    }
}

/// A company as it was made.
#[derive(Serialize)]
pub(super) struct Tenant<'a> {
    pub(super) id: OfTenant,
    pub(super) name: &'a str,
    pub(super) language: &'a str,
    pub(super) external_refs: serde_json::Value,
    pub(super) groups: [&'a str; 0],
    pub(super) created_at: DateTime<Utc>,
    pub(super) deleting: bool,
}
