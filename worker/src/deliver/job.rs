//! One delivery, from lease to record.
//!
//! Two transactions and no connection held between them: the first leases and reads, then the request goes out, then
//! the second records. A lease that ends without a record is noticed by the next one: it is shown as an interrupted
//! attempt and makes the delivery wait, but takes no step of the schedule away, which counts requests with an outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_boot::logging::chain;
use daimon_domain::clock::{Clock, Entropy};
use daimon_domain::delivery::{AttemptFault, DeliveryFailure, WaitsFor, retry_at};
use daimon_domain::id::{AttemptId, DeliveryId, EndpointId, MspId};
use daimon_domain::job::JobEnd;
use daimon_domain::scope::Wall;
use daimon_egress::{Answer, DialError, Egress, WebhookUrl};
use daimon_seal::{MasterKey, SystemEntropy};
use daimon_store::attempt::{self, Attempt};
use daimon_store::delivery::{self, Addressee, DeliveryEnd, GivenBack, Leased, Parcel};
use daimon_store::endpoint::{self, Hope};
use daimon_store::{Db, MspTx, StoreError};

use super::backoff::{Outcome, judge};
use super::breaker::{Breaker, MAX_FAILURES};
use super::gate::{Gate, pass, turn_of};
use super::notice::note_failure;
use super::request::{Request, open};

/// How long a delivery whose secret can't be opened waits: somebody has to bring the key back first.
const KEY_MISSING_WAIT: TimeDelta = TimeDelta::minutes(5);

/// What a lease leaves beyond the request, to record its outcome.
const TO_RECORD: TimeDelta = TimeDelta::seconds(10);

/// How soon recording is tried again, and how much later it becomes at most: on the machine's clock, since the one that is
/// followed may stand while Postgres is away.
const RECORD_WAIT: Duration = Duration::from_millis(100);
const LONGEST_RECORD_WAIT: Duration = Duration::from_secs(2);

/// Why a delivery could not even be recorded. Its lease runs out and somebody tries again.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The database.
    #[error("delivery {id} could not be read or recorded")]
    Store {
        /// Which delivery.
        id: DeliveryId,
        /// Why.
        #[source]
        source: StoreError,
    },
}

/// What every delivery needs.
pub struct Deliverer {
    pub(super) db: Db,
    egress: Egress,
    master: Arc<MasterKey>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: SystemEntropy,
    lease: TimeDelta,
    pub(super) breaker: Breaker,
}

impl Deliverer {
    /// A lease holds for `lease`, but always longer than a request may take.
    ///
    /// So many as there are `slots` are sent at a time.
    pub fn new(
        db: Db,
        egress: Egress,
        master: Arc<MasterKey>,
        clock: Arc<dyn Clock>,
        lease: TimeDelta,
        slots: usize,
    ) -> Self {
        let request = TimeDelta::from_std(egress.post_limit()).unwrap_or(lease);
        let lease = lease.max(request + TO_RECORD);
        Self { db, egress, master, clock, entropy: SystemEntropy, lease, breaker: Breaker::new(slots) }
    }
}

/// Attempts one delivery. The second time, or with a hint that is stale, it does nothing.
#[tracing::instrument(name = "deliver", skip_all, fields(msp.id = %msp, delivery.id = %id))]
pub async fn deliver(ctx: &Deliverer, msp: MspId, id: DeliveryId) -> Result<JobEnd, DeliverError> {
    attempt_one(ctx, msp, id).await.map_err(|source| DeliverError::Store { id, source })
}

async fn attempt_one(ctx: &Deliverer, msp: MspId, id: DeliveryId) -> Result<JobEnd, StoreError> {
    let wall = Wall::whole(msp);
    let now = ctx.clock.now();
    let Some(leased) = take(ctx, &wall, id, now).await? else { return Ok(JobEnd::Done) };
    let made = leased.delivery.attempts.saturating_add(1);
    let Some(Parcel { endpoint, secrets: sealed, event, severity }) = &leased.parcel else {
        return give_up(ctx, &wall, &leased, DeliveryFailure::EventExpired).await;
    };
    if endpoint.is_disabled {
        return give_up(ctx, &wall, &leased, DeliveryFailure::EndpointDisabled).await;
    }
    if interrupted_until(&leased, now, 0.5).is_none() {
        tracing::error!(delivery.id = %id, "delivery {id} was begun ten times and no end of it was recorded");
        return give_up(ctx, &wall, &leased, DeliveryFailure::Interrupted).await;
    }
    let is_test = leased.delivery.is_test;
    let leave = match pass(ctx, &wall, endpoint, &leased.delivery, *severity, now).await? {
        Gate::Open(leave) => leave,
        Gate::Until(until, waits_for) => return put_back(ctx, &wall, &leased, until, waits_for).await,
    };
    let secrets = match open(&ctx.master, msp, endpoint.id, sealed) {
        Ok(secrets) => secrets,
        Err(error) => {
            tracing::error!(endpoint.id = %endpoint.id, %error, "the secret of endpoint {} can't be opened", endpoint.id);
            return put_back(ctx, &wall, &leased, now + KEY_MISSING_WAIT, turn_of(&leased.delivery)).await;
        }
    };

    let request = Request::sign(event, &secrets, &endpoint.url, now);
    let began = Instant::now();
    let result = send(ctx, &endpoint.url, &request).await;
    let mut outcome = judge(&result, made, ctx.entropy.fraction(), ctx.clock.now());
    if is_test && matches!(outcome.end, DeliveryEnd::Retry { .. }) {
        // Whoever tries an endpoint out wants to know, and not to be told tomorrow.
        outcome.end = DeliveryEnd::Failed(DeliveryFailure::AttemptsUsedUp);
    }
    if let Some(leave) = leave {
        leave.ended(outcome.fault.is_none());
    }
    log(&leased, endpoint, &result, outcome);

    let attempt = Attempt {
        id: AttemptId::new(now, &ctx.entropy),
        delivery: id,
        at: now,
        status: result.as_ref().ok().map(|answer| answer.status),
        fault: outcome.fault,
        latency_ms: u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX),
        excerpt: result.as_ref().ok().map(|answer| request.redact(&answer.excerpt)),
        request_sha256: Some(request.sha256()),
    };
    recorded(ctx, &wall, &leased, &attempt, outcome).await
}

/// Records, and while the database is away tries again for as long as the lease holds: what has arrived and is not recorded
/// is sent a second time.
async fn recorded(
    ctx: &Deliverer,
    wall: &Wall,
    leased: &Leased,
    attempt: &Attempt,
    outcome: Outcome,
) -> Result<JobEnd, StoreError> {
    let began = Instant::now();
    let mut wait = RECORD_WAIT;
    loop {
        let error = match record(ctx, wall, leased, attempt, outcome).await {
            Err(error @ StoreError::Unavailable(_)) => error,
            done => return done,
        };
        let lasts = TimeDelta::from_std(began.elapsed() + wait).unwrap_or(ctx.lease);
        if ctx.clock.now() >= leased.lease.until || lasts >= ctx.lease {
            return Err(error);
        }
        tracing::debug!(delivery.id = %leased.delivery.id, error = %error, "an attempt is recorded later");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_RECORD_WAIT);
    }
}

/// When to come back should this lease, too, end without a word: the distances are those of the schedule. `None`: that was
/// so ten times in a row, and no more is tried.
fn interrupted_until(leased: &Leased, now: DateTime<Utc>, jitter: f64) -> Option<DateTime<Utc>> {
    retry_at(now, leased.lease.attempt.saturating_sub(1), jitter, None)
}

/// Shows that the lease before this one ended without a word, and makes the delivery wait should it happen again.
async fn note_interruption(
    ctx: &Deliverer,
    tx: &mut MspTx,
    leased: &Leased,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let id = leased.delivery.id;
    tracing::warn!(delivery.id = %id, begun = leased.lease.attempt, "delivery {id} was begun before, and no end of it was recorded");
    metrics::counter!("daimon_delivery_attempts_total", "outcome" => AttemptFault::Interrupted.as_str()).increment(1);
    // It began a lease ago or earlier: in the list it comes before the attempt that begins now.
    let began = now - ctx.lease;
    let interrupted = Attempt {
        id: AttemptId::new(began, &ctx.entropy),
        delivery: id,
        at: began,
        status: None,
        fault: Some(AttemptFault::Interrupted),
        latency_ms: 0,
        excerpt: None,
        request_sha256: None,
    };
    attempt::insert(tx, leased.tenant, &interrupted).await?;
    match interrupted_until(leased, now, ctx.entropy.fraction()) {
        Some(at) => delivery::postpone(tx, id, &leased.lease, at).await,
        None => Ok(()),
    }
}

/// Leases the delivery with what there is to send. `None`: not due, or in other hands.
async fn take(ctx: &Deliverer, wall: &Wall, id: DeliveryId, now: DateTime<Utc>) -> Result<Option<Leased>, StoreError> {
    let mut tx = ctx.db.begin(wall).await?;
    let Some(leased) = delivery::lease(&mut tx, id, now, now + ctx.lease).await? else { return Ok(None) };
    if leased.lease.attempt > 1 {
        note_interruption(ctx, &mut tx, &leased, now).await?;
    }
    tx.commit().await?;
    Ok(Some(leased))
}

/// The URL is checked again, since what is allowed may have changed since it was stored.
async fn send(ctx: &Deliverer, url: &str, request: &Request) -> Result<Answer, DialError> {
    let url = WebhookUrl::parse(url, ctx.egress.guard()).map_err(|_not_allowed_any_more| DialError::Forbidden)?;
    ctx.egress.post(&url, &request.headers, request.body.clone()).await
}

/// The attempt, the delivery and the endpoint's health, all or nothing.
async fn record(
    ctx: &Deliverer,
    wall: &Wall,
    leased: &Leased,
    attempt: &Attempt,
    outcome: Outcome,
) -> Result<JobEnd, StoreError> {
    let now = ctx.clock.now();
    let mut tx = ctx.db.begin(wall).await?;
    let given_back = delivery::finish(&mut tx, leased, outcome.end, attempt).await?;
    if given_back == GivenBack::Late {
        return fenced_off(leased);
    }
    if outcome.fault.is_some() && !leased.delivery.is_test {
        note_failure(&mut tx, leased.delivery.endpoint, outcome.gone, now, &ctx.entropy).await?;
    }
    tx.commit().await?;
    let was_dead = leased.parcel.as_ref().is_some_and(|parcel| parcel.endpoint.failures >= MAX_FAILURES);
    if was_dead && given_back == GivenBack::Recovered {
        retry_soon(ctx, wall, leased.delivery.endpoint).await;
    }
    Ok(match outcome.end {
        DeliveryEnd::Delivered => JobEnd::Done,
        DeliveryEnd::Retry { at, .. } => JobEnd::Retry { after: at },
        DeliveryEnd::Failed(_) => JobEnd::GiveUp { because: outcome.fault.map_or("failed", AttemptFault::as_str) },
    })
}

/// An endpoint that was dead works again: what waits for its next step, which may be a day away, need not. What is recorded stays so
/// whether this works or not.
async fn retry_soon(ctx: &Deliverer, wall: &Wall, id: EndpointId) {
    let hasten = async {
        let mut tx = ctx.db.begin(wall).await?;
        let hastened = endpoint::retry_soon(&mut tx, id, Hope::Answered, ctx.clock.now()).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(hastened)
    };
    match hasten.await {
        Ok(hastened) => tracing::info!(endpoint.id = %id, hastened, "endpoint {id} works again"),
        Err(error) => {
            tracing::warn!(endpoint.id = %id, %error, "endpoint {id} works again; what waits for it waits on");
        }
    }
}

/// Ends a delivery that there is nothing to attempt for.
async fn give_up(
    ctx: &Deliverer,
    wall: &Wall,
    leased: &Leased,
    because: DeliveryFailure,
) -> Result<JobEnd, StoreError> {
    let id = leased.delivery.id;
    let mut tx = ctx.db.begin(wall).await?;
    if !delivery::give_up(&mut tx, id, &leased.lease, because).await? {
        return fenced_off(leased);
    }
    tx.commit().await?;
    let because = because.as_str();
    tracing::info!(delivery.id = %id, because, "delivery {id} is given up");
    Ok(JobEnd::GiveUp { because })
}

/// Gives it back untried.
async fn put_back(
    ctx: &Deliverer,
    wall: &Wall,
    leased: &Leased,
    until: DateTime<Utc>,
    waits_for: Option<WaitsFor>,
) -> Result<JobEnd, StoreError> {
    let mut tx = ctx.db.begin(wall).await?;
    if !delivery::defer(&mut tx, leased.delivery.id, &leased.lease, until, waits_for).await? {
        return fenced_off(leased);
    }
    tx.commit().await?;
    Ok(JobEnd::Retry { after: until })
}

/// We slept past our lease and somebody else has the delivery: nothing of ours is recorded.
#[expect(clippy::unnecessary_wraps, reason = "reads as the end of a job that records nothing")]
fn fenced_off(leased: &Leased) -> Result<JobEnd, StoreError> {
    let id = leased.delivery.id;
    tracing::warn!(delivery.id = %id, "delivery {id} was taken over while it was being sent");
    Ok(JobEnd::Done)
}

/// The URL's path and the bodies stay out of the log: both carry secrets of others.
fn log(leased: &Leased, endpoint: &Addressee, result: &Result<Answer, DialError>, outcome: Outcome) {
    let (id, attempt) = (leased.delivery.id, leased.delivery.attempts.saturating_add(1));
    let status = result.as_ref().ok().map(|answer| answer.status);
    let cause = result.as_ref().err().map(|error| chain(error));
    let cause = cause.as_deref();
    let fault = outcome.fault.map(AttemptFault::as_str);
    let word = fault.unwrap_or("delivered");
    metrics::counter!("daimon_delivery_attempts_total", "outcome" => word).increment(1);
    let what = match outcome.end {
        DeliveryEnd::Delivered => "has arrived",
        DeliveryEnd::Retry { .. } => "will be tried again",
        DeliveryEnd::Failed(_) => "has failed for good",
    };
    tracing::info!(delivery.id = %id, endpoint.id = %endpoint.id, attempt, status, fault, cause, "delivery {id} {what}");
}
