//! SIGTERM and SIGINT as a token that everybody watches.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Waits for `end`, and no longer than `limit`; `false` when it did not come. `what` is for the log.
///
/// A pool waits for each of its connections, also for one whose server hangs; nobody who stops a program would wait so long.
pub async fn within(limit: Duration, what: &str, end: impl Future<Output = ()>) -> bool {
    let has_ended = tokio::time::timeout(limit, end).await.is_ok();
    if !has_ended {
        tracing::warn!("{what} did not close in time");
    }
    has_ended
}

/// Watches for the signals that end a program.
#[derive(Debug)]
pub struct Signal;

impl Signal {
    /// A token that is cancelled by the first SIGTERM or SIGINT. A second one ends the process at once, for a person who
    /// can't wait.
    pub fn watch() -> io::Result<CancellationToken> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let token = CancellationToken::new();
        let seen = token.clone();
        tokio::spawn(async move {
            for is_first in [true, false] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if is_first {
                    tracing::info!("asked to stop; finishing what was begun");
                    seen.cancel();
                } else {
                    std::process::exit(130);
                }
            }
        });
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_never_ends_is_left() {
        assert!(!within(Duration::from_millis(1), "a pool", std::future::pending()).await);
        assert!(within(Duration::from_hours(1), "a pool", async {}).await);
    }
}
