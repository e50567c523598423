//! Where an MSP wants to be told, of what, and how that goes.

mod health;
mod turn;
mod wants;

use chrono::{DateTime, Utc};
use daimon_domain::day::QuietHours;
use daimon_domain::id::{EndpointId, TenantId};
use daimon_domain::pace::Pace;
use daimon_domain::tenant::Group;
use daimon_domain::verdict::Severity;
use daimon_domain::words;
use uuid::Uuid;

pub use self::health::{Hope, disable, failed, retry_soon};
pub use self::turn::{forget_turns, release, take_turn};
pub use self::wants::{Matter, Wants, for_event};
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
    /// Of what it is told.
    pub wants: Wants,
    /// How fast it is told at most; `None`: as fast as we can.
    pub pace: Option<Pace>,
    /// When it is told only what can't wait.
    pub quiet_hours: Option<QuietHours>,
    /// Since when it is not called, and why.
    pub disabled: Option<(DateTime<Utc>, DisabledReason)>,
    /// Until when the secret before signs, too, if there is one.
    pub previous_secret_until: Option<DateTime<Utc>>,
    /// Since when every attempt failed.
    pub failing_since: Option<DateTime<Utc>>,
    /// How many attempts failed in a row.
    pub failures: u32,
    /// When the oldest delivery was made that has neither arrived nor failed for good, whatever it waits for.
    pub undelivered_since: Option<DateTime<Utc>>,
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

impl Endpoint {
    /// One that is told everything, at once.
    pub fn new(id: EndpointId, url: String, now: DateTime<Utc>) -> Self {
        Self {
            id,
            url,
            description: String::new(),
            wants: Wants::default(),
            pace: None,
            quiet_hours: None,
            disabled: None,
            previous_secret_until: None,
            failing_since: None,
            failures: 0,
            undelivered_since: None,
            created_at: now,
            version: 1,
        }
    }
}

struct Row {
    endpoint_id: Uuid,
    url: String,
    description: String,
    types: Vec<String>,
    severities: Vec<String>,
    verdicts: Vec<String>,
    tenants: Vec<Uuid>,
    tenant_groups: Vec<String>,
    except_tenants: Vec<Uuid>,
    rate_limit_per_minute: Option<i32>,
    quiet_from: Option<i16>,
    quiet_until: Option<i16>,
    quiet_time_zone: Option<String>,
    quiet_let_through: Option<String>,
    disabled_at: Option<DateTime<Utc>>,
    disabled_reason: Option<String>,
    previous_until: Option<DateTime<Utc>>,
    failing_since: Option<DateTime<Utc>>,
    failures: i32,
    undelivered_since: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    version: i64,
}

const TABLE: &str = "endpoint";

impl TryFrom<Row> for Endpoint {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let quiet = QuietColumns {
            from: row.quiet_from,
            until: row.quiet_until,
            zone: row.quiet_time_zone.as_deref(),
            let_through: row.quiet_let_through.as_deref(),
        };
        let quiet_hours = quiet.read()?;
        Ok(Self {
            id: EndpointId::from_uuid(row.endpoint_id),
            url: row.url,
            description: row.description,
            wants: Wants {
                types: texts(&row.types)?,
                severities: texts(&row.severities)?,
                verdicts: texts(&row.verdicts)?,
                tenants: row.tenants.into_iter().map(TenantId::from_uuid).collect(),
                groups: texts(&row.tenant_groups)?,
                except: row.except_tenants.into_iter().map(TenantId::from_uuid).collect(),
            },
            pace: pace(row.rate_limit_per_minute)?,
            quiet_hours,
            disabled: row.disabled_at.zip(row::maybe_text(TABLE, row.disabled_reason.as_deref())?),
            previous_secret_until: row.previous_until,
            failing_since: row.failing_since,
            failures: row::number(TABLE, row.failures)?,
            undelivered_since: row.undelivered_since,
            created_at: row.created_at,
            version: row.version,
        })
    }
}

fn texts<T>(words: &[String]) -> Result<Vec<T>, StoreError>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    words.iter().map(|word| row::text(TABLE, word)).collect()
}

/// Quiet hours as they are stored: all of it, or nothing.
pub(crate) struct QuietColumns<'a> {
    pub(crate) from: Option<i16>,
    pub(crate) until: Option<i16>,
    pub(crate) zone: Option<&'a str>,
    pub(crate) let_through: Option<&'a str>,
}

impl QuietColumns<'_> {
    pub(crate) fn read(&self) -> Result<Option<QuietHours>, StoreError> {
        let (Some(from), Some(until), Some(zone)) = (self.from, self.until, self.zone) else { return Ok(None) };
        let time = |minutes: i16| row::number(TABLE, row::number::<u32, _>(TABLE, minutes)?);
        Ok(Some(QuietHours {
            from: time(from)?,
            until: time(until)?,
            zone: row::text(TABLE, zone)?,
            let_through: row::maybe_text(TABLE, self.let_through)?,
        }))
    }
}

/// How fast an endpoint is told at most.
pub(crate) fn pace(rate_limit_per_minute: Option<i32>) -> Result<Option<Pace>, StoreError> {
    let rate = rate_limit_per_minute.map(|rate| row::number::<u32, _>(TABLE, rate)).transpose()?;
    rate.map(|rate| row::number(TABLE, rate)).transpose()
}

/// What people set, as columns.
struct Columns {
    types: Vec<String>,
    severities: Vec<String>,
    verdicts: Vec<String>,
    tenants: Vec<Uuid>,
    groups: Vec<String>,
    except: Vec<Uuid>,
    rate: Option<i32>,
    quiet_from: Option<i16>,
    quiet_until: Option<i16>,
    quiet_zone: Option<&'static str>,
    quiet_let_through: Option<&'static str>,
}

impl From<&Endpoint> for Columns {
    fn from(endpoint: &Endpoint) -> Self {
        let (wants, quiet) = (&endpoint.wants, endpoint.quiet_hours);
        let minutes = |minutes: u32| i16::try_from(minutes).unwrap_or(0);
        Self {
            types: wants.types.iter().map(ToString::to_string).collect(),
            severities: wants.severities.iter().map(ToString::to_string).collect(),
            verdicts: wants.verdicts.iter().map(ToString::to_string).collect(),
            tenants: wants.tenants.iter().map(|id| id.as_uuid()).collect(),
            groups: wants.groups.iter().cloned().map(Group::into).collect(),
            except: wants.except.iter().map(|id| id.as_uuid()).collect(),
            rate: endpoint.pace.map(|pace| row::int(pace.per_minute())),
            quiet_from: quiet.map(|hours| minutes(hours.from.minutes())),
            quiet_until: quiet.map(|hours| minutes(hours.until.minutes())),
            quiet_zone: quiet.map(|hours| hours.zone.as_str()),
            quiet_let_through: quiet.and_then(|hours| hours.let_through).map(Severity::as_str),
        }
    }
}

/// Stores a new endpoint with its sealed secret.
pub async fn insert(tx: &mut MspTx, endpoint: &Endpoint, sealed_secret: &[u8]) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    let columns = Columns::from(endpoint);
    sqlx::query!(
        "insert into endpoint (msp_id, endpoint_id, url, description, types, severities, tenants, sealed_secret,
            disabled_at, disabled_reason, created_at, version, verdicts, tenant_groups, except_tenants,
            rate_limit_per_minute, quiet_from, quiet_until, quiet_time_zone, quiet_let_through)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        msp,
        endpoint.id.as_uuid(),
        endpoint.url,
        endpoint.description,
        &columns.types,
        &columns.severities,
        &columns.tenants,
        sealed_secret,
        endpoint.disabled.map(|(at, _)| at),
        endpoint.disabled.map(|(_, reason)| reason.as_str()),
        endpoint.created_at,
        endpoint.version,
        &columns.verdicts,
        &columns.groups,
        &columns.except,
        columns.rate,
        columns.quiet_from,
        columns.quiet_until,
        columns.quiet_zone,
        columns.quiet_let_through
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reads one endpoint; `None` also when it is outside the wall.
pub async fn find(tx: &mut MspTx, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select endpoint_id, url, description, types, severities, verdicts, tenants, tenant_groups, except_tenants,
            rate_limit_per_minute, quiet_from, quiet_until, quiet_time_zone, quiet_let_through,
            disabled_at, disabled_reason, previous_until, failing_since, failures, created_at, version,
            (select min(created_at) from delivery
                where delivery.endpoint_id = endpoint.endpoint_id and state = 'pending') as undelivered_since
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
        "select endpoint_id, url, description, types, severities, verdicts, tenants, tenant_groups, except_tenants,
            rate_limit_per_minute, quiet_from, quiet_until, quiet_time_zone, quiet_let_through,
            disabled_at, disabled_reason, previous_until, failing_since, failures, created_at, version,
            (select min(created_at) from delivery
                where delivery.endpoint_id = endpoint.endpoint_id and state = 'pending') as undelivered_since
        from endpoint where $1::uuid is null or endpoint_id < $1 order by endpoint_id desc limit $2",
        page.before.map(EndpointId::as_uuid),
        page.probe()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(Endpoint::try_from).collect::<Result<_, _>>()?))
}

/// Writes what people set if the stored version is still `endpoint.version`, and answers the new version. Enabling it
/// again forgets its failures, and so does another URL. `None`: somebody else was faster, or it is gone.
pub async fn update(tx: &mut MspTx, endpoint: &Endpoint) -> Result<Option<i64>, StoreError> {
    let columns = Columns::from(endpoint);
    Ok(sqlx::query_scalar!(
        "update endpoint set url = $3, description = $4, types = $5, severities = $6, tenants = $7,
            verdicts = $10, tenant_groups = $11, except_tenants = $12, rate_limit_per_minute = $13,
            quiet_from = $14, quiet_until = $15, quiet_time_zone = $16, quiet_let_through = $17,
            failing_since = case when url <> $3 or disabled_at is not null and $8::timestamptz is null then null
                else failing_since end,
            failures = case when url <> $3 or disabled_at is not null and $8 is null then 0 else failures end,
            disabled_at = $8, disabled_reason = $9, version = version + 1
        where endpoint_id = $1 and version = $2 returning version",
        endpoint.id.as_uuid(),
        endpoint.version,
        endpoint.url,
        endpoint.description,
        &columns.types,
        &columns.severities,
        &columns.tenants,
        endpoint.disabled.map(|(at, _)| at),
        endpoint.disabled.map(|(_, reason)| reason.as_str()),
        &columns.verdicts,
        &columns.groups,
        &columns.except,
        columns.rate,
        columns.quiet_from,
        columns.quiet_until,
        columns.quiet_zone,
        columns.quiet_let_through
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
