//! Numbers over many rows: what came back when and why, and how the fleet stands. Drills count for nothing here.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daimon_domain::id::{MailboxId, TenantId, uuid_floor};

use crate::{MspTx, StoreError, row};

/// Which bounces are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Only of this tenant.
    pub tenant: Option<TenantId>,
    /// Only of this mailbox.
    pub mailbox: Option<MailboxId>,
    /// Received then or later.
    pub from: DateTime<Utc>,
    /// Received before.
    pub to: DateTime<Utc>,
}

/// Bounces by `hour`, `day`, `reason` or `verdict`: the key and how many. The key is `None` for those that are not judged.
#[tracing::instrument(name = "store.statistics.bounces", skip_all)]
pub async fn bounces(
    tx: &mut MspTx,
    by: &'static str,
    counted: &Counted,
) -> Result<Vec<(Option<String>, u64)>, StoreError> {
    let rows = sqlx::query!(
        r#"select case $1
                when 'hour' then to_char(received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24":00:00Z"')
                when 'day' then to_char(received_at at time zone 'UTC', 'YYYY-MM-DD')
                when 'reason' then reason
                else verdict
            end as key, count(*) as "count!"
        from bounce
        where bounce_id >= $2 and bounce_id < $3 and drill_id is null
            and ($4::uuid is null or tenant_id = $4) and ($5::uuid is null or mailbox_id = $5)
        group by 1 order by 1"#,
        by,
        uuid_floor(counted.from),
        uuid_floor(counted.to),
        counted.tenant.map(TenantId::as_uuid),
        counted.mailbox.map(MailboxId::as_uuid)
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|one| Ok((one.key, row::number("bounce", one.count)?))).collect()
}

/// How mailboxes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mailboxes {
    /// All of them.
    pub total: u64,
    /// Nobody reads them until somebody resumes them.
    pub paused: u64,
    /// Those that are read and were never read to the end.
    pub new: u64,
    /// Those that are read without trouble.
    pub connected: u64,
    /// Those whose server can't be reached or read.
    pub unreachable: u64,
    /// Those that are not let in.
    pub credential_refused: u64,
    /// Those of them whose server tells of new mail at once.
    pub idling: u64,
    /// Those that are read, and were not for an hour.
    pub stale: u64,
}

/// How the fleet stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// How many tenants there are.
    pub tenants: u64,
    /// How their mailboxes are.
    pub mailboxes: Mailboxes,
    /// Live incidents by tier.
    pub incidents: BTreeMap<String, u64>,
    /// Those of them that nobody has acknowledged.
    pub unacknowledged: u64,
    /// Bounces that came since.
    pub bounces: u64,
}

/// How the fleet stands, or one tenant; bounces are counted since `since`, and a mailbox is stale that was not read since `fresh`.
#[tracing::instrument(name = "store.statistics.overview", skip_all)]
pub async fn overview(
    tx: &mut MspTx,
    tenant: Option<TenantId>,
    since: DateTime<Utc>,
    fresh: DateTime<Utc>,
) -> Result<Overview, StoreError> {
    let id = tenant.map(TenantId::as_uuid);
    let tenants =
        sqlx::query_scalar!(r#"select count(*) as "count!" from tenant where $1::uuid is null or tenant_id = $1"#, id)
            .fetch_one(tx.conn())
            .await?;
    let seen = sqlx::query!(
        r#"select count(*) as "total!", count(*) filter (where polling = 'paused') as "paused!",
            count(*) filter (where polling = 'active' and connection = 'new') as "new!",
            count(*) filter (where polling = 'active' and connection = 'connected') as "connected!",
            count(*) filter (where polling = 'active' and connection = 'unreachable') as "unreachable!",
            count(*) filter (where polling = 'active' and connection = 'credential_refused') as "refused!",
            count(*) filter (where polling = 'active' and connection = 'connected' and idle_since is not null) as "idling!",
            count(*) filter (where polling = 'active' and coalesce(last_polled_at, created_at) < $2) as "stale!"
        from mailbox where $1::uuid is null or tenant_id = $1"#,
        id,
        fresh
    )
    .fetch_one(tx.conn())
    .await?;
    let live = sqlx::query!(
        r#"select tier, count(*) as "count!", count(*) filter (where acknowledged_at is null) as "unacknowledged!" from incident
        where state in ('open', 'contained', 'monitoring', 'recovered', 'reopened') and drill_id is null
            and ($1::uuid is null or tenant_id = $1)
        group by tier order by tier"#,
        id
    )
    .fetch_all(tx.conn())
    .await?;
    let bounces = sqlx::query_scalar!(
        r#"select count(*) as "count!" from bounce where bounce_id >= $2 and drill_id is null and ($1::uuid is null or tenant_id = $1)"#,
        id,
        uuid_floor(since)
    )
    .fetch_one(tx.conn())
    .await?;
    let mut overview = Overview {
        tenants: row::number("tenant", tenants)?,
        mailboxes: Mailboxes {
            total: row::number("mailbox", seen.total)?,
            paused: row::number("mailbox", seen.paused)?,
            new: row::number("mailbox", seen.new)?,
            connected: row::number("mailbox", seen.connected)?,
            unreachable: row::number("mailbox", seen.unreachable)?,
            credential_refused: row::number("mailbox", seen.refused)?,
            idling: row::number("mailbox", seen.idling)?,
            stale: row::number("mailbox", seen.stale)?,
        },
        bounces: row::number("bounce", bounces)?,
        ..Overview::default()
    };
    for one in live {
        overview.unacknowledged += row::number::<u64, _>("incident", one.unacknowledged)?;
        overview.incidents.insert(one.tier, row::number("incident", one.count)?);
    }
    Ok(overview)
}
