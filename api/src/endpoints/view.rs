//! Wire shapes of webhook endpoints.

use chrono::{DateTime, Utc};
use daimon_domain::event::EventType;
use daimon_domain::id::{EndpointId, TenantId};
use daimon_domain::verdict::Severity;
use daimon_store::endpoint::{DisabledReason, Endpoint};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::input::is_plain;

/// A webhook endpoint to be told.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhookEndpoint, example = json!({
    "url": "https://tickets.msp.example/daimon", "description": "Ticket system",
    "types": ["incident.opened", "incident.updated"], "severities": ["high", "critical"]
}))]
pub(crate) struct NewEndpoint {
    /// Where to send: https, a public host name, port 443 or one that the operator opened; no user name, no fragment.
    #[garde(length(max = 2_000))]
    #[schema(format = Uri, max_length = 2_000)]
    pub(crate) url: String,
    /// What it is.
    #[serde(default)]
    #[garde(length(chars, max = 500), custom(is_plain))]
    #[schema(max_length = 500)]
    pub(crate) description: String,
    /// Which events; all when empty.
    #[serde(default)]
    #[garde(length(max = 64))]
    #[schema(schema_with = crate::words::event_types)]
    pub(crate) types: Vec<EventType>,
    /// Of incidents with which severities; all when empty.
    #[serde(default)]
    #[garde(length(max = 8))]
    #[schema(schema_with = crate::words::severities)]
    pub(crate) severities: Vec<Severity>,
    /// Of which tenants; all, also those to come, when empty.
    #[serde(default)]
    #[garde(length(max = 200))]
    #[schema(schema_with = crate::words::tenant_ids)]
    pub(crate) tenants: Vec<TenantId>,
}

/// What to change of a webhook endpoint. What is left out stays.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookEndpointChange, example = json!({"disabled": false}))]
pub(crate) struct EndpointChange {
    /// Where to send.
    #[serde(default)]
    #[garde(inner(length(max = 2_000)))]
    #[schema(nullable = false, format = Uri, max_length = 2_000)]
    pub(crate) url: Option<String>,
    /// What it is.
    #[serde(default)]
    #[garde(inner(length(chars, max = 500), custom(is_plain)))]
    #[schema(nullable = false, max_length = 500)]
    pub(crate) description: Option<String>,
    /// Which events; all when empty.
    #[serde(default)]
    #[garde(inner(length(max = 64)))]
    #[schema(schema_with = crate::words::event_types)]
    pub(crate) types: Option<Vec<EventType>>,
    /// Of incidents with which severities; all when empty.
    #[serde(default)]
    #[garde(inner(length(max = 8)))]
    #[schema(schema_with = crate::words::severities)]
    pub(crate) severities: Option<Vec<Severity>>,
    /// Of which tenants; all when empty.
    #[serde(default)]
    #[garde(inner(length(max = 200)))]
    #[schema(schema_with = crate::words::tenant_ids)]
    pub(crate) tenants: Option<Vec<TenantId>>,
    /// Whether to stop calling it. `false` calls it again after it was disabled.
    #[serde(default)]
    #[garde(skip)]
    #[schema(nullable = false)]
    pub(crate) disabled: Option<bool>,
}

/// How to rotate.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecretRotation, example = json!({"overlap_s": 86400}))]
pub(crate) struct Rotation {
    /// For how many seconds both secrets sign: up to 7 days, a day when left out.
    #[serde(default = "a_day")]
    #[garde(range(max = 604_800))]
    #[schema(maximum = 604_800)]
    pub(crate) overlap_s: u32,
}

const fn a_day() -> u32 {
    86_400
}

/// Where an MSP wants to be told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEndpoint, example = json!({
    "id": "whe_019ab1c2d3e47f508192a3b4c5d6e7f8", "url": "https://tickets.msp.example/daimon", "description": "Ticket system",
    "types": ["incident.opened", "incident.updated"], "severities": ["high", "critical"], "tenants": [], "disabled_at": null,
    "disabled_because": null, "failing_since": null, "failures": 0, "created_at": "2026-11-24T07:00:00Z"
}))]
pub(crate) struct EndpointView {
    /// Its id.
    #[schema(schema_with = crate::words::endpoint_id)]
    pub(crate) id: EndpointId,
    /// Where it is.
    pub(crate) url: String,
    /// What it is.
    pub(crate) description: String,
    /// Which events; all when empty.
    #[schema(schema_with = crate::words::event_types)]
    pub(crate) types: Vec<EventType>,
    /// Of incidents with which severities; all when empty.
    #[schema(schema_with = crate::words::severities)]
    pub(crate) severities: Vec<Severity>,
    /// Of which tenants; all when empty.
    #[schema(schema_with = crate::words::tenant_ids)]
    pub(crate) tenants: Vec<TenantId>,
    /// Since when it is not called any more.
    #[schema(required = true)]
    pub(crate) disabled_at: Option<DateTime<Utc>>,
    /// Why.
    #[schema(schema_with = crate::words::disabled_reason_or_null)]
    pub(crate) disabled_because: Option<DisabledReason>,
    /// Since when every attempt failed.
    #[schema(required = true)]
    pub(crate) failing_since: Option<DateTime<Utc>>,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// When it was created.
    pub(crate) created_at: DateTime<Utc>,
}

/// A webhook endpoint with its new secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEndpointWithSecret, example = json!({
    "id": "whe_019ab1c2d3e47f508192a3b4c5d6e7f8", "url": "https://tickets.msp.example/daimon", "description": "Ticket system",
    "types": [], "severities": [], "tenants": [], "disabled_at": null, "disabled_because": null, "failing_since": null,
    "failures": 0, "created_at": "2026-11-24T07:00:00Z", "secret": "whsec_…"
}))]
pub(crate) struct EndpointWithSecretView {
    #[serde(flatten)]
    pub(crate) endpoint: EndpointView,
    /// What webhooks are signed with (Standard Webhooks). It is shown this once.
    pub(crate) secret: String,
}

impl From<Endpoint> for EndpointView {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id,
            url: endpoint.url,
            description: endpoint.description,
            types: endpoint.types,
            severities: endpoint.severities,
            tenants: endpoint.tenants,
            disabled_at: endpoint.disabled.map(|(at, _)| at),
            disabled_because: endpoint.disabled.map(|(_, reason)| reason),
            failing_since: endpoint.failing_since,
            failures: endpoint.failures,
            created_at: endpoint.created_at,
        }
    }
}

/// Which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListEndpoints {
    /// `next` of the page before.
    #[garde(skip)]
    pub(crate) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}
