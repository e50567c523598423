//! HTTP requests to endpoints, as they went.

use chrono::{DateTime, Utc};
use daimon_domain::delivery::AttemptFault;
use daimon_domain::id::{AttemptId, DeliveryId, TenantId};
use uuid::Uuid;

use crate::{Listed, MspTx, Page, StoreError, row};

/// One HTTP request, or one that was interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// Of which delivery.
    pub delivery: DeliveryId,
    /// When it began.
    pub at: DateTime<Utc>,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// Why it failed; none: it worked.
    pub fault: Option<AttemptFault>,
    /// How long it took, in milliseconds.
    pub latency_ms: u32,
    /// The beginning of the answer, at most 1 KiB.
    pub excerpt: Option<String>,
    /// The SHA-256 of the body that was sent; none: nothing was.
    pub request_sha256: Option<[u8; 32]>,
}

struct Row {
    attempt_id: Uuid,
    delivery_id: Uuid,
    attempted_at: DateTime<Utc>,
    status: Option<i16>,
    fault: Option<String>,
    latency_ms: i32,
    excerpt: Option<String>,
    request_sha256: Option<Vec<u8>>,
}

impl TryFrom<Row> for Attempt {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: AttemptId::from_uuid(row.attempt_id),
            delivery: DeliveryId::from_uuid(row.delivery_id),
            at: row.attempted_at,
            status: row.status.map(|status| row::number("attempt", status)).transpose()?,
            fault: row::maybe_text("attempt", row.fault.as_deref())?,
            latency_ms: row::number("attempt", row.latency_ms)?,
            excerpt: row.excerpt,
            request_sha256: row.request_sha256.map(|bytes| row::hash("attempt", bytes)).transpose()?,
        })
    }
}

/// How much of an answer is kept: 1,024 characters are at most 4,096 bytes.
const LONGEST_EXCERPT: usize = 1_024;

/// What is kept of an answer.
pub(crate) fn excerpt(attempt: &Attempt) -> Option<String> {
    attempt.excerpt.as_ref().map(|excerpt| row::clean(excerpt, LONGEST_EXCERPT))
}

/// Stores an attempt that gives no delivery back.
pub async fn insert(tx: &mut MspTx, tenant: Option<TenantId>, attempt: &Attempt) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into attempt
            (msp_id, attempt_id, tenant_id, delivery_id, attempted_at, status, fault, latency_ms, excerpt,
            request_sha256, drill_id)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, (select drill_id from delivery where delivery_id = $4))",
        msp,
        attempt.id.as_uuid(),
        tenant.map(TenantId::as_uuid),
        attempt.delivery.as_uuid(),
        attempt.at,
        attempt.status.and_then(|status| i16::try_from(status).ok()),
        attempt.fault.map(AttemptFault::as_str),
        row::int(attempt.latency_ms),
        excerpt(attempt),
        attempt.request_sha256.as_ref().map(<[u8; 32]>::as_slice)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Attempts of one delivery, newest first.
pub async fn list(tx: &mut MspTx, delivery: DeliveryId, page: Page<AttemptId>) -> Result<Listed<Attempt>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select attempt_id, delivery_id, attempted_at, status, fault, latency_ms, excerpt, request_sha256 from attempt
        where delivery_id = $1 and ($2::uuid is null or attempt_id < $2) order by attempt_id desc limit $3",
        delivery.as_uuid(),
        page.before.map(AttemptId::as_uuid),
        page.probe()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(Attempt::try_from).collect::<Result<_, _>>()?))
}
