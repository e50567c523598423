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
