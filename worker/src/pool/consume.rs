//! Hints become jobs, as many as there are slots.

use std::sync::Arc;
use std::time::Duration;

use daimon_boot::time::Time;
use daimon_domain::clock::Clock;
use daimon_queue::{Hint, Kind, Queue};
use daimon_store::{Fleet, StoreError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::announce::place;
use super::work::Jobs;

/// How long to wait for a hint before looking whether Redis is still there.
const WAIT: Duration = Duration::from_secs(5);
/// How often Postgres is asked while Redis is away.
const WITHOUT_REDIS: Duration = Duration::from_millis(500);
/// And when there was something to do: the same ids are listed until their leases are taken.
const UNTIL_TAKEN: Duration = Duration::from_millis(100);

/// Goes on until `stop`; jobs that were begun go on in `tasks`. There are as many at a time as slots are `free`.
pub(crate) async fn consume(
    kind: Kind,
    free: Arc<Semaphore>,
    (fleet, queue, time): (Fleet, Queue, Time),
    jobs: Arc<Jobs>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let mut is_away = false;
    while !stop.is_cancelled() {
        let permit = tokio::select! {
            permit = Arc::clone(&free).acquire_owned() => permit,
            () = stop.cancelled() => return,
        };
        // The semaphore is never closed.
        let Ok(first) = permit else { return };
        let (hints, is_redis_there) = next(kind, free.available_permits() + 1, &fleet, &queue, &time).await;
        if is_away == is_redis_there {
            is_away = !is_redis_there;
            tracing::warn!(kind = %kind, is_away, "Redis {}", if is_away { "is away; asking Postgres" } else { "is back" });
        }
        if hints.is_empty() {
            drop(first);
            tokio::select! {
                () = rest(kind, &queue, is_redis_there) => {}
                () = stop.cancelled() => return,
            }
            continue;
        }
        let mut first = Some(first);
        for hint in hints {
            let permit = match first.take() {
                Some(permit) => Some(permit),
                None => Arc::clone(&free).acquire_owned().await.ok(),
            };
            let jobs = Arc::clone(&jobs);
            tasks.spawn(async move {
                jobs.run(kind, hint).await;
                drop(permit);
            });
        }
        if !is_redis_there {
            tokio::time::sleep(UNTIL_TAKEN).await;
        }
    }
}

/// What to do next, from Redis or, while that is away, from Postgres; and whether Redis was there.
async fn next(kind: Kind, max: usize, fleet: &Fleet, queue: &Queue, time: &Time) -> (Vec<Hint>, bool) {
    if let Ok(hints) = queue.pop(kind, max).await {
        return (hints, true);
    }
    let hints = due(kind, max, fleet, time).await.unwrap_or_else(|error| {
        tracing::debug!(error = %error, "due work cannot be listed");
        Vec::new()
    });
    (hints, false)
}

async fn due(kind: Kind, max: usize, fleet: &Fleet, time: &Time) -> Result<Vec<Hint>, StoreError> {
    let limit = u32::try_from(max).unwrap_or(u32::MAX);
    let now = time.now();
    let hint = |(msp, tenant), id| Hint { msp, tenant, id };
    Ok(match kind {
        Kind::Poll => {
            let due = fleet.due_mailboxes(now, limit).await?;
            due.iter().map(|due| hint(place(due), due.id.as_uuid())).collect()
        }
        Kind::Deliver => {
            let due = fleet.due_deliveries(now, limit).await?;
            due.iter().map(|due| hint(place(due), due.id.as_uuid())).collect()
        }
        Kind::Tend => {
            let due = fleet.due_incidents(now, limit).await?;
            due.iter().map(|due| hint(place(due), due.id.as_uuid())).collect()
        }
        Kind::Drill => {
            let due = fleet.due_drills(now, limit).await?;
            due.iter().map(|due| hint(place(due), due.id.as_uuid())).collect()
        }
        Kind::Job => {
            let due = fleet.due_jobs(now, limit).await?;
            due.iter().map(|due| hint(place(due), due.id.as_uuid())).collect()
        }
        Kind::Digest => {
            let due = fleet.due_digests(now, limit).await?;
            due.iter().map(|due| hint(place(due), due.id.as_uuid())).collect()
        }
    })
}

async fn rest(kind: Kind, queue: &Queue, is_redis_there: bool) {
    if !is_redis_there || queue.wait(kind, WAIT).await.is_err() {
        tokio::time::sleep(WITHOUT_REDIS).await;
    }
}
