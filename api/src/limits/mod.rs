//! How many requests a minute anybody may make: an API key or a user, their MSP, and whoever has no token that holds. And
//! how often anybody may try a password.
//!
//! Counted before anything is looked up, in Redis, where all processes count together; for who asks one thing after the other
//! some are taken there ahead. While it is away each process counts for itself, so the gate is never open. Every answer says
//! how the buckets stand.

mod address;
mod ahead;
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
use daimon_domain::id::MspId;
use daimon_domain::scope::Actor;
use daimon_queue::{Level, Queue, Quota, Taken};
use daimon_seal::Claims;

use self::ahead::{Ahead, Next};
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
    ahead: Ahead,
    is_away_until: Mutex<Option<Instant>>,
}

impl Limits {
    /// Buckets of these sizes.
    pub fn new(rates: Rates) -> Self {
        Self { rates, local: Local::default(), ahead: Ahead::default(), is_away_until: Mutex::default() }
    }

    /// Takes one of each, or up to as many as are wanted if Redis answers.
    async fn take(
        &self,
        queue: Option<&Queue>,
        group: &str,
        buckets: &[(&str, Quota)],
        wanted: u32,
        now: DateTime<Utc>,
    ) -> Taken {
        let now_us = now.timestamp_micros();
        if let Some(queue) = queue.filter(|_| !self.is_away()) {
            match tokio::time::timeout(ANSWER_WITHIN, queue.take(group, buckets, wanted, now_us)).await {
                Ok(Ok(taken)) if taken.levels.len() == buckets.len() => return taken,
                _no_answer => self.leave_alone(),
            }
        }
        self.local.take(group, buckets, now_us)
    }

    /// Takes one of each for somebody who may ask again at once.
    async fn take_for(
        &self,
        queue: Option<&Queue>,
        (msp, caller): (MspId, Actor),
        quotas: [Quota; 2],
        now: DateTime<Utc>,
    ) -> Vec<Level> {
        let now_us = now.timestamp_micros();
        let wanted = match self.ahead.next(caller, &quotas, now_us) {
            Next::Ahead(levels) => return levels,
            Next::Take(count) => Some(count),
            Next::TakeOne => None,
        };
        let name = caller.to_string();
        let buckets = [(name.as_str(), quotas[0]), ("msp", quotas[1])];
        let taken = self.take(queue, &msp.to_string(), &buckets, wanted.unwrap_or(1), now).await;
        let levels = taken.levels_since(&quotas, 0, taken.count.saturating_sub(1));
        if wanted.is_some() {
            self.ahead.keep(caller, taken, now_us);
        }
        levels
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
        let caller = (claims.msp, claims.bearer.actor());
        request.extensions_mut().insert(Known(claims));
        let quotas = [quota(limits.rates.requests_per_key), quota(limits.rates.requests_per_msp)];
        let levels = limits.take_for(queue, caller, quotas, now).await;
        Standing::of([("key", quotas[0]), ("msp", quotas[1])], &levels)
    } else {
        let address = address::of(request.request(), limits.rates.forwarded_hops)?;
        let buckets = [("address", quota(limits.rates.requests_per_address))];
        let taken = limits.take(queue, &address, &buckets, 1, now).await;
        Standing::of(buckets, &taken.levels)
    };
    Some(standing)
}
