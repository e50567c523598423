//! How much a server may send, and how long it may take.

use std::time::Duration;

/// What one session may cost. [`Limits::default`] is what the product promises; tests use smaller ones.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the connection to the whole greeting.
    pub greeting: Duration,
    /// Without a single byte while an answer is awaited.
    pub idle: Duration,
    /// From [`super::Session::open`] to the last answer.
    pub session: Duration,
    /// After this long an answer must have come with at least [`Limits::slowest`] on average.
    pub patience: Duration,
    /// Bytes per second.
    pub slowest: u64,
    /// Octets of one literal.
    pub literal: usize,
    /// Octets of one line.
    pub line: usize,
    /// Responses to one command.
    pub responses: usize,
    /// Octets of all responses to one command.
    pub answer: usize,
    /// Parentheses inside parentheses: the parser recurses.
    pub depth: usize,
    /// Octets fetched of one message.
    pub message: u32,
    /// Messages looked at before a batch is handed over.
    pub batch: usize,
    /// Octets of whole messages in a batch: what a session holds of what a stranger wrote.
    pub held: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            greeting: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            session: Duration::from_mins(5),
            patience: Duration::from_mins(1),
            slowest: 1024,
            literal: 25 << 20,
            line: 64 << 10,
            responses: 10_000,
            answer: 64 << 20,
            depth: 32,
            message: 262_144,
            batch: 500,
            held: 8 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_may_do_is_what_is_promised() {
        let limits = Limits::default();
        let seconds = [limits.greeting, limits.idle, limits.patience, limits.session].map(|limit| limit.as_secs());
        assert_eq!(seconds, [10, 30, 60, 300]);
        assert_eq!(
            (limits.literal, limits.line, limits.responses, limits.slowest),
            (25 << 20, 64 << 10, 10_000, 1_024)
        );
        // A byte every ten seconds is never silent for thirty, and left after the minute that slow servers have.
        assert!(limits.patience.as_secs() / 10 < limits.slowest && limits.idle.as_secs() > 10);
    }
}
