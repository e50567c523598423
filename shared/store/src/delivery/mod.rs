//! Events on their way to endpoints: the outbox. A row commits with the change it tells of, and a fenced lease decides who
//! sends it.

mod replay;

use chrono::{DateTime, Utc};
use daimon_domain::delivery::{Delivery, DeliveryState, WaitsFor};
use daimon_domain::id::{DeliveryId, DrillId, EndpointId, EventId, TenantId};
use daimon_domain::job::Lease;
use uuid::Uuid;

pub use self::replay::{ReplayFilter, Replayable, Which, count_tests, insert_replayed, replay, replayable};
use crate::{Listed, MspTx, Page, StoreError, row};

struct Row {
    delivery_id: Uuid,
    event_id: Uuid,
    endpoint_id: Uuid,
    state: String,
    attempts: i32,
    next_attempt_at: Option<DateTime<Utc>>,
    waits_for: Option<String>,
    is_test: bool,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Delivery {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: DeliveryId::from_uuid(row.delivery_id),
            event: EventId::from_uuid(row.event_id),
            endpoint: EndpointId::from_uuid(row.endpoint_id),
            state: row::text("delivery", &row.state)?,
            attempts: row::number("delivery", row.attempts)?,
            next_attempt_at: row.next_attempt_at,
            waits_for: row::maybe_text("delivery", row.waits_for.as_deref())?,
            is_test: row.is_test,
            created_at: row.created_at,
        })
    }
}

/// Which deliveries to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only to this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only of this event.
    pub event: Option<EventId>,
    /// Only in this state.
    pub state: Option<DeliveryState>,
}

/// What a worker holds while it sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// The delivery; `attempts` counts the requests that were recorded before.
    pub delivery: Delivery,
    /// About which tenant; none: about the MSP itself.
    pub tenant: Option<TenantId>,
    /// Proof that it is ours; more than the first `attempt` means that a lease before it ended without a word.
    pub lease: Lease,
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
    },
    /// Given up.
    Failed,
}

/// Stores deliveries of one event, also to endpoints that the caller who caused it can't see.
pub async fn insert_many(
    tx: &mut MspTx,
    tenant: Option<TenantId>,
    deliveries: &[Delivery],
    drill: Option<DrillId>,
) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.id.as_uuid()).collect();
    let events: Vec<_> = deliveries.iter().map(|delivery| delivery.event.as_uuid()).collect();
    let endpoints: Vec<_> = deliveries.iter().map(|delivery| delivery.endpoint.as_uuid()).collect();
    let states: Vec<_> = deliveries.iter().map(|delivery| delivery.state.to_string()).collect();
    let attempts: Vec<_> = deliveries.iter().map(|delivery| row::int(delivery.attempts)).collect();
    let next: Vec<_> = deliveries.iter().map(|delivery| delivery.next_attempt_at).collect();
    let tests: Vec<_> = deliveries.iter().map(|delivery| delivery.is_test).collect();
    let created: Vec<_> = deliveries.iter().map(|delivery| delivery.created_at).collect();
    sqlx::query!(
        "insert into delivery
            (msp_id, tenant_id, drill_id, delivery_id, event_id, endpoint_id, state, attempts, next_attempt_at, created_at,
            is_test)
        select $1, $2, $10, * from unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::integer[], $8::timestamptz[],
            $9::timestamptz[], $11::boolean[])",
        msp,
        tenant.map(TenantId::as_uuid),
        &ids,
        &events,
        &endpoints,
        &states,
        &attempts,
        &next as &[Option<DateTime<Utc>>],
        &created,
        drill.map(DrillId::as_uuid),
        &tests
    )
    .execute(tx.conn())
    .await?;
    Ok(())
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
    let taken = sqlx::query!(
        r#"update delivery set lease_token = gen_random_uuid(), lease_until = $3, leases = leases + 1
        where delivery_id = $1 and state = 'pending' and next_attempt_at <= $2
            and (lease_until is null or lease_until <= $2)
        returning tenant_id, event_id, endpoint_id, state, attempts, leases, next_attempt_at, waits_for, is_test, created_at,
            lease_token as "lease_token!""#,
        id.as_uuid(),
        now,
        until
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(taken) = taken else { return Ok(None) };
    let delivery = Delivery::try_from(Row {
        delivery_id: id.as_uuid(),
        event_id: taken.event_id,
        endpoint_id: taken.endpoint_id,
        state: taken.state,
        attempts: taken.attempts,
        next_attempt_at: taken.next_attempt_at,
        waits_for: taken.waits_for,
        is_test: taken.is_test,
        created_at: taken.created_at,
    })?;
    let lease = Lease { token: taken.lease_token, until, attempt: row::number("delivery", taken.leases)? };
    Ok(Some(Leased { delivery, tenant: taken.tenant_id.map(TenantId::from_uuid), lease }))
}

/// Gives a delivery back and counts the attempt, in the transaction that records it. `false`: it is ours no more, roll back.
#[tracing::instrument(name = "store.delivery.finish", skip_all, fields(delivery.id = %id))]
pub async fn finish(tx: &mut MspTx, id: DeliveryId, lease: &Lease, end: DeliveryEnd) -> Result<bool, StoreError> {
    let (state, next) = match end {
        DeliveryEnd::Delivered => (DeliveryState::Delivered, None),
        DeliveryEnd::Retry { at } => (DeliveryState::Pending, Some(at)),
        DeliveryEnd::Failed => (DeliveryState::Failed, None),
    };
    let done = sqlx::query!(
        "update delivery set state = $3, next_attempt_at = $4, attempts = attempts + 1, leases = 0, waits_for = null,
            lease_token = null, lease_until = null
        where delivery_id = $1 and lease_token = $2",
        id.as_uuid(),
        lease.token,
        state.as_str(),
        next
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a delivery without an attempt: there is nothing to attempt, or it never came to its end. `false`: it is ours no more.
pub async fn give_up(tx: &mut MspTx, id: DeliveryId, lease: &Lease) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update delivery set state = 'failed', next_attempt_at = null, leases = 0, waits_for = null,
            lease_token = null, lease_until = null
        where delivery_id = $1 and lease_token = $2",
        id.as_uuid(),
        lease.token
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

/// Reads one delivery; `None` also when it is outside the wall.
pub async fn find(tx: &mut MspTx, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select delivery_id, event_id, endpoint_id, state, attempts, next_attempt_at, waits_for, is_test, created_at
        from delivery where delivery_id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Delivery::try_from).transpose()
}

/// Deliveries, newest first.
pub async fn list(
    tx: &mut MspTx,
    filter: &DeliveryFilter,
    page: Page<DeliveryId>,
) -> Result<Listed<Delivery>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select delivery_id, event_id, endpoint_id, state, attempts, next_attempt_at, waits_for, is_test, created_at
        from delivery
        where ($1::uuid is null or endpoint_id = $1) and ($2::uuid is null or event_id = $2)
            and ($3::text is null or state = $3) and ($4::uuid is null or delivery_id < $4)
        order by delivery_id desc limit $5",
        filter.endpoint.map(EndpointId::as_uuid),
        filter.event.map(EventId::as_uuid),
        filter.state.map(DeliveryState::as_str),
        page.before.map(DeliveryId::as_uuid),
        page.probe()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(Delivery::try_from).collect::<Result<_, _>>()?))
}
