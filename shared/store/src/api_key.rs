//! API keys: a hash of each, what it may do and how far it reaches.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daimon_domain::id::{KeyId, TenantId};
use daimon_domain::scope::{Permission, Tenants};
use uuid::Uuid;

use crate::{Listed, MspTx, Page, StoreError, row};

/// An API key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// How far it reaches.
    pub tenants: Tenants,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it stops to work by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// Neither revoked nor expired.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

struct Row {
    key_id: Uuid,
    name: String,
    secret_sha256: Vec<u8>,
    permissions: Vec<String>,
    tenants: Option<Vec<Uuid>>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for ApiKey {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: KeyId::from_uuid(row.key_id),
            name: row.name,
            // What a newer program has given, this one knows nothing of.
            permissions: row.permissions.iter().filter_map(|word| word.parse().ok()).collect(),
            tenants: row
                .tenants
                .map_or(Tenants::All, |ids| Tenants::Only(ids.into_iter().map(TenantId::from_uuid).collect())),
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        })
    }
}

/// Stores a new key by the SHA-256 of its secret.
pub async fn insert(tx: &mut MspTx, key: &ApiKey, secret_sha256: &[u8; 32]) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    let permissions: Vec<String> = key.permissions.iter().map(ToString::to_string).collect();
    let tenants: Option<Vec<Uuid>> = match &key.tenants {
        Tenants::All => None,
        Tenants::Only(ids) => Some(ids.iter().map(|id| id.as_uuid()).collect()),
    };
    sqlx::query!(
        "insert into api_key (msp_id, key_id, name, secret_sha256, permissions, tenants, created_at, expires_at, revoked_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        msp,
        key.id.as_uuid(),
        key.name,
        secret_sha256,
        &permissions,
        tenants.as_deref(),
        key.created_at,
        key.expires_at,
        key.revoked_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A key and the SHA-256 of its secret, also when it is revoked or expired.
pub async fn find(tx: &mut MspTx, id: KeyId) -> Result<Option<(ApiKey, [u8; 32])>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select key_id, name, secret_sha256, permissions, tenants, created_at, expires_at, revoked_at
        from api_key where key_id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|mut row| {
        let hash = row::hash("api_key", std::mem::take(&mut row.secret_sha256))?;
        Ok((ApiKey::try_from(row)?, hash))
    })
    .transpose()
}

/// What people call these keys; those outside the wall are missing.
pub async fn names(tx: &mut MspTx, ids: &[KeyId]) -> Result<BTreeMap<KeyId, String>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows =
        sqlx::query!("select key_id, name from api_key where key_id = any ($1)", &ids).fetch_all(tx.conn()).await?;
    Ok(rows.into_iter().map(|row| (KeyId::from_uuid(row.key_id), row.name)).collect())
}

/// Keys, newest first, revoked ones included.
pub async fn list(tx: &mut MspTx, page: Page<KeyId>) -> Result<Listed<ApiKey>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select key_id, name, secret_sha256, permissions, tenants, created_at, expires_at, revoked_at
        from api_key where $1::uuid is null or key_id < $1 order by key_id desc limit $2",
        page.before.map(KeyId::as_uuid),
        page.probe()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>()?))
}

/// Ends a key; `false` when there is none. The second time it keeps the first date.
pub async fn revoke(tx: &mut MspTx, id: KeyId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done =
        sqlx::query!("update api_key set revoked_at = coalesce(revoked_at, $2) where key_id = $1", id.as_uuid(), now)
            .execute(tx.conn())
            .await?;
    Ok(done.rows_affected() == 1)
}
