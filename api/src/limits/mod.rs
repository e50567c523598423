//! How many requests a minute anybody may make: an API key or a user, their MSP, and whoever has no token that holds. And
//! how often anybody may try a password.
//!
//! Counted before anything is looked up, in Redis, where all processes count together; while that is away each counts for
//! itself, so the gate is never open. Every answer says how the buckets stand.

mod address;
mod attempts;
mod local;
mod standing;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use daimon_boot::settings::Rates;
use daimon_queue::{Level, Queue, Quota};
use daimon_seal::Claims;

pub(crate) use self::attempts::{count_attempt, count_source};
use self::local::Local;
pub(crate) use self::standing::Standing;
use crate::caller;
use crate::service::Service;

const MINUTE: Duration = Duration::from_mins(1);
/// A request waits no longer than that to be counted.
const ANSWER_WITHIN: Duration = Duration::from_millis(100);
/// After no answer Redis is left alone for so long: on the machine's clock, since the one that is followed may stand.
const LEFT_ALONE: Duration = Duration::from_secs(1);

/// Who a token says its bearer is, for the handler that asks next.
#[derive(Clone, Debug)]
pub(crate) struct Known(pub(crate) Claims);

/// The buckets, and where they are.
#[derive(Debug)]
pub struct Limits {
    rates: Rates,
    local: Local,
    is_away_until: Mutex<Option<Instant>>,
}

impl Limits {
    /// Buckets of these sizes.
    pub fn new(rates: Rates) -> Self {
        Self { rates, local: Local::default(), is_away_until: Mutex::default() }
    }

    /// Takes one of each, from Redis if it answers.
    async fn take(
        &self,
        queue: Option<&Queue>,
        group: &str,
        buckets: &[(&str, Quota)],
        now: DateTime<Utc>,
    ) -> Vec<Level> {
        let now_us = now.timestamp_micros();
        if let Some(queue) = queue.filter(|_| !self.is_away()) {
            match tokio::time::timeout(ANSWER_WITHIN, queue.take(group, buckets, now_us)).await {
                Ok(Ok(levels)) if levels.len() == buckets.len() => return levels,
                _no_answer => self.leave_alone(),
            }
        }
        self.local.take(group, buckets, now_us)
    }

    fn is_away(&self) -> bool {
        let until = *self.is_away_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn leave_alone(&self) {
        let until = Instant::now() + LEFT_ALONE;
        let before = self.is_away_until.lock().unwrap_or_else(PoisonError::into_inner).replace(until);
        // Once for each time that it went away, and not for every second of it.
        if before.is_none_or(|before| before + LEFT_ALONE < Instant::now()) {
            tracing::warn!("requests are counted by each process for itself while Redis is away");
        }
    }
}

/// Counts a request. `None`: there is nobody who counts.
pub(crate) async fn count(request: &ServiceRequest) -> Option<Standing> {
    let service = request.app_data::<Data<Service>>()?.clone();
    let (limits, now) = (&service.limits, service.sources.now());
    let queue = service.queue.as_ref();
    let quota = |most| Quota { most, window: MINUTE };
    let claims = caller::bearer(request.request()).and_then(|token| service.tokens.verify(token, now).ok());
    let standing = if let Some(claims) = claims {
        let (group, key) = (claims.msp.to_string(), claims.bearer.actor().to_string());
        request.extensions_mut().insert(Known(claims));
        let buckets =
            [(key.as_str(), quota(limits.rates.requests_per_key)), ("msp", quota(limits.rates.requests_per_msp))];
        let levels = limits.take(queue, &group, &buckets, now).await;
        Standing::of([("key", buckets[0].1), ("msp", buckets[1].1)], &levels)
    } else {
        let address = address::of(request.request(), limits.rates.forwarded_hops)?;
        let buckets = [("address", quota(limits.rates.requests_per_address))];
        let levels = limits.take(queue, &address, &buckets, now).await;
        Standing::of(buckets, &levels)
    };
    Some(standing)
}
