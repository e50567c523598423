//! The addresses that bounced in an incident, read again from its mails: of recipients we keep keyed hashes only.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// So long after they were asked for they can be taken.
pub const KEPT: TimeDelta = TimeDelta::days(1);
/// So long whoever took them can take them again: an answer may be lost on its way.
pub const GIVEN: TimeDelta = TimeDelta::minutes(15);

/// What came of reading them again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    /// How many addresses there are, each once.
    pub addresses: u64,
    /// How many recipients have none, because no mail that names them could be found, or read.
    pub missing: u64,
    /// How many recipients have none because their mails were not looked for.
    pub unread: u64,
    /// When they were given first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub given_at: Option<DateTime<Utc>>,
    /// To whom: nobody else is given them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub given_to: Option<String>,
}
