//! Answers a test that asks for everything that is due.

use std::sync::Arc;
use std::time::Duration;

use daimon_boot::time::{Drains, Time};
use daimon_domain::clock::Clock;
use daimon_queue::Queue;
use daimon_store::{Busy, Fleet};
use tokio_util::sync::CancellationToken;

use super::announce::once;
use super::work::Jobs;

/// How often to look whether everything is done. What is due is in Postgres, which tells nobody when it is done.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Answers each request once nothing is due, queued or in flight. The machine's clock makes none.
pub(crate) async fn answer_drains(
    mut drains: Drains,
    (fleet, queue, time): (Fleet, Queue, Time),
    jobs: Arc<Jobs>,
    stop: CancellationToken,
) {
    loop {
        let drain = tokio::select! {
            drain = drains.next() => drain,
            () = stop.cancelled() => return,
        };
        while !is_done(&fleet, &queue, &time, &jobs).await {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return,
            }
        }
        drain.done(jobs.take_ended());
    }
}

async fn is_done(fleet: &Fleet, queue: &Queue, time: &Time, jobs: &Jobs) -> bool {
    let is_due = async {
        let busy = fleet.busy(time.now()).await?;
        if !busy.is_idle() {
            once(fleet, queue, time).await?;
        }
        Ok::<bool, daimon_store::StoreError>(!busy.is_idle())
    };
    // In flight is looked at last: a job that ends in between has written what is due by then.
    matches!(is_due.await, Ok(false)) && jobs.is_idle() && fleet.busy(time.now()).await.is_ok_and(Busy::is_idle)
}
