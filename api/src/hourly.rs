//! What may be asked for so often within an hour.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_store::job::Count;

use crate::problem::Problem;

pub(crate) const AN_HOUR: TimeDelta = TimeDelta::hours(1);

/// Refuses what is too much of what was seen within the hour, and says when it is no more.
pub(crate) fn within(seen: Count, most: i64, now: DateTime<Utc>, detail: &'static str) -> Result<(), Problem> {
    if seen.count < most {
        return Ok(());
    }
    let opens_at = seen.first.map_or(now, |first| first + AN_HOUR);
    // Until then to the last moment the first one counts.
    let wait_s = u32::try_from((opens_at - now).num_seconds()).unwrap_or(0).saturating_add(1);
    Err(Problem::TooMany { detail, wait_s })
}
