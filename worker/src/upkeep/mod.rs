//! What has to be done once a day, whoever does it.
//!
//! Every worker does it at its start and then daily; the second one finds nothing to do. Months are made ahead, so that a
//! row never waits for its partition, and those that ended before the longest retention are dropped whole. What an MSP wants
//! kept for less is deleted row by row.
//!
//! Addresses of third parties, which are kept until somebody has taken them, go every ten minutes.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_boot::time::Time;
use daimon_domain::clock::Clock;
use daimon_domain::id::MspId;
use daimon_store::msp::LONGEST_KEPT_DAYS;
use daimon_store::{Fleet, StoreError};
use tokio_util::sync::CancellationToken;

/// How often.
const EVERY: TimeDelta = TimeDelta::days(1);
/// How soon after a failure.
const AGAIN: TimeDelta = TimeDelta::minutes(5);
/// So many rows of a table are deleted at a time, so that nobody waits for it.
const AT_ONCE: u32 = 2_000;

/// Goes on until `stop`.
pub(crate) async fn upkeep(fleet: Fleet, time: Time, stop: CancellationToken) {
    loop {
        let wait = match once(&fleet, &time, &stop).await {
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

/// How often addresses are forgotten that are kept no longer.
const LET_GO_EVERY: TimeDelta = TimeDelta::minutes(10);

/// Forgets addresses that somebody had read again and that are kept no longer; goes on until `stop`.
pub(crate) async fn let_go(fleet: Fleet, time: Time, stop: CancellationToken) {
    loop {
        match fleet.forget_recipients(time.now(), AT_ONCE).await {
            Ok(0) => {}
            Ok(_) if !stop.is_cancelled() => continue,
            Ok(_) => return,
            Err(error) => tracing::warn!(error = %error, "addresses that are kept no longer could not be forgotten"),
        }
        tokio::select! {
            () = time.sleep(LET_GO_EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn once(fleet: &Fleet, time: &Time, stop: &CancellationToken) -> Result<(), StoreError> {
    let now = time.now();
    fleet.forget_hosts(now).await?;
    fleet.forget_jobs(now).await?;
    let made = fleet.ensure_partitions(now).await?;
    let dropped = fleet.drop_partitions(now - TimeDelta::days(LONGEST_KEPT_DAYS.into())).await?;
    if made + dropped > 0 {
        tracing::info!(made, dropped, "partitions were made and dropped");
    }
    let mut done = Ok(());
    for (msp, kept) in fleet.retentions().await? {
        // One whose rows can't be deleted keeps nobody else's.
        if let Err(error) = forget(fleet, msp, now - kept, stop).await {
            tracing::warn!(error = %error, msp.id = %msp, "what MSP {msp} wants kept no longer could not be deleted");
            done = Err(error);
        }
    }
    done
}

/// Deletes what an MSP wants kept no longer, a little at a time; the next day goes on where this one was stopped.
async fn forget(fleet: &Fleet, msp: MspId, before: DateTime<Utc>, stop: &CancellationToken) -> Result<(), StoreError> {
    let mut forgotten = 0;
    while !stop.is_cancelled() {
        let deleted = fleet.forget_before(msp, before, AT_ONCE).await?;
        if deleted == 0 {
            break;
        }
        forgotten += deleted;
    }
    if forgotten > 0 {
        tracing::info!(msp.id = %msp, forgotten, "what MSP {msp} wants kept no longer was deleted");
    }
    Ok(())
}
