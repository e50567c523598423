//! SIGTERM and SIGINT as a token that everybody watches.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

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
