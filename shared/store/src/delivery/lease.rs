//! A delivery in a worker's hands: taken with all there is to send, and given back with what became of it.
//!
//! Both are one statement. They are said for every webhook, and what is asked of Postgres in between costs more than what it
//! answers.

use chrono::{DateTime, Utc};
use daimon_domain::day::QuietHours;
use daimon_domain::delivery::{AttemptFault, Delivery, DeliveryFailure, DeliveryState, WaitsFor};
use daimon_domain::event::Event;
use daimon_domain::id::{DeliveryId, EndpointId, EventId, TenantId};
use daimon_domain::job::Lease;
use daimon_domain::pace::Pace;
use daimon_domain::verdict::Severity;

use super::Row;
use crate::attempt::{Attempt, excerpt};
use crate::endpoint::{QuietColumns, Secrets, pace};
use crate::{MspTx, StoreError, row};

/// What a worker holds while it sends.
#[derive(Clone, PartialEq)]
pub struct Leased {
    /// The delivery; `attempts` counts the requests that were recorded before.
    pub delivery: Delivery,
    /// About which tenant; none: about the MSP itself.
    pub tenant: Option<TenantId>,
    /// Proof that it is ours; more than the first `attempt` means that a lease before it ended without a word.
    pub lease: Lease,
    /// What to send; `None`: the endpoint or the event is gone.
    pub parcel: Option<Parcel>,
}

/// What is sent, and to whom.
#[derive(Clone, PartialEq)]
pub struct Parcel {
    /// To whom.
    pub endpoint: Addressee,
    /// The secrets that sign now.
    pub secrets: Secrets,
    /// What happened.
    pub event: Event,
    /// How urgent that is; `None`: nothing says so.
    pub severity: Option<Severity>,
}

/// What sending has to know of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressee {
    /// Its id.
    pub id: EndpointId,
    /// Where it is.
    pub url: String,
    /// How fast it is told at most; `None`: as fast as we can.
    pub pace: Option<Pace>,
    /// When it is told only what can't wait.
    pub quiet_hours: Option<QuietHours>,
    /// It is not called any more.
    pub is_disabled: bool,
    /// How many attempts failed in a row.
    pub failures: u32,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// The receiver has it.
    Delivered,
    /// To be tried again.
    Retry {
        /// Not before.
        at: DateTime<Utc>,
        /// Whether the receiver has named that time.
        is_asked: bool,
    },
    /// Given up.
    Failed(DeliveryFailure),
}

/// What became of what was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenBack {
    /// Nothing: it was ours no more.
    Late,
    /// It is recorded.
    Recorded,
    /// It is, and the endpoint works again, which had failed before.
    Recovered,
}

/// Takes a delivery that is due and in nobody's hands. `None`: the hint was stale.
///
/// Commit before the request goes out: a lease that is never given back is counted, apart from the attempts.
#[tracing::instrument(name = "store.delivery.lease", skip_all, fields(delivery.id = %id))]
pub async fn lease(
    tx: &mut MspTx,
    id: DeliveryId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<Leased>, StoreError> {
    // That it is pending is asked in a way that fits none of the indexes of what is: planned once while there is little, the
    // statement would walk one of them for ever, through all that waits, to the one delivery whose id it has.
    let taken = sqlx::query!(
        r#"with taken as (
            update delivery set lease_token = gen_random_uuid(), lease_until = $3, leases = leases + 1
            where delivery_id = $1 and state not in ('delivered', 'failed') and next_attempt_at <= $2
                and (lease_until is null or lease_until <= $2)
            returning tenant_id, event_id, endpoint_id, state, attempts, leases, next_attempt_at, waits_for, is_test, created_at,
                lease_token
        )
        select taken.tenant_id as "tenant_id?", taken.event_id as "event_id!", taken.endpoint_id as "endpoint_id!",
            taken.state as "state!", taken.attempts as "attempts!", taken.leases as "leases!",
            taken.next_attempt_at as "next_attempt_at?", taken.waits_for as "waits_for?", taken.is_test as "is_test!",
            taken.created_at as "created_at!", taken.lease_token as "lease_token!",
            url as "url?", rate_limit_per_minute, quiet_from, quiet_until, quiet_time_zone, quiet_let_through,
            (disabled_at is not null) as "is_disabled!", failures as "failures?", sealed_secret as "sealed_secret?",
            case when previous_until > $2 then previous_sealed_secret end as previous,
            type as "type?", occurred_at as "occurred_at?", body as "body?", severity
        from taken
        left join endpoint on endpoint.endpoint_id = taken.endpoint_id
        left join event on event.event_id = taken.event_id"#,
        id.as_uuid(),
        now,
        until
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(taken) = taken else { return Ok(None) };
    let addressee = match (taken.url, taken.failures, taken.sealed_secret) {
        (Some(url), Some(failures), Some(sealed_secret)) => {
            let quiet = QuietColumns {
                from: taken.quiet_from,
                until: taken.quiet_until,
                zone: taken.quiet_time_zone.as_deref(),
                let_through: taken.quiet_let_through.as_deref(),
            };
            let endpoint = Addressee {
                id: EndpointId::from_uuid(taken.endpoint_id),
                url,
                pace: pace(taken.rate_limit_per_minute)?,
                quiet_hours: quiet.read()?,
                is_disabled: taken.is_disabled,
                failures: row::number("endpoint", failures)?,
            };
            Some((endpoint, Secrets { current: sealed_secret, previous: taken.previous }))
        }
        _gone => None,
    };
    let event = match (taken.r#type, taken.occurred_at, taken.body) {
        (Some(kind), Some(occurred_at), Some(body)) => {
            let id = EventId::from_uuid(taken.event_id);
            Some(Event { id, kind: row::text("event", &kind)?, occurred_at, body })
        }
        _gone => None,
    };
    let severity = row::maybe_text("event", taken.severity.as_deref())?;
    let parcel = addressee.zip(event).map(|((endpoint, secrets), event)| Parcel { endpoint, secrets, event, severity });
    let delivery = Delivery::try_from(Row {
        delivery_id: id.as_uuid(),
        event_id: taken.event_id,
        endpoint_id: taken.endpoint_id,
        state: taken.state,
        attempts: taken.attempts,
        next_attempt_at: taken.next_attempt_at,
        waits_for: taken.waits_for,
        failed_because: None,
        is_test: taken.is_test,
        created_at: taken.created_at,
    })?;
    let lease = Lease { token: taken.lease_token, until, attempt: row::number("delivery", taken.leases)? };
    Ok(Some(Leased { delivery, tenant: taken.tenant_id.map(TenantId::from_uuid), lease, parcel }))
}

/// Gives a delivery back with the attempt that was made. One that worked also makes the endpoint's failures before it
/// forgotten.
#[tracing::instrument(name = "store.delivery.finish", skip_all, fields(delivery.id = %leased.delivery.id))]
pub async fn finish(
    tx: &mut MspTx,
    leased: &Leased,
    end: DeliveryEnd,
    attempt: &Attempt,
) -> Result<GivenBack, StoreError> {
    let (state, next, is_asked, because) = match end {
        DeliveryEnd::Delivered => (DeliveryState::Delivered, None, false, None),
        DeliveryEnd::Retry { at, is_asked } => (DeliveryState::Pending, Some(at), is_asked, None),
        DeliveryEnd::Failed(because) => (DeliveryState::Failed, None, false, Some(because)),
    };
    let msp = tx.msp().as_uuid();
    let has_recovered = sqlx::query_scalar!(
        r#"with given_back as (
            update delivery set state = $4, next_attempt_at = $5, attempts = attempts + 1, leases = 0, waits_for = null,
                failed_because = $13, keeps_time = keeps_time or $14, lease_token = null, lease_until = null
            where delivery_id = $2 and lease_token = $3
            returning endpoint_id, tenant_id, drill_id
        ), forgiven as (
            update endpoint set failing_since = null, failures = 0 from given_back
            where endpoint.endpoint_id = given_back.endpoint_id and $8::text is null and failing_since is not null
            returning endpoint.endpoint_id
        )
        insert into attempt (msp_id, attempt_id, tenant_id, delivery_id, attempted_at, status, fault, latency_ms, excerpt,
            request_sha256, drill_id)
        select $1, $6, tenant_id, $2, $7, $9, $8, $10, $11, $12, drill_id from given_back
        returning exists (select from forgiven) as "has_recovered!""#,
        msp,
        leased.delivery.id.as_uuid(),
        leased.lease.token,
        state.as_str(),
        next,
        attempt.id.as_uuid(),
        attempt.at,
        attempt.fault.map(AttemptFault::as_str),
        attempt.status.and_then(|status| i16::try_from(status).ok()),
        row::int(attempt.latency_ms),
        excerpt(attempt),
        attempt.request_sha256.as_ref().map(<[u8; 32]>::as_slice),
        because.map(DeliveryFailure::as_str),
        is_asked
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(match has_recovered {
        None => GivenBack::Late,
        Some(false) => GivenBack::Recorded,
        Some(true) => GivenBack::Recovered,
    })
}

/// Ends a delivery without an attempt: there is nothing to attempt, or it never came to its end. `false`: it is ours no more.
pub async fn give_up(
    tx: &mut MspTx,
    id: DeliveryId,
    lease: &Lease,
    because: DeliveryFailure,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update delivery set state = 'failed', failed_because = $3, next_attempt_at = null, leases = 0, waits_for = null,
            lease_token = null, lease_until = null
        where delivery_id = $1 and lease_token = $2",
        id.as_uuid(),
        lease.token,
        because.as_str()
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets nobody take the delivery before `at`, should this lease end without a word too.
pub async fn postpone(tx: &mut MspTx, id: DeliveryId, lease: &Lease, at: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update delivery set next_attempt_at = $3 where delivery_id = $1 and lease_token = $2",
        id.as_uuid(),
        lease.token,
        at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives a delivery back untried: its time has not come, because of what it `waits_for` or because the endpoint is dead.
pub async fn defer(
    tx: &mut MspTx,
    id: DeliveryId,
    lease: &Lease,
    until: DateTime<Utc>,
    waits_for: Option<WaitsFor>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update delivery set next_attempt_at = $3, waits_for = $4, leases = 0, lease_token = null, lease_until = null
        where delivery_id = $1 and lease_token = $2",
        id.as_uuid(),
        lease.token,
        until,
        waits_for.map(WaitsFor::as_str)
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
