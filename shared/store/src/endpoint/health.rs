//! Whether an endpoint answers, and what follows when it does not.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::id::EndpointId;

use super::DisabledReason;
use crate::{MspTx, StoreError, row};

/// Whoever was not tried for longer than tries are apart begins a new row of failures: nobody knows how it was meanwhile.
const SILENCE: TimeDelta = TimeDelta::hours(36);

/// Notes an attempt that failed, and answers since when all of them did, and how many in a row.
pub async fn failed(
    tx: &mut MspTx,
    id: EndpointId,
    now: DateTime<Utc>,
) -> Result<Option<(DateTime<Utc>, u32)>, StoreError> {
    let row = sqlx::query!(
        r#"update endpoint set last_failed_at = $2,
            failing_since = case when last_failed_at > $3 then coalesce(failing_since, $2) else $2 end,
            failures = case when last_failed_at > $3 then failures + 1 else 1 end
        where endpoint_id = $1 returning failing_since as "failing_since!", failures"#,
        id.as_uuid(),
        now,
        now - SILENCE
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| Ok((row.failing_since, row::number("endpoint", row.failures)?))).transpose()
}

/// Why what waits for an endpoint is tried before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hope {
    /// It answered. Nothing is hastened twice for that: what this receiver never takes would use up its attempts at once. And
    /// what it has named a time for (Retry-After) waits until then.
    Answered,
    /// A person says so: it has another URL, or was enabled.
    Told,
}

/// So many are hastened at a time; what else there is waits for its step.
const MOST: i64 = 5_000;

/// Tries soon what waits for its next step there, one after the other. What is due sooner stays so, and what waits for anything
/// else waits on.
pub async fn retry_soon(tx: &mut MspTx, id: EndpointId, hope: Hope, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "update delivery set keeps_time = keeps_time or $3,
            next_attempt_at = least(next_attempt_at, $2 + waiting.place * interval '20 milliseconds')
        from (
            select delivery_id, row_number() over (order by delivery_id) - 1 as place
            from (
                select delivery_id from delivery
                where endpoint_id = $1 and state = 'pending' and waits_for is null and next_attempt_at > $2
                    and (lease_until is null or lease_until <= $2) and not (keeps_time and $3)
                order by delivery_id limit $4 for update skip locked
            ) as held
        ) as waiting
        where delivery.delivery_id = waiting.delivery_id",
        id.as_uuid(),
        now,
        hope == Hope::Answered,
        MOST
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
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
