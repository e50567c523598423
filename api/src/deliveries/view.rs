//! Wire shapes of deliveries and attempts.

use chrono::{DateTime, Utc};
use daimon_domain::delivery::{AttemptFault, Delivery, DeliveryFailure, DeliveryState, WaitsFor};
use daimon_domain::id::{AttemptId, DeliveryId, EndpointId, EventId};
use daimon_store::attempt::Attempt;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::hex;

/// One event on its way to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery, example = json!({
    "id": "dlv_019ab1c2d3e47f508192a3b4c5d6e7f8", "event_id": "evt_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "endpoint_id": "whe_019ab1c2d3e47f508192a3b4c5d6e7f8", "state": "pending", "attempts": 1,
    "next_attempt_at": "2026-11-24T07:00:05Z", "waits_for": null, "failed_because": null, "is_test": false,
    "created_at": "2026-11-24T07:00:00Z"
}))]
pub(crate) struct DeliveryView {
    /// Its id.
    #[schema(schema_with = crate::words::delivery_id)]
    id: DeliveryId,
    /// What is told.
    #[schema(schema_with = crate::words::event_id)]
    event_id: EventId,
    /// To whom.
    #[schema(schema_with = crate::words::endpoint_id)]
    endpoint_id: EndpointId,
    /// Where it stands.
    #[schema(schema_with = crate::words::delivery_state)]
    state: DeliveryState,
    /// How many attempts were made whose outcome is known; those that were interrupted are not counted.
    attempts: u32,
    /// When the next one is due.
    #[schema(required = true)]
    next_attempt_at: Option<DateTime<Utc>>,
    /// What it waits for until then, where nothing has failed.
    #[schema(schema_with = crate::words::waits_for_or_null)]
    waits_for: Option<WaitsFor>,
    /// Why it was given up, where it was; `null` for what was given up before this was written down.
    #[schema(schema_with = crate::words::delivery_failure_or_null)]
    failed_because: Option<DeliveryFailure>,
    /// Whether somebody only tries the endpoint out.
    is_test: bool,
    /// When it was created.
    created_at: DateTime<Utc>,
}

/// One HTTP request, or one that was interrupted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt, example = json!({
    "id": "att_019ab1c2d3e47f508192a3b4c5d6e7f8", "delivery_id": "dlv_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "at": "2026-11-24T07:00:00Z", "status": 503, "fault": "refused", "latency_ms": 120, "excerpt": "Service Unavailable",
    "request_sha256": "0b2c1a8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b"
}))]
pub(crate) struct AttemptView {
    /// Its id.
    #[schema(schema_with = crate::words::attempt_id)]
    id: AttemptId,
    /// Of which delivery.
    #[schema(schema_with = crate::words::delivery_id)]
    delivery_id: DeliveryId,
    /// When.
    at: DateTime<Utc>,
    /// What the receiver answered.
    #[schema(required = true)]
    status: Option<u16>,
    /// Why it failed; `null`: it did not.
    #[schema(schema_with = crate::words::attempt_fault_or_null)]
    fault: Option<AttemptFault>,
    /// How long it took, in milliseconds.
    latency_ms: u32,
    /// The beginning of the answer, up to 1 KiB, without what looks like a secret.
    #[schema(required = true)]
    excerpt: Option<String>,
    /// The SHA-256 of the body that was sent, in hexadecimal digits; `null` where none was.
    #[schema(required = true)]
    request_sha256: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            event_id: delivery.event,
            endpoint_id: delivery.endpoint,
            state: delivery.state,
            attempts: delivery.attempts,
            next_attempt_at: delivery.next_attempt_at,
            waits_for: delivery.waits_for,
            failed_because: delivery.failed_because,
            is_test: delivery.is_test,
            created_at: delivery.created_at,
        }
    }
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            id: attempt.id,
            delivery_id: attempt.delivery,
            at: attempt.at,
            status: attempt.status,
            fault: attempt.fault,
            latency_ms: attempt.latency_ms,
            excerpt: attempt.excerpt,
            request_sha256: attempt.request_sha256.as_ref().map(|hash| hex(hash)),
        }
    }
}

/// Which deliveries, and which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListDeliveries {
    /// To this endpoint only.
    #[garde(skip)]
    #[param(schema_with = crate::words::endpoint_id, required = false)]
    pub(crate) endpoint_id: Option<EndpointId>,
    /// Of this event only.
    #[garde(skip)]
    #[param(schema_with = crate::words::event_id, required = false)]
    pub(crate) event_id: Option<EventId>,
    /// In this state only.
    #[garde(skip)]
    #[param(schema_with = crate::words::delivery_state, required = false)]
    pub(crate) state: Option<DeliveryState>,
    /// `next` of the page before.
    #[garde(skip)]
    pub(crate) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}

/// Which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAttempts {
    /// `next` of the page before.
    #[garde(skip)]
    pub(crate) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}
