//! Wire shapes of webhook endpoints.

use chrono::{DateTime, Utc};
use daimon_domain::day::{QuietHours, TimeOfDay, TimeZone};
use daimon_domain::event::EventType;
use daimon_domain::id::{EndpointId, TenantId};
use daimon_domain::pace::Pace;
use daimon_domain::tenant::Group;
use daimon_domain::verdict::{Severity, Verdict};
use daimon_store::endpoint::{DisabledReason, Endpoint};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Hours in which an endpoint is told only what can't wait.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QuietHours, example = json!({"from": "22:00", "until": "07:00", "time_zone": "Asia/Tokyo", "let_through": "critical"}))]
pub(crate) struct QuietHoursView {
    /// When they begin.
    #[serde(deserialize_with = "crate::input::text", serialize_with = "crate::input::shown")]
    #[garde(skip)]
    #[schema(schema_with = crate::words::time_of_day)]
    pub(crate) from: TimeOfDay,
    /// When they end, on the next day where that is earlier; what has waited is told then.
    #[serde(deserialize_with = "crate::input::text", serialize_with = "crate::input::shown")]
    #[garde(skip)]
    #[schema(schema_with = crate::words::time_of_day)]
    pub(crate) until: TimeOfDay,
    /// Whose day it is.
    #[serde(deserialize_with = "crate::input::text", serialize_with = "crate::input::shown")]
    #[garde(skip)]
    #[schema(schema_with = crate::words::time_zone)]
    pub(crate) time_zone: TimeZone,
    /// What is at least that urgent is told all the same; nothing is when left out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::severity_or_null)]
    pub(crate) let_through: Option<Severity>,
}

impl From<QuietHoursView> for QuietHours {
    fn from(view: QuietHoursView) -> Self {
        Self { from: view.from, until: view.until, zone: view.time_zone, let_through: view.let_through }
    }
}

impl From<QuietHours> for QuietHoursView {
    fn from(hours: QuietHours) -> Self {
        Self { from: hours.from, until: hours.until, time_zone: hours.zone, let_through: hours.let_through }
    }
}

/// Where an MSP wants to be told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEndpoint, example = json!({
    "id": "whe_019ab1c2d3e47f508192a3b4c5d6e7f8", "url": "https://tickets.msp.example/daimon", "description": "Ticket system",
    "types": ["incident.opened", "incident.updated"], "severities": ["high", "critical"], "verdicts": [], "tenants": [],
    "tenant_groups": ["gold"], "except_tenants": [], "rate_limit_per_minute": 60,
    "quiet_hours": {"from": "22:00", "until": "07:00", "time_zone": "Asia/Tokyo", "let_through": "critical"},
    "disabled_at": null, "disabled_because": null, "previous_secret_until": null, "failing_since": null, "failures": 0,
    "undelivered_since": null, "created_at": "2026-11-24T07:00:00Z"
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
    /// Of incidents with which verdicts; all when empty.
    #[schema(schema_with = crate::words::verdicts)]
    pub(crate) verdicts: Vec<Verdict>,
    /// Of which tenants, beside those of `tenant_groups`; all when both are empty.
    #[schema(schema_with = crate::words::tenant_ids)]
    pub(crate) tenants: Vec<TenantId>,
    /// Of the tenants of which groups.
    #[schema(schema_with = crate::words::groups)]
    pub(crate) tenant_groups: Vec<Group>,
    /// Of none of these tenants.
    #[schema(schema_with = crate::words::tenant_ids)]
    pub(crate) except_tenants: Vec<TenantId>,
    /// How many requests a minute it gets at most.
    #[schema(required = true)]
    pub(crate) rate_limit_per_minute: Option<u32>,
    /// When it is told only what can't wait.
    #[schema(required = true)]
    pub(crate) quiet_hours: Option<QuietHoursView>,
    /// Since when it is not called any more.
    #[schema(required = true)]
    pub(crate) disabled_at: Option<DateTime<Utc>>,
    /// Why.
    #[schema(schema_with = crate::words::disabled_reason_or_null)]
    pub(crate) disabled_because: Option<DisabledReason>,
    /// Until when webhooks are signed with the secret before as well, after a rotation; in the past: no more.
    #[schema(required = true)]
    pub(crate) previous_secret_until: Option<DateTime<Utc>>,
    /// Since when every attempt failed.
    #[schema(required = true)]
    pub(crate) failing_since: Option<DateTime<Utc>>,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// Since when something waits to be told there that has neither arrived nor failed for good, whatever it waits for.
    #[schema(required = true)]
    pub(crate) undelivered_since: Option<DateTime<Utc>>,
    /// When it was created.
    pub(crate) created_at: DateTime<Utc>,
}

/// A webhook endpoint with its new secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEndpointWithSecret, example = json!({
    "id": "whe_019ab1c2d3e47f508192a3b4c5d6e7f8", "url": "https://tickets.msp.example/daimon", "description": "Ticket system",
    "types": [], "severities": [], "verdicts": [], "tenants": [], "tenant_groups": [], "except_tenants": [],
    "rate_limit_per_minute": null, "quiet_hours": null, "disabled_at": null, "disabled_because": null,
    "previous_secret_until": "2026-11-25T07:00:00Z", "failing_since": null, "failures": 0, "undelivered_since": null, "created_at": "2026-11-24T07:00:00Z", "secret": "whsec_…"
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
            types: endpoint.wants.types,
            severities: endpoint.wants.severities,
            verdicts: endpoint.wants.verdicts,
            tenants: endpoint.wants.tenants,
            tenant_groups: endpoint.wants.groups,
            except_tenants: endpoint.wants.except,
            rate_limit_per_minute: endpoint.pace.map(Pace::per_minute),
            quiet_hours: endpoint.quiet_hours.map(QuietHoursView::from),
            disabled_at: endpoint.disabled.map(|(at, _)| at),
            disabled_because: endpoint.disabled.map(|(_, reason)| reason),
            previous_secret_until: endpoint.previous_secret_until,
            failing_since: endpoint.failing_since,
            failures: endpoint.failures,
            undelivered_since: endpoint.undelivered_since,
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

/// What a replay tells once more.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Replay, example = json!({"events": 42, "more": false, "dry_run": true}))]
pub(crate) struct ReplayView {
    /// How many events, each a delivery of its own.
    pub(crate) events: u32,
    /// Whether there are more than a replay may have: 10,000.
    pub(crate) more: bool,
    /// Whether that was only counted.
    pub(crate) dry_run: bool,
}
