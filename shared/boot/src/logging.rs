//! Logs: one JSON object a line on stderr, control characters escaped.

use std::panic;

use tracing_subscriber::EnvFilter;

/// The filter can't be read.
#[derive(Debug, thiserror::Error)]
#[error("DAIMON_LOG is not a filter such as info,daimon_worker=debug")]
pub struct MalformedFilter(#[source] tracing_subscriber::filter::ParseError);

/// Starts logging. A second start in the same process changes nothing.
pub fn init(filter: &str) -> Result<(), MalformedFilter> {
    let filter = EnvFilter::try_new(filter).map_err(MalformedFilter)?;
    let _ = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_current_span(true)
        .with_span_list(false)
        .try_init();
    // What a panic says may quote the mail that caused it; where it happened is enough to find it.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.place = %place, "a part of the program panicked");
    }));
    Ok(())
}
