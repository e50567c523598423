//! What servers tell of new mail becomes jobs.
//!
//! Without a hint: the session that heard it waits in this process, and is read over.

use std::sync::Arc;
use std::time::Duration;

use daimon_queue::Kind;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::work::Jobs;
use crate::idle::{News, Told};

/// How often the database is asked whether it is back: on the machine's clock, since it tells nobody.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// Goes on until `stop`; jobs that were begun go on in `tasks`. They take slots like all that read.
pub(crate) async fn hear(
    mut news: News,
    free: Arc<Semaphore>,
    jobs: Arc<Jobs>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let told = tokio::select! {
            told = news.recv() => told,
            () = stop.cancelled() => return,
        };
        let Some(told) = told else { return };
        let (free, jobs, stop) = (Arc::clone(&free), Arc::clone(&jobs), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                is_due = note(&jobs, &told) => if is_due {
                    // The semaphore is never closed.
                    let slot = free.acquire_owned().await;
                    let (hint, at) = (told.hint, told.at);
                    jobs.run(Kind::Poll, hint).await;
                    drop((slot, told));
                    metrics::histogram!("daimon_idle_read_seconds").record(at.elapsed().as_secs_f64());
                },
            }
        });
    }
}

/// Writes it down, as soon as the database is there.
async fn note(jobs: &Jobs, told: &Told) -> bool {
    loop {
        match jobs.note(told).await {
            Ok(is_due) => return is_due,
            Err(error) => {
                tracing::debug!(error = %error, "new mail was not noted");
                tokio::time::sleep(TRY_EVERY).await;
            }
        }
    }
}
