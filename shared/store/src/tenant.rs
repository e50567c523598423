//! Client companies, and the key that everything secret of theirs is sealed with.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daimon_domain::id::TenantId;
use daimon_domain::tenant::Tenant;
use uuid::Uuid;

use crate::{Listed, MspTx, Page, StoreError, row};

struct Row {
    tenant_id: Uuid,
    name: String,
    language: String,
    external_refs: serde_json::Value,
    groups: Vec<String>,
    created_at: DateTime<Utc>,
    is_deleting: bool,
    version: i64,
}

impl TryFrom<Row> for Tenant {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: TenantId::from_uuid(row.tenant_id),
            name: row::text("tenant", &row.name)?,
            language: row::text("tenant", &row.language)?,
            external_refs: serde_json::from_value(row.external_refs).map_err(|error| row::corrupt("tenant", error))?,
            groups: row.groups.iter().map(|group| row::text("tenant", group)).collect::<Result<_, _>>()?,
            created_at: row.created_at,
            is_deleting: row.is_deleting,
            version: row.version,
        })
    }
}

/// Stores a new tenant with its data key, which the master key has sealed.
pub async fn insert(tx: &mut MspTx, tenant: &Tenant, sealed_data_key: &[u8]) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into tenant (msp_id, tenant_id, name, language, external_refs, data_key, created_at, version,
            groups)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        msp,
        tenant.id.as_uuid(),
        tenant.name.as_str(),
        tenant.language.as_str(),
        references(&tenant.external_refs),
        sealed_data_key,
        tenant.created_at,
        tenant.version,
        &groups(tenant)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reads one tenant; `None` also when it is outside the wall.
pub async fn find(tx: &mut MspTx, id: TenantId) -> Result<Option<Tenant>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select tenant_id, name, language, external_refs, groups, created_at, data_key = '' as "is_deleting!", version
        from tenant where tenant_id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Tenant::try_from).transpose()
}

/// Which tenants to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantFilter {
    /// Only with exactly this name.
    pub name: Option<String>,
    /// Only of this group.
    pub group: Option<String>,
    /// Only those that this other system knows.
    pub system: Option<String>,
    /// Only those that another system calls so.
    pub reference: Option<String>,
}

/// Tenants, newest first.
pub async fn list(tx: &mut MspTx, filter: &TenantFilter, page: Page<TenantId>) -> Result<Listed<Tenant>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select tenant_id, name, language, external_refs, groups, created_at, data_key = '' as "is_deleting!", version
        from tenant
        where ($1::uuid is null or tenant_id < $1) and ($3::text is null or name = $3) and ($4::text is null or $4 = any (groups))
            and ($5::text is null or external_refs ? $5)
            and ($6::text is null or exists (
                select from jsonb_each_text(external_refs) as known (system, id)
                where id = $6 and ($5::text is null or system = $5)
            ))
        order by tenant_id desc limit $2"#,
        page.before.map(TenantId::as_uuid),
        page.probe(),
        filter.name,
        filter.group,
        filter.system,
        filter.reference
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(Tenant::try_from).collect::<Result<_, _>>()?))
}

/// Those with one of these names, or that another system calls so: `(system, id)`. None that is being deleted.
pub async fn matching(
    tx: &mut MspTx,
    names: &[String],
    references: &[(String, String)],
) -> Result<Vec<Tenant>, StoreError> {
    let (systems, ids): (Vec<_>, Vec<_>) = references.iter().cloned().unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"select tenant_id, name, language, external_refs, groups, created_at, data_key = '' as "is_deleting!", version
        from tenant where data_key <> '' and (name = any ($1) or exists (
            select from unnest($2::text[], $3::text[]) as asked (system, id) where external_refs ->> asked.system = asked.id
        )) order by tenant_id"#,
        names,
        &systems,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Tenant::try_from).collect()
}

/// Keeps others of this MSP from taking companies in until the transaction ends: two that look whether a company is there would
/// both find that it is not. `false`: somebody else does so, for whom nobody waits here with a connection in hand.
pub async fn hold_onboarding(tx: &mut MspTx) -> Result<bool, StoreError> {
    let name = format!("onboarding/{}", tx.msp().as_uuid());
    let held = sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as "held!""#, name);
    Ok(held.fetch_one(tx.conn()).await?)
}

/// Writes name, language, references and groups if the stored version is still `tenant.version`, and answers the new version.
/// `None`: somebody else was faster, or it is gone.
pub async fn update(tx: &mut MspTx, tenant: &Tenant) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar!(
        "update tenant set name = $3, language = $4, external_refs = $5, groups = $6, version = version + 1
        where tenant_id = $1 and version = $2 returning version",
        tenant.id.as_uuid(),
        tenant.version,
        tenant.name.as_str(),
        tenant.language.as_str(),
        references(&tenant.external_refs),
        &groups(tenant)
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// The tenant's data key as the master key sealed it; `None` also of one that is being deleted.
pub async fn data_key(tx: &mut MspTx, id: TenantId) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(sqlx::query_scalar!("select data_key from tenant where tenant_id = $1 and data_key <> ''", id.as_uuid())
        .fetch_optional(tx.conn())
        .await?)
}

fn references(references: &BTreeMap<String, String>) -> serde_json::Value {
    references.iter().map(|(system, id)| (system.clone(), serde_json::Value::from(id.as_str()))).collect()
}

fn groups(tenant: &Tenant) -> Vec<String> {
    tenant.groups.iter().map(|group| group.as_str().to_owned()).collect()
}
