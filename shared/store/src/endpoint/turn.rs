//! Whose turn it is at an endpoint that is told no faster than it wants.
//!
//! The bucket is columns of the endpoint's row, so that all workers share it. When it is empty, everything that is due there is
//! given a turn at once: otherwise each delivery would be taken in hand only to be put back.

use chrono::{DateTime, Utc};
use daimon_domain::delivery::WaitsFor;
use daimon_domain::id::EndpointId;
use daimon_domain::pace::{Bucket, Pace};

use crate::{MspTx, StoreError};

/// How many deliveries are given a turn at once.
const AT_ONCE: i64 = 2_000;

/// Takes a token. `Err`: there is none, and that is when to come back. `None`: the endpoint is gone.
pub async fn take_turn(
    tx: &mut MspTx,
    id: EndpointId,
    pace: Pace,
    now: DateTime<Utc>,
) -> Result<Option<Result<(), DateTime<Utc>>>, StoreError> {
    let row = sqlx::query!(
        "select bucket_full_at, turns_until from endpoint where endpoint_id = $1 for no key update",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let bucket = Bucket { full_at: row.bucket_full_at, turns_until: row.turns_until };
    if let Some(after) = pace.take(bucket, now) {
        write(tx, id, after).await?;
        return Ok(Some(Ok(())));
    }
    let (mine, bucket) = pace.give_turns(bucket, 1, now);
    let due = sqlx::query_scalar!(
        "select delivery_id from delivery
        where endpoint_id = $1 and state = 'pending' and next_attempt_at <= $2 and not is_test
            and (lease_until is null or lease_until <= $2)
        order by delivery_id limit $3 for update skip locked",
        id.as_uuid(),
        now,
        AT_ONCE
    )
    .fetch_all(tx.conn())
    .await?;
    let count = u32::try_from(due.len()).unwrap_or(u32::MAX);
    let (first, bucket) = pace.give_turns(bucket, count, now);
    let turns: Vec<DateTime<Utc>> = (0..).map(|place| first + pace.interval() * place).take(due.len()).collect();
    sqlx::query!(
        "update delivery set next_attempt_at = turn.at, waits_for = $3
        from unnest($1::uuid[], $2::timestamptz[]) as turn (id, at) where delivery_id = turn.id",
        &due,
        &turns,
        WaitsFor::RateLimit.as_str()
    )
    .execute(tx.conn())
    .await?;
    write(tx, id, bucket).await?;
    Ok(Some(Err(mine)))
}

async fn write(tx: &mut MspTx, id: EndpointId, bucket: Bucket) -> Result<(), StoreError> {
    sqlx::query!(
        "update endpoint set bucket_full_at = $2, turns_until = $3 where endpoint_id = $1",
        id.as_uuid(),
        bucket.full_at,
        bucket.turns_until
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Makes everything due that waits for its turn or for the end of quiet hours, because the endpoint's pace or hours were
/// changed. They are judged anew when they come.
pub async fn release(tx: &mut MspTx, id: EndpointId, now: DateTime<Utc>) -> Result<u64, StoreError> {
    sqlx::query!("update endpoint set bucket_full_at = null, turns_until = null where endpoint_id = $1", id.as_uuid())
        .execute(tx.conn())
        .await?;
    let released = sqlx::query!(
        "update delivery set next_attempt_at = $2, waits_for = null
        where endpoint_id = $1 and state = 'pending' and waits_for is not null and (lease_until is null or lease_until <= $2)",
        id.as_uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(released.rows_affected())
}
