//! The addresses that bounced in an incident, read again from its mails: of recipients we keep keyed hashes only.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// So long after they were asked for they can be taken.
pub const KEPT: TimeDelta = TimeDelta::days(1);

/// What came of reading them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    /// How many addresses there are, each once.
    pub addresses: u64,
    /// How many recipients have none, because no mail that names them could be found.
    pub missing: u64,
    /// When they were given. They are gone since then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub given_at: Option<DateTime<Utc>>,
}
