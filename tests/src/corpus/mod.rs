//! The mails of `shared/bounce/corpus` that real mail servers wrote, and how they come about.
//!
//! A bounce is only as true as the server that wrote it, so each mail server gets a machine of its own for the
//! length of a run: a root with its package (`tests/corpus/root.sh`), a network without a way out, a name server
//! (`names`) that knows nothing but our script, and the rest of the world's mail servers (`stranger`), each at its
//! address on port 25. `script` says who writes to whom and what comes back; `run` lets it happen; `answer` writes
//! down what must be read from the result: from the script, not from the reader.

pub mod answer;
pub mod names;
pub mod run;
pub mod script;
pub mod send;
pub mod stranger;

/// Now, as a mail's date.
#[expect(clippy::disallowed_methods, reason = "the mail servers live today, not in a test's time")]
fn date() -> String {
    chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).to_rfc2822()
}
