//! Once a second, what is due in Postgres becomes hints in Redis.
//!
//! This is the only way by which work whose hint was lost is found again, so it does not care which was: whatever is due
//! and in nobody's hands is hinted, and the queue drops what it holds already.

use std::collections::HashMap;

use chrono::{DateTime, DurationRound, TimeDelta};
use daimon_boot::time::Time;
use daimon_domain::clock::Clock;
use daimon_domain::id::{MspId, TenantId};
use daimon_queue::{Kind, Queue};
use daimon_store::{Due, Fleet, StoreError};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How many due ids are asked for at a time.
const AT_A_TIME: u32 = 2_000;
/// When there are more deliveries than that, so many of them are asked for every now and then: hints of what is behind the
/// first may be lost too, and a receiver that takes its time keeps the first from getting fewer.
const MOST_DELIVERIES: u32 = 20_000;
const MOST_EVERY_S: i64 = 10;
/// How many hints are pushed at a time: Redis does nothing else meanwhile.
const PUSHED_AT_A_TIME: usize = 1_000;

/// Goes on until `stop`.
pub(crate) async fn announce(fleet: Fleet, queue: Queue, time: Time, stop: CancellationToken) {
    let mut is_away = false;
    loop {
        let result = once(&fleet, &queue, &time).await;
        if let Err(error) = &result
            && !is_away
        {
            tracing::warn!(error = %error, "due work cannot be listed; trying on");
        }
        is_away = result.is_err();
        let wait = async {
            if is_away {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            } else {
                time.sleep_until(next_second(&time)).await;
            }
        };
        tokio::select! {
            () = wait => {}
            () = stop.cancelled() => return,
        }
    }
}

fn next_second(time: &Time) -> DateTime<chrono::Utc> {
    let now = time.now();
    now.duration_trunc(TimeDelta::seconds(1)).unwrap_or(now) + TimeDelta::seconds(1)
}

/// Hints everything that is due now.
pub(super) async fn once(fleet: &Fleet, queue: &Queue, time: &Time) -> Result<(), StoreError> {
    let now = time.now();
    let mailboxes = fleet.due_mailboxes(now, AT_A_TIME).await?;
    hint(queue, Kind::Poll, mailboxes.iter().map(|due| (place(due), due.id.as_uuid()))).await;
    let mut deliveries = fleet.due_deliveries(now, AT_A_TIME).await?;
    if deliveries.len() >= AT_A_TIME as usize && now.timestamp() % MOST_EVERY_S == 0 {
        deliveries = fleet.due_deliveries(now, MOST_DELIVERIES).await?;
    }
    hint(queue, Kind::Deliver, deliveries.iter().map(|due| (place(due), due.id.as_uuid()))).await;
    let incidents = fleet.due_incidents(now, AT_A_TIME).await?;
    hint(queue, Kind::Tend, incidents.iter().map(|due| (place(due), due.id.as_uuid()))).await;
    let drills = fleet.due_drills(now, AT_A_TIME).await?;
    hint(queue, Kind::Drill, drills.iter().map(|due| (place(due), due.id.as_uuid()))).await;
    let jobs = fleet.due_jobs(now, AT_A_TIME).await?;
    hint(queue, Kind::Job, jobs.iter().map(|due| (place(due), due.id.as_uuid()))).await;
    let digests = fleet.due_digests(now, AT_A_TIME).await?;
    hint(queue, Kind::Digest, digests.iter().map(|due| (place(due), due.id.as_uuid()))).await;
    let lag_ms = fleet.oldest_due_delivery(now).await?.map_or(0, |oldest| (now - oldest).num_milliseconds());
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of lag")]
    metrics::gauge!("daimon_oldest_due_delivery_seconds").set(lag_ms as f64 / 1_000.0);
    let oldest_ms = fleet.oldest_undelivered().await?.map_or(0, |made| (now - made).num_milliseconds().max(0));
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of lag")]
    metrics::gauge!("daimon_oldest_undelivered_seconds").set(oldest_ms as f64 / 1_000.0);
    #[expect(clippy::cast_precision_loss, reason = "at most two thousand")]
    metrics::gauge!("daimon_due_mailboxes").set(mailboxes.len() as f64);
    Ok(())
}

/// Whose turn it is. What is about an MSP itself takes its turn as if it were a tenant's.
pub(super) fn place<I>(due: &Due<I>) -> (MspId, TenantId) {
    (due.msp, due.tenant.unwrap_or(TenantId::from_uuid(due.msp.as_uuid())))
}

async fn hint(queue: &Queue, kind: Kind, due: impl Iterator<Item = ((MspId, TenantId), Uuid)>) {
    let mut of_tenant: HashMap<(MspId, TenantId), Vec<Uuid>> = HashMap::new();
    for (place, id) in due {
        of_tenant.entry(place).or_default().push(id);
    }
    for ((msp, tenant), ids) in of_tenant {
        for ids in ids.chunks(PUSHED_AT_A_TIME) {
            if let Err(error) = queue.push_many(kind, tenant, msp, ids).await {
                // Consumers ask Postgres while Redis is away.
                tracing::debug!(error = %error, "due work was not hinted");
                return;
            }
        }
    }
}
