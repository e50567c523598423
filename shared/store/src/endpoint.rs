//! Where an MSP wants to be told, of what, and how that goes.

use chrono::{DateTime, Utc};
use daimon_domain::event::EventType;
use daimon_domain::id::{EndpointId, TenantId};
use daimon_domain::verdict::Severity;
use daimon_domain::words;
use uuid::Uuid;

use crate::{Listed, MspTx, Page, StoreError, row};

words! {
    /// Why an endpoint is not called any more.
    DisabledReason {
        /// A person said so.
        ByHand = "by_hand",
        /// It answered 410 Gone.
        Gone = "gone",
        /// It failed for five days.
        Failing = "failing",
    }
}

/// A webhook endpoint. Its secrets are not here: they stay sealed until something is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Where it is.
    pub url: String,
    /// What people call it.
    pub description: String,
    /// Which events it wants; empty: all.
    pub types: Vec<EventType>,
    /// Of which severities; empty: all, also events without one.
    pub severities: Vec<Severity>,
    /// About which tenants; empty: all, also those to come, and events about the MSP itself.
    pub tenants: Vec<TenantId>,
    /// Since when it is not called, and why.
    pub disabled: Option<(DateTime<Utc>, DisabledReason)>,
    /// Since when every attempt failed.
    pub failing_since: Option<DateTime<Utc>>,
    /// How many attempts failed in a row.
    pub failures: u32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Grows with every change by a person; the strong `ETag`.
    pub version: i64,
}

/// The secrets to sign with.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The one that was shown last, sealed.
    pub current: Vec<u8>,
    /// The one before, sealed, while both sign.
    pub previous: Option<Vec<u8>>,
}

struct Row {
    endpoint_id: Uuid,
    url: String,
    description: String,
    types: Vec<String>,
    severities: Vec<String>,
    tenants: Vec<Uuid>,
    disabled_at: Option<DateTime<Utc>>,
    disabled_reason: Option<String>,
    failing_since: Option<DateTime<Utc>>,
    failures: i32,
    created_at: DateTime<Utc>,
    version: i64,
}

impl TryFrom<Row> for Endpoint {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        const TABLE: &str = "endpoint";
        Ok(Self {
            id: EndpointId::from_uuid(row.endpoint_id),
            url: row.url,
            description: row.description,
            types: row.types.iter().map(|word| row::text(TABLE, word)).collect::<Result<_, _>>()?,
            severities: row.severities.iter().map(|word| row::text(TABLE, word)).collect::<Result<_, _>>()?,
            tenants: row.tenants.into_iter().map(TenantId::from_uuid).collect(),
            disabled: row.disabled_at.zip(row::maybe_text(TABLE, row.disabled_reason.as_deref())?),
            failing_since: row.failing_since,
            failures: row::number(TABLE, row.failures)?,
            created_at: row.created_at,
            version: row.version,
        })
    }
}

/// What an endpoint listens to, as columns.
fn lists(endpoint: &Endpoint) -> (Vec<String>, Vec<String>, Vec<Uuid>) {
    (
        endpoint.types.iter().map(ToString::to_string).collect(),
        endpoint.severities.iter().map(ToString::to_string).collect(),
        endpoint.tenants.iter().map(|id| id.as_uuid()).collect(),
    )
}

/// Stores a new endpoint with its sealed secret.
pub async fn insert(tx: &mut MspTx, endpoint: &Endpoint, sealed_secret: &[u8]) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    let (types, severities, tenants) = lists(endpoint);
    sqlx::query!(
        "insert into endpoint (msp_id, endpoint_id, url, description, types, severities, tenants, sealed_secret,
            disabled_at, disabled_reason, created_at, version)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        msp,
        endpoint.id.as_uuid(),
        endpoint.url,
        endpoint.description,
        &types,
        &severities,
        &tenants,
        sealed_secret,
        endpoint.disabled.map(|(at, _)| at),
        endpoint.disabled.map(|(_, reason)| reason.as_str()),
        endpoint.created_at,
        endpoint.version
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reads one endpoint; `None` also when it is outside the wall.
pub async fn find(tx: &mut MspTx, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select endpoint_id, url, description, types, severities, tenants, disabled_at, disabled_reason, failing_since,
            failures, created_at, version
        from endpoint where endpoint_id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Endpoint::try_from).transpose()
}

/// Endpoints, newest first.
pub async fn list(tx: &mut MspTx, page: Page<EndpointId>) -> Result<Listed<Endpoint>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select endpoint_id, url, description, types, severities, tenants, disabled_at, disabled_reason, failing_since,
            failures, created_at, version
        from endpoint where $1::uuid is null or endpoint_id < $1 order by endpoint_id desc limit $2",
        page.before.map(EndpointId::as_uuid),
        page.probe()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(Endpoint::try_from).collect::<Result<_, _>>()?))
}

/// Writes what people set if the stored version is still `endpoint.version`, and answers the new version. Enabling it
/// again forgets its failures. `None`: somebody else was faster, or it is gone.
pub async fn update(tx: &mut MspTx, endpoint: &Endpoint) -> Result<Option<i64>, StoreError> {
    let (types, severities, tenants) = lists(endpoint);
    Ok(sqlx::query_scalar!(
        "update endpoint set url = $3, description = $4, types = $5, severities = $6, tenants = $7,
            failing_since = case when disabled_at is not null and $8::timestamptz is null then null else failing_since end,
            failures = case when disabled_at is not null and $8 is null then 0 else failures end,
            disabled_at = $8, disabled_reason = $9, version = version + 1
        where endpoint_id = $1 and version = $2 returning version",
        endpoint.id.as_uuid(),
        endpoint.version,
        endpoint.url,
        endpoint.description,
        &types,
        &severities,
        &tenants,
        endpoint.disabled.map(|(at, _)| at),
        endpoint.disabled.map(|(_, reason)| reason.as_str())
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// Removes an endpoint with its deliveries if the stored version is still `version`.
pub async fn delete(tx: &mut MspTx, id: EndpointId, version: i64) -> Result<bool, StoreError> {
    let done = sqlx::query!("delete from endpoint where endpoint_id = $1 and version = $2", id.as_uuid(), version)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Signs with another secret from now on, and with the one before as well until `previous_until`. One that was still
/// signing from an earlier rotation stops: at most two are live.
pub async fn rotate(
    tx: &mut MspTx,
    id: EndpointId,
    version: i64,
    sealed_secret: &[u8],
    previous_until: DateTime<Utc>,
) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar!(
        "update endpoint set previous_sealed_secret = sealed_secret, previous_until = $4, sealed_secret = $3,
            version = version + 1
        where endpoint_id = $1 and version = $2 returning version",
        id.as_uuid(),
        version,
        sealed_secret,
        previous_until
    )
    .fetch_optional(tx.conn())
    .await?)
}

/// The secrets that sign at `now`.
pub async fn secrets(tx: &mut MspTx, id: EndpointId, now: DateTime<Utc>) -> Result<Option<Secrets>, StoreError> {
    let row = sqlx::query!(
        "select sealed_secret, case when previous_until > $2 then previous_sealed_secret end as previous
        from endpoint where endpoint_id = $1",
        id.as_uuid(),
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Secrets { current: row.sealed_secret, previous: row.previous }))
}

/// The endpoints that want an event, also those that the caller who caused it can't see.
pub async fn for_event(
    tx: &mut MspTx,
    kind: EventType,
    severity: Option<Severity>,
    tenant: Option<TenantId>,
) -> Result<Vec<EndpointId>, StoreError> {
    tx.widen().await?;
    let ids = sqlx::query_scalar!(
        "select endpoint_id from endpoint
        where disabled_at is null
            and (types = '{}' or $1 = any (types))
            and (severities = '{}' or $2 = any (severities))
            and (tenants = '{}' or $3 = any (tenants))
        order by endpoint_id",
        kind.as_str(),
        severity.map(Severity::as_str),
        tenant.map(TenantId::as_uuid)
    )
    .fetch_all(tx.conn())
    .await?;
    tx.narrow().await?;
    Ok(ids.into_iter().map(EndpointId::from_uuid).collect())
}

/// Notes an attempt that worked: whatever failed before is forgotten.
pub async fn succeeded(tx: &mut MspTx, id: EndpointId) -> Result<(), StoreError> {
    sqlx::query!(
        "update endpoint set failing_since = null, failures = 0 where endpoint_id = $1 and failing_since is not null",
        id.as_uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes an attempt that failed, and answers since when all of them did, and how many in a row.
pub async fn failed(
    tx: &mut MspTx,
    id: EndpointId,
    now: DateTime<Utc>,
) -> Result<Option<(DateTime<Utc>, u32)>, StoreError> {
    let row = sqlx::query!(
        r#"update endpoint set failing_since = coalesce(failing_since, $2), failures = failures + 1
        where endpoint_id = $1 returning failing_since as "failing_since!", failures"#,
        id.as_uuid(),
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| Ok((row.failing_since, row::number("endpoint", row.failures)?))).transpose()
}

/// Stops calling an endpoint. `false`: it is disabled already, or gone.
pub async fn disable(
    tx: &mut MspTx,
    id: EndpointId,
    reason: DisabledReason,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update endpoint set disabled_at = $3, disabled_reason = $2, version = version + 1
        where endpoint_id = $1 and disabled_at is null",
        id.as_uuid(),
        reason.as_str(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
