//! With which selectors the domains of a tenant sign their mail, as its own mail shows.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use daimon_domain::id::TenantId;

use crate::{MspTx, StoreError};

/// A domain has a handful: one per program that sends for it. More are asked of nobody.
const MOST: i64 = 16;

/// Remembers that the domain's mail was signed with these.
pub async fn note_many(
    tx: &mut MspTx,
    tenant: TenantId,
    domain: &str,
    selectors: &BTreeSet<String>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    let selectors: Vec<_> = selectors.iter().cloned().collect();
    sqlx::query!(
        "insert into dkim_selector (msp_id, tenant_id, domain, selector, seen_at)
        select $1, $2, $3, selector, $5 from unnest($4::text[]) as selector order by selector
        on conflict on constraint dkim_selector_pk do update
        set seen_at = greatest(dkim_selector.seen_at, excluded.seen_at)",
        msp,
        tenant.as_uuid(),
        domain,
        &selectors,
        at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Those that were seen since then, the newest first.
pub async fn list(
    tx: &mut MspTx,
    tenant: TenantId,
    domain: &str,
    since: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select selector from dkim_selector where tenant_id = $1 and domain = $2 and seen_at >= $3
        order by seen_at desc, selector limit $4",
        tenant.as_uuid(),
        domain,
        since,
        MOST
    )
    .fetch_all(tx.conn())
    .await?)
}
