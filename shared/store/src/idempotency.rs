//! Answers to requests that carried an `Idempotency-Key`, stored in the transaction of their effect: a client that lost
//! the answer asks again and gets it, and nothing happens twice.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{MspTx, StoreError, row};

/// An answer as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// A hash of method, path and body: the same key for another request is refused.
    pub fingerprint: [u8; 32],
    /// The HTTP status.
    pub status: u16,
    /// `Location`.
    pub location: Option<String>,
    /// `ETag`.
    pub etag: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// The answer given since `since` under this key, if any.
pub async fn find(tx: &mut MspTx, caller: Uuid, key: &str, since: DateTime<Utc>) -> Result<Option<Answer>, StoreError> {
    let row = sqlx::query!(
        "select fingerprint, status, location, etag, body from idempotency
        where caller = $1 and idempotency_key = $2 and created_at >= $3",
        caller,
        key,
        since
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(Answer {
            fingerprint: row::hash("idempotency", row.fingerprint)?,
            status: row::number("idempotency", row.status)?,
            location: row.location,
            etag: row.etag,
            body: row.body,
        })
    })
    .transpose()
}

/// Holds a key until the transaction ends. `false`: a request with the same key is being answered right now.
pub async fn try_hold(tx: &mut MspTx, caller: Uuid, key: &str) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as "held!""#,
        format!("idempotency/{}/{caller}/{key}", tx.msp().as_uuid())
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Stores an answer. `Conflict { idempotency_pk }`: another request with this key was faster.
pub async fn insert(
    tx: &mut MspTx,
    caller: Uuid,
    key: &str,
    answer: &Answer,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into idempotency
            (msp_id, caller, idempotency_key, fingerprint, status, location, etag, body, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        msp,
        caller,
        key,
        &answer.fingerprint,
        i16::try_from(answer.status).unwrap_or(i16::MAX),
        answer.location,
        answer.etag,
        answer.body,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets answers given before `before`; answers how many.
pub async fn forget(tx: &mut MspTx, before: DateTime<Utc>) -> Result<u64, StoreError> {
    Ok(sqlx::query!("delete from idempotency where created_at < $1", before).execute(tx.conn()).await?.rows_affected())
}
