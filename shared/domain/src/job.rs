//! How a piece of work ends.

use chrono::{DateTime, Utc};

/// The job says what happens next; whoever ran it does not guess from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// Done, and recorded in the transaction of its effect.
    Done,
    /// To be tried again, not before this time.
    Retry {
        /// When.
        after: DateTime<Utc>,
    },
    /// Never to be tried again.
    GiveUp {
        /// A public code.
        because: &'static str,
    },
}

/// Proof that a job is ours until `until`.
///
/// Finishing is `where lease_token = $mine`, in the transaction of the effect: a worker that slept past its lease
/// finds that the row is no longer its own (a fence, not a lock).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Drawn anew for each lease.
    pub token: uuid::Uuid,
    /// Until when.
    pub until: DateTime<Utc>,
    /// How often the work was begun since it was last given back, this time included. Written before the work, so that
    /// it counts too when nobody is left to say how it ended.
    pub attempt: u32,
}
