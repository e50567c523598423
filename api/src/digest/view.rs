//! Wire shapes of the digest's time.

use chrono::{DateTime, Utc};
use daimon_domain::day::TimeZone;
use daimon_store::digest::Digest;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When to be told.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDigest, example = json!({"hour": 7, "time_zone": "Asia/Tokyo"}))]
pub(crate) struct NewDigest {
    /// At which hour of the day.
    #[garde(range(max = 23))]
    #[schema(maximum = 23)]
    pub(crate) hour: u32,
    /// Whose day it is.
    #[serde(deserialize_with = "crate::input::text")]
    #[garde(skip)]
    #[schema(schema_with = crate::words::time_zone)]
    pub(crate) time_zone: TimeZone,
}

/// When the MSP is told what the last day brought.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Digest, example = json!({"hour": 7, "time_zone": "Asia/Tokyo", "next_at": "2026-11-24T22:00:00Z"}))]
pub(crate) struct DigestView {
    /// At which hour of the day.
    hour: u32,
    /// Whose day it is.
    #[schema(schema_with = crate::words::time_zone)]
    time_zone: &'static str,
    /// When that is next.
    next_at: DateTime<Utc>,
}

impl From<Digest> for DigestView {
    fn from(digest: Digest) -> Self {
        Self { hour: digest.time.hour(), time_zone: digest.time.zone().as_str(), next_at: digest.next_at }
    }
}
