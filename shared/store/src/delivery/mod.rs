//! Events on their way to endpoints: the outbox. A row commits with the change it tells of, and a fenced lease decides who
//! sends it.

mod lease;
mod replay;

use chrono::{DateTime, Utc};
use daimon_domain::delivery::{Delivery, DeliveryState};
use daimon_domain::id::{DeliveryId, DrillId, EndpointId, EventId, TenantId};
use uuid::Uuid;

pub use self::lease::{Addressee, DeliveryEnd, GivenBack, Leased, Parcel, defer, finish, give_up, lease, postpone};
pub use self::replay::{ReplayFilter, Replayable, Which, insert_replayed, replay, replayable, tests_since};
use crate::{Listed, MspTx, Page, StoreError, row};

struct Row {
    delivery_id: Uuid,
    event_id: Uuid,
    endpoint_id: Uuid,
    state: String,
    attempts: i32,
    next_attempt_at: Option<DateTime<Utc>>,
    waits_for: Option<String>,
    failed_because: Option<String>,
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
            failed_because: row::maybe_text("delivery", row.failed_because.as_deref())?,
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

/// Reads one delivery; `None` also when it is outside the wall.
pub async fn find(tx: &mut MspTx, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select delivery_id, event_id, endpoint_id, state, attempts, next_attempt_at, waits_for, failed_because, is_test, created_at
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
        "select delivery_id, event_id, endpoint_id, state, attempts, next_attempt_at, waits_for, failed_because, is_test, created_at
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
