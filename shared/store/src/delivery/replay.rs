//! Telling once more: one delivery, or everything of a time that an endpoint wants.
//!
//! What is replayed are events, not deliveries: an endpoint that was disabled, or did not exist, has no deliveries of what
//! happened meanwhile.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::delivery::Delivery;
use daimon_domain::event::EventType;
use daimon_domain::id::{DeliveryId, EndpointId, EventId, TenantId};
use daimon_domain::words;
use uuid::Uuid;

use super::Row;
use crate::job::Count;
use crate::{MspTx, StoreError};

words! {
    /// What of it is replayed.
    Which {
        /// What has not arrived and is not on its way: it failed for good, or was never sent.
        Missed = "missed",
        /// Everything, also what has arrived: its `webhook-id` is the same.
        All = "all",
    }
}

/// What to replay to an endpoint: of what it wants by now, what happened in a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayFilter {
    /// From then on.
    pub since: DateTime<Utc>,
    /// Before then.
    pub until: DateTime<Utc>,
    /// Only events of these types; empty: of all.
    pub types: Vec<EventType>,
    /// About these tenants only; empty: about all.
    pub tenants: Vec<TenantId>,
    /// What of it.
    pub which: Which,
}

/// An event that would be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayable {
    /// Which.
    pub event: EventId,
    /// About which tenant.
    pub tenant: Option<TenantId>,
}

/// Sends what a delivery carried once more, as a delivery of its own; `None` when there is no such delivery.
pub async fn replay(
    tx: &mut MspTx,
    id: DeliveryId,
    again: DeliveryId,
    now: DateTime<Utc>,
) -> Result<Option<Delivery>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "insert into delivery
            (msp_id, tenant_id, drill_id, delivery_id, event_id, endpoint_id, state, next_attempt_at, created_at, is_test)
        select msp_id, tenant_id, drill_id, $2, event_id, endpoint_id, 'pending', $3, $3, is_test
        from delivery where delivery_id = $1
        returning delivery_id, event_id, endpoint_id, state, attempts, next_attempt_at, waits_for, failed_because, is_test,
            created_at",
        id.as_uuid(),
        again.as_uuid(),
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Delivery::try_from).transpose()
}

/// What a replay would send, oldest first, and at most `limit`. Tests and drills are left out.
pub async fn replayable(
    tx: &mut MspTx,
    endpoint: EndpointId,
    filter: &ReplayFilter,
    limit: u32,
) -> Result<Vec<Replayable>, StoreError> {
    let types: Vec<String> = filter.types.iter().map(ToString::to_string).collect();
    let tenants: Vec<Uuid> = filter.tenants.iter().map(|id| id.as_uuid()).collect();
    let rows = sqlx::query!(
        "select event.event_id, event.tenant_id
        from endpoint, event left join tenant on tenant.msp_id = event.msp_id and tenant.tenant_id = event.tenant_id
        where endpoint.endpoint_id = $1
            and event.event_id >= uuid_floor($9) and event.occurred_at >= $2 and event.occurred_at < $3
            and event.position is distinct from 0 and event.drill_id is null
            and ($4::text[] = '{}' or event.type = any ($4)) and ($5::uuid[] = '{}' or event.tenant_id = any ($5))
            and endpoint_wants(endpoint.types, endpoint.severities, endpoint.verdicts, endpoint.tenants,
                endpoint.tenant_groups, endpoint.except_tenants, event.type, event.severity, event.verdict,
                event.tenant_id, coalesce(tenant.groups, '{}'))
            and ($6 = 'all' or not exists (
                select from delivery where delivery.event_id = event.event_id and delivery.endpoint_id = $1
                    and delivery.state <> $7))
        order by event.event_id limit $8",
        endpoint.as_uuid(),
        filter.since,
        filter.until,
        &types,
        &tenants,
        filter.which.as_str(),
        daimon_domain::delivery::DeliveryState::Failed.as_str(),
        i64::from(limit),
        // An id has the time at which the event was written, which may differ a little from when it happened.
        filter.since - TimeDelta::days(1)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Replayable {
            event: EventId::from_uuid(row.event_id),
            tenant: row.tenant_id.map(TenantId::from_uuid),
        })
        .collect())
}

/// Stores a delivery for each.
pub async fn insert_replayed(
    tx: &mut MspTx,
    endpoint: EndpointId,
    replayed: &[(DeliveryId, Replayable)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    let ids: Vec<Uuid> = replayed.iter().map(|(id, _)| id.as_uuid()).collect();
    let events: Vec<Uuid> = replayed.iter().map(|(_, one)| one.event.as_uuid()).collect();
    let tenants: Vec<Option<Uuid>> = replayed.iter().map(|(_, one)| one.tenant.map(TenantId::as_uuid)).collect();
    sqlx::query!(
        "insert into delivery (msp_id, endpoint_id, state, next_attempt_at, created_at, delivery_id, event_id, tenant_id)
        select $1, $2, 'pending', $3, $3, * from unnest($4::uuid[], $5::uuid[], $6::uuid[])",
        msp,
        endpoint.as_uuid(),
        now,
        &ids,
        &events,
        &tenants as &[Option<Uuid>]
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How many tests of an endpoint were made since then.
pub async fn tests_since(tx: &mut MspTx, endpoint: EndpointId, since: DateTime<Utc>) -> Result<Count, StoreError> {
    Ok(sqlx::query_as!(
        Count,
        r#"select count(*) as "count!", min(created_at) as first from delivery
        where endpoint_id = $1 and delivery_id >= uuid_floor($2) and is_test"#,
        endpoint.as_uuid(),
        since
    )
    .fetch_one(tx.conn())
    .await?)
}
