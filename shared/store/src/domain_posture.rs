//! How the domains of a tenant's mailboxes stand, as last asked of DNS.

use chrono::{DateTime, Utc};
use daimon_domain::id::TenantId;
use serde_json::Value;

use crate::{MspTx, StoreError};

/// A domain and how it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainPosture {
    /// The domain.
    pub domain: String,
    /// When DNS was asked.
    pub checked_at: DateTime<Utc>,
    /// What it said, in the form of the posture room.
    pub posture: Value,
}

/// When a domain of the tenant was last asked for; `None` if never.
pub async fn checked_at(tx: &mut MspTx, tenant: TenantId, domain: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select checked_at from domain_posture where tenant_id = $1 and domain = $2",
        tenant.as_uuid(),
        domain
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// Remembers how a domain stands; an older answer never replaces a newer one.
pub async fn upsert(tx: &mut MspTx, tenant: TenantId, stands: &DomainPosture) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into domain_posture (msp_id, tenant_id, domain, checked_at, posture) values ($1, $2, $3, $4, $5)
        on conflict on constraint domain_posture_pk do update
        set checked_at = excluded.checked_at, posture = excluded.posture
        where domain_posture.checked_at < excluded.checked_at",
        msp,
        tenant.as_uuid(),
        stands.domain,
        stands.checked_at,
        stands.posture
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The domains of a tenant's mailboxes that were asked for, by name.
pub async fn list(tx: &mut MspTx, tenant: TenantId) -> Result<Vec<DomainPosture>, StoreError> {
    Ok(sqlx::query_as!(
        DomainPosture,
        "select domain, checked_at, posture from domain_posture as stands
        where tenant_id = $1 and exists (
            select from mailbox
            where mailbox.tenant_id = stands.tenant_id and split_part(mailbox.address, '@', -1) = stands.domain
        )
        order by domain limit 1000",
        tenant.as_uuid()
    )
    .fetch_all(tx.conn())
    .await?)
}

/// How one domain of the tenant stood when it was last asked for.
pub async fn find(tx: &mut MspTx, tenant: TenantId, domain: &str) -> Result<Option<DomainPosture>, StoreError> {
    Ok(sqlx::query_as!(
        DomainPosture,
        "select domain, checked_at, posture from domain_posture where tenant_id = $1 and domain = $2",
        tenant.as_uuid(),
        domain
    )
    .fetch_optional(tx.conn())
    .await?)
}
