//! What an outcome means: delivered, again later, or never.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::delivery::{AttemptFault, DeliveryFailure, retry_at};
use daimon_egress::{Answer, DialError};
use daimon_store::delivery::DeliveryEnd;

/// How one attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What becomes of the delivery.
    pub(super) end: DeliveryEnd,
    /// Why it failed; `None`: it worked.
    pub(super) fault: Option<AttemptFault>,
    /// The receiver answered 410: it wants nothing more, ever.
    pub(super) gone: bool,
}

/// Judges the `made`-th attempt. `jitter` is 0 to 1.
pub(super) fn judge(result: &Result<Answer, DialError>, made: u32, jitter: f64, now: DateTime<Utc>) -> Outcome {
    let later = |retry_after: Option<TimeDelta>| match retry_at(now, made, jitter, retry_after) {
        Some(at) => DeliveryEnd::Retry { at, is_asked: retry_after.is_some_and(|asked| asked > TimeDelta::zero()) },
        None => DeliveryEnd::Failed(DeliveryFailure::AttemptsUsedUp),
    };
    match result {
        Ok(Answer { status: 200..=299, .. }) => Outcome { end: DeliveryEnd::Delivered, fault: None, gone: false },
        Ok(Answer { status: 410, .. }) => {
            Outcome { end: DeliveryEnd::Failed(DeliveryFailure::Gone), fault: Some(AttemptFault::Refused), gone: true }
        }
        Ok(answer) => {
            let asked = answer.retry_after.as_deref().and_then(|text| retry_after(text, now));
            Outcome { end: later(asked), fault: Some(AttemptFault::Refused), gone: false }
        }
        Err(error) => Outcome { end: later(None), fault: Some(error.into()), gone: false },
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). What is neither is as good as absent.
fn retry_after(text: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean "very long", which the schedule cuts to a day.
        return TimeDelta::try_seconds(text.parse().unwrap_or(i64::from(u32::MAX)));
    }
    DateTime::parse_from_rfc2822(text).ok().map(|at| at.to_utc() - now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> Answer {
        let retry_after = retry_after.map(str::to_owned);
        Answer { status, retry_after, excerpt: String::new(), latency: Duration::ZERO }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_782_000_000, 0).unwrap()
    }

    fn again_after(outcome: Outcome) -> Option<i64> {
        match outcome.end {
            DeliveryEnd::Retry { at, .. } => Some((at - now()).num_seconds()),
            DeliveryEnd::Delivered | DeliveryEnd::Failed(_) => None,
        }
    }

    #[test]
    fn any_2xx_is_delivered() {
        for status in [200, 202, 204, 299] {
            let outcome = judge(&Ok(answer(status, None)), 1, 0.5, now());
            assert_eq!((outcome.end, outcome.fault), (DeliveryEnd::Delivered, None), "{status}");
        }
    }

    #[test]
    fn a_redirect_is_a_refusal() {
        for status in [100, 199, 301, 302, 307, 308, 400, 404, 429, 500, 503] {
            let outcome = judge(&Ok(answer(status, None)), 1, 0.5, now());
            assert_eq!((again_after(outcome), outcome.fault), (Some(5), Some(AttemptFault::Refused)), "{status}");
            assert!(!outcome.gone);
        }
    }

    #[test]
    fn gone_means_never_again() {
        let outcome = judge(&Ok(answer(410, Some("60"))), 1, 0.5, now());
        assert_eq!((outcome.end, outcome.gone), (DeliveryEnd::Failed(DeliveryFailure::Gone), true));
    }

    #[test]
    fn the_tenth_attempt_is_the_last() {
        assert!(again_after(judge(&Err(DialError::TimedOut), 9, 0.5, now())).is_some());
        let outcome = judge(&Err(DialError::TimedOut), 10, 0.5, now());
        let used_up = DeliveryEnd::Failed(DeliveryFailure::AttemptsUsedUp);
        assert_eq!((outcome.end, outcome.fault), (used_up, Some(AttemptFault::TimedOut)));
    }

    #[test]
    fn retry_after_is_honoured_as_seconds_and_as_a_date() {
        let asked = |text: &str| again_after(judge(&Ok(answer(503, Some(text))), 1, 0.5, now()));
        assert_eq!(asked("120"), Some(120));
        assert_eq!(asked(" 120 "), Some(120));
        assert_eq!(asked("1"), Some(5));
        assert_eq!(asked("99999999999999999999"), Some(86_400));
        assert_eq!(asked(&(now() + TimeDelta::hours(1)).format("%a, %d %b %Y %H:%M:%S GMT").to_string()), Some(3_600));
        for nonsense in ["", "-5", "soon", "1.5", "Wed, 99 Oct 2015 07:28:00 GMT"] {
            assert_eq!(asked(nonsense), Some(5), "{nonsense}");
        }
    }
}
