//! One event on its way to one webhook endpoint.

use chrono::{DateTime, TimeDelta, Utc};

use crate::id::{DeliveryId, EndpointId, EventId};
use crate::words;

words! {
    /// Where a delivery stands.
    DeliveryState {
        /// To be tried at `next_attempt_at`.
        Pending = "pending",
        /// The receiver answered 2xx.
        Delivered = "delivered",
        /// Given up: ten attempts, ten interruptions in a row, or the endpoint is gone.
        Failed = "failed",
    }
}

words! {
    /// Why a delivery was given up.
    DeliveryFailure {
        /// Every attempt of the schedule failed; a test has one.
        AttemptsUsedUp = "attempts_used_up",
        /// The receiver answered 410: it wants nothing more.
        Gone = "gone",
        /// When its time came, the endpoint was disabled.
        EndpointDisabled = "endpoint_disabled",
        /// It was begun ten times in a row, and how that ended was never recorded.
        Interrupted = "interrupted",
        /// What was to be told is kept no more.
        EventExpired = "event_expired",
    }
}

words! {
    /// Why a delivery waits although nothing has failed.
    WaitsFor {
        /// Its turn: the endpoint is told no faster than it wants.
        RateLimit = "rate_limit",
        /// The end of the endpoint's quiet hours.
        QuietHours = "quiet_hours",
    }
}

words! {
    /// Why an attempt failed.
    AttemptFault {
        /// The URL leads to an address that is not allowed.
        Forbidden = "forbidden_address",
        /// The name does not resolve.
        HostNotFound = "host_not_found",
        /// No connection.
        Unreachable = "unreachable",
        /// A certificate that does not hold.
        TlsFailed = "tls_failed",
        /// No answer within 20 s.
        TimedOut = "timed_out",
        /// An answer other than 2xx.
        Refused = "refused",
        /// Begun, and how it ended was never recorded: the program was killed, or the database away. It may have arrived.
        Interrupted = "interrupted",
    }
}

/// How long to wait before the attempt after the `made`-th, before jitter: ten attempts over 75 h 35 min.
const SCHEDULE_S: [i64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// When to try again after `made` attempts, or `None` when there were enough.
///
/// `jitter` is 0 to 1 and spreads by ± 20 %. A receiver's Retry-After is honoured up to 24 h.
pub fn retry_at(now: DateTime<Utc>, made: u32, jitter: f64, retry_after: Option<TimeDelta>) -> Option<DateTime<Utc>> {
    let base_s = *SCHEDULE_S.get(usize::try_from(made).ok()?)?;
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "at most 103,680,000")]
    let spread_ms = (base_s as f64 * 1_000.0 * (0.8 + 0.4 * jitter.clamp(0.0, 1.0))) as i64;
    let asked = retry_after.unwrap_or_default().clamp(TimeDelta::zero(), TimeDelta::hours(24));
    Some(now + TimeDelta::milliseconds(spread_ms).max(asked))
}

/// A delivery as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// What is told.
    pub event: EventId,
    /// To whom.
    pub endpoint: EndpointId,
    /// Where it stands.
    pub state: DeliveryState,
    /// How many attempts were made whose outcome was recorded; interrupted ones are not counted.
    pub attempts: u32,
    /// When the next one is due.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What it waits for until then, where nothing has failed.
    pub waits_for: Option<WaitsFor>,
    /// Why it was given up, where it was.
    pub failed_because: Option<DeliveryFailure>,
    /// Somebody only tries the endpoint out: it is told once, at once, and nothing follows from how that goes.
    pub is_test: bool,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

impl Delivery {
    /// One that is due at once.
    pub const fn new(id: DeliveryId, event: EventId, endpoint: EndpointId, now: DateTime<Utc>) -> Self {
        Self {
            id,
            event,
            endpoint,
            state: DeliveryState::Pending,
            attempts: 0,
            next_attempt_at: Some(now),
            waits_for: None,
            failed_because: None,
            is_test: false,
            created_at: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_take_75_hours_35_minutes_and_5_seconds() {
        let start = DateTime::UNIX_EPOCH;
        let mut at = start;
        let mut made = 0;
        while let Some(next) = retry_at(at, made, 0.5, None) {
            at = next;
            made += 1;
        }
        assert_eq!(made, 10);
        assert_eq!(at - start, TimeDelta::seconds(75 * 3_600 + 35 * 60 + 5));
    }

    #[test]
    fn a_receiver_may_ask_for_a_day_and_no_more() {
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(retry_at(now, 1, 0.5, Some(TimeDelta::days(9))), Some(now + TimeDelta::hours(24)));
        assert_eq!(retry_at(now, 1, 0.5, Some(TimeDelta::seconds(-5))), Some(now + TimeDelta::seconds(5)));
    }
}
