//! Logs: one JSON object a line on stderr, control characters escaped.

use std::error::Error;
use std::panic;

use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, registry};

/// Libraries that log what they read from a mailbox. No filter brings them back.
const SILENT: [&str; 2] = ["async_imap", "imap_proto"];

/// The filter can't be read.
#[derive(Debug, thiserror::Error)]
#[error("DAIMON_LOG is not a filter such as info,daimon_worker=debug")]
pub struct MalformedFilter(#[source] tracing_subscriber::filter::ParseError);

/// Starts logging. A second start in the same process changes nothing.
pub fn init(filter: &str) -> Result<(), MalformedFilter> {
    let filter = EnvFilter::try_new(filter).map_err(MalformedFilter)?;
    let lines = fmt::layer().json().with_writer(std::io::stderr).with_current_span(true).with_span_list(false);
    let allowed = filter_fn(|event| !is_silent(event.target()));
    let _ = registry().with(filter).with(allowed).with(lines).try_init();
    // What a panic says may quote the mail that caused it; where it happened is enough to find it.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.place = %place, "a part of the program panicked");
    }));
    Ok(())
}

/// An error with its causes, for one field of one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn is_silent(target: &str) -> bool {
    SILENT.contains(&target.split("::").next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_log_mail_is_silent() {
        assert!(is_silent("async_imap::imap_stream") && is_silent("imap_proto"));
        assert!(!is_silent("daimon_worker::poll") && !is_silent("async_imap_like"));
    }
}
