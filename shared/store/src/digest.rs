//! What an MSP is told once a day: when, and of what.
//!
//! Whoever makes a digest holds its row, writes the event, and moves the row on, in one transaction: a worker that dies in
//! between has told nothing, and two tell once.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::day::DigestTime;
use daimon_domain::event::EventType;
use daimon_domain::id::{IncidentId, MailboxId, TenantId};
use daimon_domain::incident::IncidentState;
use daimon_domain::verdict::{Severity, Tier, Verdict};

use crate::{MspTx, StoreError, row};

/// How many incidents and mailboxes a digest names; of the rest it says how many there are.
const NAMED: i64 = 20;
/// What a digest looks back at, when it is the first one.
const A_DAY: TimeDelta = TimeDelta::days(1);
/// And at most, when none could be made for a while.
const LONGEST: TimeDelta = TimeDelta::days(7);

/// When an MSP is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// At which hour, and where.
    pub time: DigestTime,
    /// When the next one is due.
    pub next_at: DateTime<Utc>,
    /// Grows with every change by a person; the strong `ETag`.
    pub version: i64,
}

/// A digest that is due, and of which time it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueDigest {
    /// At which hour, and where.
    pub time: DigestTime,
    /// From then on.
    pub since: DateTime<Utc>,
}

/// An incident that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ongoing {
    /// Which.
    pub id: IncidentId,
    /// Of which tenant, and what that is called.
    pub tenant: (TenantId, String),
    /// Of which mailbox, and its address.
    pub mailbox: (MailboxId, String),
    /// The cause, as far as known.
    pub verdict: Verdict,
    /// How sure.
    pub tier: Tier,
    /// How urgent.
    pub severity: Severity,
    /// Where it stands.
    pub state: IncidentState,
    /// When it opened.
    pub opened_at: DateTime<Utc>,
}

/// A mailbox that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Which.
    pub id: MailboxId,
    /// Its address.
    pub address: String,
    /// Of which tenant, and what that is called.
    pub tenant: (TenantId, String),
    /// `unreachable` or `credential_refused`.
    pub connection: String,
    /// Why, in the words of the API.
    pub fault: Option<String>,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
}

/// What a digest tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// How many events of each type there were.
    pub events: Vec<(EventType, i64)>,
    /// How many bounces came, and of how many which verdict explains them.
    pub bounces: i64,
    /// The latter.
    pub explained: Vec<(Verdict, i64)>,
    /// How many incidents go on, by where they stand.
    pub states: Vec<(IncidentState, i64)>,
    /// The most urgent of them, the newest first.
    pub ongoing: Vec<Ongoing>,
    /// How many mailboxes can't be read.
    pub unread: i64,
    /// Those that have been so for longest.
    pub longest_unread: Vec<Unread>,
    /// How many endpoints fail, and how many are not called any more.
    pub endpoints: (i64, i64),
}

/// When this MSP is told; `None`: it is not, or the caller is limited to some tenants.
pub async fn find(tx: &mut MspTx) -> Result<Option<Digest>, StoreError> {
    let row = sqlx::query!("select hour, time_zone, next_at, version from digest").fetch_optional(tx.conn()).await?;
    row.map(|row| Ok(Digest { time: time(row.hour, &row.time_zone)?, next_at: row.next_at, version: row.version }))
        .transpose()
}

fn time(hour: i16, zone: &str) -> Result<DigestTime, StoreError> {
    DigestTime::new(row::number("digest", hour)?, row::text("digest", zone)?)
        .map_err(|malformed| row::corrupt("digest", malformed))
}

/// Says when to tell from now on, if what was said before is still of this version; `None`: nothing was. What was told before stays
/// told. `false`: somebody else was faster.
pub async fn set(
    tx: &mut MspTx,
    time: DigestTime,
    now: DateTime<Utc>,
    before: Option<i64>,
) -> Result<bool, StoreError> {
    let msp = tx.msp().as_uuid();
    let done = sqlx::query!(
        "insert into digest (msp_id, hour, time_zone, next_at) values ($1, $2, $3, $4)
        on conflict (msp_id) do update set hour = $2, time_zone = $3, next_at = $4, version = digest.version + 1
            where digest.version = $5",
        msp,
        i16::try_from(time.hour()).unwrap_or(0),
        time.zone().as_str(),
        time.next(now),
        before
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Tells no more, if what was said is still of this version. `false`: somebody else was faster.
pub async fn delete(tx: &mut MspTx, version: i64) -> Result<bool, StoreError> {
    let done = sqlx::query!("delete from digest where version = $1", version).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}

/// Takes the digest if it is due, and moves it on to the next day: commit together with what is told. `None`: somebody else
/// was faster.
pub async fn take(tx: &mut MspTx, now: DateTime<Utc>) -> Result<Option<DueDigest>, StoreError> {
    let due = sqlx::query!("select hour, time_zone, told_until from digest where next_at <= $1 for update", now)
        .fetch_optional(tx.conn())
        .await?;
    let Some(due) = due else { return Ok(None) };
    let time = time(due.hour, &due.time_zone)?;
    sqlx::query!("update digest set next_at = $1, told_until = $2", time.next(now), now).execute(tx.conn()).await?;
    let since = due.told_until.filter(|until| *until < now).unwrap_or(now - A_DAY).max(now - LONGEST);
    Ok(Some(DueDigest { time, since }))
}

/// What there is to tell of that time. Drills are none of it.
pub async fn facts(tx: &mut MspTx, since: DateTime<Utc>, until: DateTime<Utc>) -> Result<Facts, StoreError> {
    let events = sqlx::query!(
        r#"select type, count(*) as "count!" from event
        where event_id >= uuid_floor($3) and occurred_at >= $1 and occurred_at < $2
            and position is distinct from 0 and drill_id is null and type <> 'digest.daily'
        group by type order by type"#,
        since,
        until,
        since - A_DAY
    )
    .fetch_all(tx.conn())
    .await?;
    let bounces = sqlx::query!(
        r#"select verdict, count(*) as "count!" from bounce
        where bounce_id >= uuid_floor($1) and received_at >= $1 and received_at < $2 and drill_id is null
        group by verdict order by verdict"#,
        since,
        until
    )
    .fetch_all(tx.conn())
    .await?;
    let states = sqlx::query!(
        r#"select state, count(*) as "count!" from incident
        where drill_id is null and state in ('open', 'contained', 'monitoring', 'recovered', 'reopened')
        group by state order by state"#
    )
    .fetch_all(tx.conn())
    .await?;
    let endpoints = sqlx::query!(
        r#"select count(*) filter (where failing_since is not null and disabled_at is null) as "failing!",
            count(*) filter (where disabled_at is not null) as "disabled!" from endpoint"#
    )
    .fetch_one(tx.conn())
    .await?;
    let unread = sqlx::query_scalar!(
        r#"select count(*) as "count!" from mailbox
        where polling = 'active' and connection in ('unreachable', 'credential_refused')"#
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Facts {
        events: events
            .into_iter()
            .map(|row| Ok((row::text("event", &row.r#type)?, row.count)))
            .collect::<Result<_, StoreError>>()?,
        bounces: bounces.iter().map(|row| row.count).sum(),
        explained: bounces
            .iter()
            .filter_map(|row| Some((row.verdict.as_deref()?, row.count)))
            .map(|(verdict, count)| Ok((row::text("bounce", verdict)?, count)))
            .collect::<Result<_, StoreError>>()?,
        states: states
            .into_iter()
            .map(|row| Ok((row::text("incident", &row.state)?, row.count)))
            .collect::<Result<_, StoreError>>()?,
        ongoing: ongoing(tx).await?,
        unread,
        longest_unread: longest_unread(tx).await?,
        endpoints: (endpoints.failing, endpoints.disabled),
    })
}

async fn ongoing(tx: &mut MspTx) -> Result<Vec<Ongoing>, StoreError> {
    const TABLE: &str = "incident";
    let rows = sqlx::query!(
        "select incident_id, incident.tenant_id, tenant.name, incident.mailbox_id, mailbox.address, verdict, tier, severity, state,
            opened_at
        from incident
        join tenant on tenant.msp_id = incident.msp_id and tenant.tenant_id = incident.tenant_id
        join mailbox on mailbox.msp_id = incident.msp_id and mailbox.mailbox_id = incident.mailbox_id
        where drill_id is null and polling <> 'deleting' and state in ('open', 'contained', 'monitoring', 'recovered', 'reopened')
        order by array_position(array['critical', 'high', 'medium', 'low'], severity), incident_id desc limit $1",
        NAMED
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Ongoing {
                id: IncidentId::from_uuid(row.incident_id),
                tenant: (TenantId::from_uuid(row.tenant_id), row.name),
                mailbox: (MailboxId::from_uuid(row.mailbox_id), row.address),
                verdict: row::text(TABLE, &row.verdict)?,
                tier: row::text(TABLE, &row.tier)?,
                severity: row::text(TABLE, &row.severity)?,
                state: row::text(TABLE, &row.state)?,
                opened_at: row.opened_at,
            })
        })
        .collect()
}

async fn longest_unread(tx: &mut MspTx) -> Result<Vec<Unread>, StoreError> {
    let rows = sqlx::query!(
        "select mailbox_id, address, mailbox.tenant_id, tenant.name, connection, connection_fault, connection_since
        from mailbox join tenant on tenant.msp_id = mailbox.msp_id and tenant.tenant_id = mailbox.tenant_id
        where polling = 'active' and connection in ('unreachable', 'credential_refused')
        order by connection_since, mailbox_id limit $1",
        NAMED
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Unread {
            id: MailboxId::from_uuid(row.mailbox_id),
            address: row.address,
            tenant: (TenantId::from_uuid(row.tenant_id), row.name),
            connection: row.connection,
            fault: row.connection_fault,
            since: row.connection_since,
        })
        .collect())
}
