//! What has to be done once a day, whoever does it.
//!
//! Every worker does it at its start and then daily; the second one finds nothing to do. Months are made ahead, so that a
//! row never waits for its partition, and those that ended before the retention are dropped whole.

use chrono::TimeDelta;
use daimon_boot::time::Time;
use daimon_domain::clock::Clock;
use daimon_store::{Fleet, StoreError};
use tokio_util::sync::CancellationToken;

/// How often.
const EVERY: TimeDelta = TimeDelta::days(1);
/// How soon after a failure.
const AGAIN: TimeDelta = TimeDelta::minutes(5);
/// How long bounces, events and attempts are kept.
const RETENTION: TimeDelta = TimeDelta::days(400);

/// Goes on until `stop`.
pub(crate) async fn upkeep(fleet: Fleet, time: Time, stop: CancellationToken) {
    loop {
        let wait = match once(&fleet, &time).await {
            Ok(()) => EVERY,
            Err(error) => {
                tracing::warn!(error = %error, "the daily upkeep failed; trying again in 5 minutes");
                AGAIN
            }
        };
        tokio::select! {
            () = time.sleep(wait) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn once(fleet: &Fleet, time: &Time) -> Result<(), StoreError> {
    let now = time.now();
    fleet.forget_hosts(now).await?;
    fleet.forget_jobs(now).await?;
    let made = fleet.ensure_partitions(now).await?;
    let dropped = fleet.drop_partitions(now - RETENTION).await?;
    if made + dropped > 0 {
        tracing::info!(made, dropped, "partitions were made and dropped");
    }
    Ok(())
}
