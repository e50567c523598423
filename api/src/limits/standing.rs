//! What an answer says of the buckets (draft-ietf-httpapi-ratelimit-headers-10).

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use daimon_queue::{Level, Quota};

use crate::problem::Problem;

/// How large the buckets are.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left in them.
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// How the buckets of one request stand.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    policy: String,
    left: String,
    /// In how many seconds there is one again, and of what there is none.
    refused: Option<(u32, &'static str)>,
}

impl Standing {
    /// Of these buckets.
    pub(super) fn of<const N: usize>(buckets: [(&'static str, Quota); N], levels: &[Level]) -> Self {
        let each = |(name, quota): (&str, Quota)| format!("\"{name}\";q={};w={}", quota.most, quota.window.as_secs());
        let left = buckets.iter().zip(levels).map(|((name, _), level)| {
            let full_in = level.full_in.as_secs_f64().ceil();
            format!("\"{name}\";r={};t={full_in}", level.left)
        });
        let waits = buckets.iter().zip(levels).filter(|(_, level)| !level.wait.is_zero());
        let refused = waits.max_by_key(|(_, level)| level.wait).map(|((name, _), level)| {
            let seconds = level.wait.as_secs() + u64::from(level.wait.subsec_nanos() > 0);
            (u32::try_from(seconds).unwrap_or(u32::MAX), *name)
        });
        Self { policy: buckets.map(each).join(", "), left: left.collect::<Vec<_>>().join(", "), refused }
    }

    /// Why the request is not answered.
    pub(crate) fn problem(&self) -> Option<Problem> {
        let (wait_s, name) = self.refused?;
        metrics::counter!("daimon_rate_limited_total", "bucket" => name).increment(1);
        let detail = match name {
            "key" => "This API key or user has made as many requests as they may for now.",
            "msp" => "The API keys and users of your MSP have made as many requests as they may for now.",
            _address => "Too many requests without a token that holds came from this address.",
        };
        Some(Problem::TooMany { detail, wait_s })
    }

    /// Says it in an answer.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        for (name, text) in [(POLICY, &self.policy), (STANDING, &self.left)] {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
    }
}
