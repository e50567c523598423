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

/// Takes a token, for a delivery that was given a turn or not. `Err`: there is none, and that is when to come back. `None`: the
/// endpoint is gone.
pub async fn take_turn(
    tx: &mut MspTx,
    id: EndpointId,
    pace: Pace,
    has_turn: bool,
    now: DateTime<Utc>,
) -> Result<Option<Result<(), DateTime<Utc>>>, StoreError> {
    let row = sqlx::query!(
        "select bucket_full_at, turns_until from endpoint where endpoint_id = $1 for no key update",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let mut bucket = Bucket { full_at: row.bucket_full_at, turns_until: row.turns_until };
    if !has_turn && bucket.turns_until.is_some_and(|until| until > now) && !somebody_waits(tx, id).await? {
        bucket.turns_until = None;
    }
    if let Some(after) = pace.take(bucket, has_turn, now) {
        write(tx, id, after).await?;
        return Ok(Some(Ok(())));
    }
    if has_turn {
        return Ok(Some(Err(make_room(tx, id, pace, bucket, now).await?)));
    }
    let (mine, bucket) = pace.give_turns(bucket, 1, now);
    let due = sqlx::query_scalar!(
        "select delivery_id from delivery
        where endpoint_id = $1 and state = 'pending' and next_attempt_at <= $2 and not is_test
            and waits_for is distinct from $4 and (lease_until is null or lease_until <= $2)
        order by delivery_id limit $3 for update skip locked",
        id.as_uuid(),
        now,
        AT_ONCE,
        WaitsFor::RateLimit.as_str()
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

/// Whether anybody has a turn: who had may have gone, with a tenant or into quiet hours.
async fn somebody_waits(tx: &mut MspTx, id: EndpointId) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (
            select from delivery where endpoint_id = $1 and state = 'pending' and waits_for = $2
        ) as "waits!""#,
        id.as_uuid(),
        WaitsFor::RateLimit.as_str()
    )
    .fetch_one(tx.conn())
    .await?)
}

/// The turns are later than they were given, because nobody came for a while: whoever found no token has the next one, and the
/// others come after it, in their order and no closer than they may.
async fn make_room(
    tx: &mut MspTx,
    id: EndpointId,
    pace: Pace,
    bucket: Bucket,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, StoreError> {
    let mine = pace.next_token(bucket, now);
    let interval = pace.interval();
    let moved = sqlx::query_scalar!(
        r#"update delivery set next_attempt_at = turn.at
        from (
            select delivery_id, next_attempt_at,
                $4::timestamptz
                    + row_number() over (order by next_attempt_at, delivery_id) * $5::bigint * interval '1 microsecond' as at
            from (
                select delivery_id, next_attempt_at from delivery
                where endpoint_id = $1 and state = 'pending' and waits_for = $3 and (lease_until is null or lease_until <= $2)
                order by next_attempt_at limit $6 for update skip locked
            ) as held
        ) as turn
        where delivery.delivery_id = turn.delivery_id and turn.next_attempt_at < turn.at
        returning delivery.next_attempt_at as "at!""#,
        id.as_uuid(),
        now,
        WaitsFor::RateLimit.as_str(),
        mine,
        interval.num_microseconds().unwrap_or(i64::MAX),
        AT_ONCE
    )
    .fetch_all(tx.conn())
    .await?;
    let last = moved.into_iter().chain([mine]).max().unwrap_or(mine) + interval;
    write(tx, id, Bucket { turns_until: bucket.turns_until.max(Some(last)), ..bucket }).await?;
    Ok(mine)
}

/// Nobody will use the turns that were given away.
pub async fn forget_turns(tx: &mut MspTx, id: EndpointId) -> Result<(), StoreError> {
    sqlx::query!(
        "update endpoint set turns_until = null where endpoint_id = $1 and turns_until is not null",
        id.as_uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
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
    // Who records holds the delivery's row and wants the endpoint's, which we hold: nobody is waited for.
    let released = sqlx::query!(
        "update delivery set next_attempt_at = $2, waits_for = null
        where delivery_id in (
            select delivery_id from delivery
            where endpoint_id = $1 and state = 'pending' and waits_for is not null and (lease_until is null or lease_until <= $2)
            for update skip locked)",
        id.as_uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(released.rows_affected())
}
