//! What happened, stored once with the change that caused it, and read in an order that skips nothing.
//!
//! Ids follow the time at which an event was written, not the one at which it was committed: "everything after the last
//! id" would miss for ever what commits late. So a position is given to what is committed, one after the other under a
//! lock, when somebody asks for the list.

use chrono::{DateTime, Utc};
use daimon_domain::clock::Entropy;
use daimon_domain::delivery::Delivery;
use daimon_domain::event::{Event, EventType};
use daimon_domain::id::{DeliveryId, DrillId, EventId, TenantId};
use daimon_domain::verdict::{Severity, Verdict};
use uuid::Uuid;

use crate::endpoint::Matter;
use crate::{MspTx, StoreError, delivery, endpoint, row};

/// How many events get their position at once.
const BATCH: i64 = 5_000;
/// The position of what is in no list: they begin with 1.
const NOWHERE: i64 = 0;

/// An event and where it stands in the order of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Grows by one per event of the MSP.
    pub position: i64,
    /// About which tenant; none: about the MSP itself.
    pub tenant: Option<TenantId>,
    /// The event.
    pub event: Event,
}

struct Row {
    event_id: Uuid,
    r#type: String,
    occurred_at: DateTime<Utc>,
    body: String,
}

impl TryFrom<Row> for Event {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: EventId::from_uuid(row.event_id),
            kind: row::text("event", &row.r#type)?,
            occurred_at: row.occurred_at,
            body: row.body,
        })
    }
}

/// Stores an event. A tenant of `None` makes it one about the MSP itself.
pub async fn insert(
    tx: &mut MspTx,
    event: &Event,
    tenant: Option<TenantId>,
    severity: Option<Severity>,
    drill: Option<DrillId>,
) -> Result<(), StoreError> {
    let matter = Matter { kind: event.kind, severity, verdict: None, tenant };
    write(tx, event, matter, drill, None).await
}

/// Stores an event that somebody made up to try an endpoint out. It has no place in the order of the list: nothing happened.
pub async fn insert_test(tx: &mut MspTx, event: &Event, tenant: Option<TenantId>) -> Result<(), StoreError> {
    write(tx, event, Matter { tenant, ..Matter::of_msp(event.kind) }, None, Some(NOWHERE)).await
}

async fn write(
    tx: &mut MspTx,
    event: &Event,
    matter: Matter,
    drill: Option<DrillId>,
    position: Option<i64>,
) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into event (msp_id, event_id, tenant_id, type, severity, occurred_at, body, drill_id, verdict, position)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        msp,
        event.id.as_uuid(),
        matter.tenant.map(TenantId::as_uuid),
        event.kind.as_str(),
        matter.severity.map(Severity::as_str),
        event.occurred_at,
        event.body,
        drill.map(DrillId::as_uuid),
        matter.verdict.map(Verdict::as_str),
        position
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What is to be told.
#[derive(Clone, Debug)]
pub struct New {
    /// What happened.
    pub kind: EventType,
    /// When.
    pub at: DateTime<Utc>,
    /// The body, as `daimon_verdict::telling` writes it.
    pub body: String,
    /// What it was found to be.
    pub verdict: Option<Verdict>,
    /// The drill that made it up.
    pub drill: Option<DrillId>,
}

/// Stores an event and a delivery for each endpoint that wants it; answers the deliveries, to be hinted after the commit.
pub async fn tell(
    tx: &mut MspTx,
    new: New,
    tenant: Option<TenantId>,
    severity: Option<Severity>,
    entropy: &dyn Entropy,
) -> Result<Vec<DeliveryId>, StoreError> {
    let id = EventId::new(new.at, entropy);
    tell_as(tx, id, new, tenant, severity, entropy).await
}

/// The same under an id that follows from what happened, so that it is told once whoever finds it out.
pub async fn tell_as(
    tx: &mut MspTx,
    id: EventId,
    new: New,
    tenant: Option<TenantId>,
    severity: Option<Severity>,
    entropy: &dyn Entropy,
) -> Result<Vec<DeliveryId>, StoreError> {
    let New { kind, at, body, verdict, drill } = new;
    let event = Event { id, kind, occurred_at: at, body };
    let matter = Matter { kind, severity, verdict, tenant };
    write(tx, &event, matter, drill, None).await?;
    let wanted = endpoint::for_event(tx, matter).await?;
    let deliveries: Vec<Delivery> = wanted
        .into_iter()
        .map(|endpoint| Delivery::new(DeliveryId::new(at, entropy), event.id, endpoint, at))
        .collect();
    delivery::insert_many(tx, tenant, &deliveries, drill).await?;
    Ok(deliveries.into_iter().map(|delivery| delivery.id).collect())
}

/// The position of the newest event in the order of the list. Commit, so that what has just happened keeps its place.
pub async fn last_position(tx: &mut MspTx) -> Result<i64, StoreError> {
    place(tx).await?;
    let last = sqlx::query_scalar!("select last_event_position from msp").fetch_optional(tx.conn()).await?;
    Ok(last.unwrap_or(0))
}

/// Reads one event; `None` also when it is outside the wall.
pub async fn find(tx: &mut MspTx, id: EventId) -> Result<Option<Event>, StoreError> {
    let row =
        sqlx::query_as!(Row, "select event_id, type, occurred_at, body from event where event_id = $1", id.as_uuid())
            .fetch_optional(tx.conn())
            .await?;
    row.map(Event::try_from).transpose()
}

/// Events after a position (0: from the beginning), oldest first. Commit, so that they keep their positions.
#[tracing::instrument(name = "store.event.list_after", skip_all)]
pub async fn list_after(tx: &mut MspTx, after: i64, limit: u16) -> Result<Vec<Placed>, StoreError> {
    place(tx).await?;
    let rows = sqlx::query!(
        r#"select position as "position!", tenant_id, event_id, type, occurred_at, body from event
        where position > $1 order by position limit $2"#,
        after,
        i64::from(limit)
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let event =
                Row { event_id: row.event_id, r#type: row.r#type, occurred_at: row.occurred_at, body: row.body };
            Ok(Placed {
                position: row.position,
                tenant: row.tenant_id.map(TenantId::from_uuid),
                event: event.try_into()?,
            })
        })
        .collect()
}

/// Gives a position to what is committed and has none.
async fn place(tx: &mut MspTx) -> Result<(), StoreError> {
    let any = sqlx::query_scalar!(r#"select exists (select from event where position is null) as "any!""#)
        .fetch_one(tx.conn())
        .await?;
    if !any {
        return Ok(());
    }
    // Only who holds this row gives positions; the next statement sees what was given while this one waited.
    let Some(last) =
        sqlx::query_scalar!("select last_event_position from msp for no key update").fetch_optional(tx.conn()).await?
    else {
        return Ok(());
    };
    let placed = sqlx::query!(
        "update event set position = $1 + unplaced.number
        from (
            select event_id, row_number() over (order by event_id) as number
            from event where position is null order by event_id limit $2
        ) as unplaced
        where event.event_id = unplaced.event_id",
        last,
        BATCH
    )
    .execute(tx.conn())
    .await?
    .rows_affected();
    sqlx::query!("update msp set last_event_position = $1", last.saturating_add_unsigned(placed))
        .execute(tx.conn())
        .await?;
    Ok(())
}
