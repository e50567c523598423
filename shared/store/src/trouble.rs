//! Troubles that several tenants of an MSP may have at once, by keyed hash of the system.
//!
//! One row per tenant and system, so that asking how many tenants have it costs a few rows of one index, however many
//! mailboxes they have. A caller who is limited to some tenants counts those only.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::id::TenantId;

use crate::{MspTx, StoreError};

/// How long a row is kept.
const KEPT: TimeDelta = TimeDelta::days(1);

/// A tenant has seen a trouble.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Which sort: `failing`, `listed`.
    pub kind: &'static str,
    /// Which system.
    pub system: [u8; 32],
    /// When.
    pub at: DateTime<Utc>,
}

/// Notes what a tenant has seen, and forgets what it saw before yesterday. A row that is not five minutes older is left alone, so
/// that the mailboxes of a tenant don't wait for each other.
pub async fn note_many(tx: &mut MspTx, tenant: TenantId, seen: &[Seen], now: DateTime<Utc>) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    let mut seen = seen.to_vec();
    // The newest of each; and two who write do so in one order.
    seen.sort_by(|a, b| (a.kind, a.system, b.at).cmp(&(b.kind, b.system, a.at)));
    seen.dedup_by(|later, first| (later.kind, later.system) == (first.kind, first.system));
    let kinds: Vec<_> = seen.iter().map(|one| one.kind.to_owned()).collect();
    let systems: Vec<_> = seen.iter().map(|one| one.system.to_vec()).collect();
    let times: Vec<_> = seen.iter().map(|one| one.at).collect();
    sqlx::query!(
        "insert into trouble (msp_id, tenant_id, kind, system_hash, seen_at)
        select $1, $2, seen.kind, seen.system, seen.at
        from unnest($3::text[], $4::bytea[], $5::timestamptz[]) as seen (kind, system, at)
        where not exists (
            select from trouble as known
            where known.kind = seen.kind and known.system_hash = seen.system and known.tenant_id = $2
                and known.seen_at > seen.at - interval '5 minutes'
        )
        order by seen.kind, seen.system
        on conflict on constraint trouble_pk do update set seen_at = greatest(trouble.seen_at, excluded.seen_at)",
        msp,
        tenant.as_uuid(),
        &kinds,
        &systems,
        &times
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("delete from trouble where tenant_id = $1 and seen_at < $2", tenant.as_uuid(), now - KEPT)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// In how many tenants a trouble was seen after `since`; it is not counted beyond `most`.
pub async fn tenants(
    tx: &mut MspTx,
    kind: &str,
    system: &[u8; 32],
    since: DateTime<Utc>,
    most: usize,
) -> Result<usize, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let count = sqlx::query_scalar!(
        r#"select count(*) as "tenants!" from (
            select from trouble where kind = $1 and system_hash = $2 and seen_at > $3 limit $4
        ) as those"#,
        kind,
        system.as_slice(),
        since,
        most
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}
