//! What can be asked of webhook endpoints.

use chrono::{DateTime, Utc};
use daimon_domain::event::EventType;
use daimon_domain::id::TenantId;
use daimon_domain::tenant::Group;
use daimon_domain::verdict::{Severity, Verdict};
use daimon_store::delivery::Which;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::QuietHoursView;
use crate::input::{Change, is_plain};

/// A webhook endpoint to be told.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhookEndpoint, example = json!({
    "url": "https://tickets.msp.example/daimon", "description": "Ticket system",
    "types": ["incident.opened", "incident.updated"], "severities": ["high", "critical"], "tenant_groups": ["gold"],
    "rate_limit_per_minute": 60,
    "quiet_hours": {"from": "22:00", "until": "07:00", "time_zone": "Asia/Tokyo", "let_through": "critical"}
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
    /// Of incidents with which verdicts; all when empty.
    #[serde(default)]
    #[garde(length(max = 32))]
    #[schema(schema_with = crate::words::verdicts)]
    pub(crate) verdicts: Vec<Verdict>,
    /// Of which tenants, beside those of `tenant_groups`; all, also those to come, when both are empty.
    #[serde(default)]
    #[garde(length(max = 200))]
    #[schema(schema_with = crate::words::tenant_ids)]
    pub(crate) tenants: Vec<TenantId>,
    /// Of the tenants of which groups, as they are when something happens.
    #[serde(default)]
    #[garde(length(max = 50))]
    #[schema(schema_with = crate::words::groups)]
    pub(crate) tenant_groups: Vec<Group>,
    /// Of none of these tenants, whatever else says so.
    #[serde(default)]
    #[garde(length(max = 200))]
    #[schema(schema_with = crate::words::tenant_ids)]
    pub(crate) except_tenants: Vec<TenantId>,
    /// How many requests a minute it gets at most; as many as there are when left out. What waits comes in its turn.
    #[serde(default)]
    #[garde(inner(range(min = 1, max = 60_000)))]
    #[schema(nullable = false, minimum = 1, maximum = 60_000)]
    pub(crate) rate_limit_per_minute: Option<u32>,
    /// When it is told only what can't wait; at any time when left out.
    #[serde(default)]
    #[garde(dive)]
    #[schema(value_type = Option<QuietHoursView>, nullable = false)]
    pub(crate) quiet_hours: Option<QuietHoursView>,
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
    /// Of incidents with which verdicts; all when empty.
    #[serde(default)]
    #[garde(inner(length(max = 32)))]
    #[schema(schema_with = crate::words::verdicts)]
    pub(crate) verdicts: Option<Vec<Verdict>>,
    /// Of which tenants, beside those of `tenant_groups`; all when both are empty.
    #[serde(default)]
    #[garde(inner(length(max = 200)))]
    #[schema(schema_with = crate::words::tenant_ids)]
    pub(crate) tenants: Option<Vec<TenantId>>,
    /// Of the tenants of which groups.
    #[serde(default)]
    #[garde(inner(length(max = 50)))]
    #[schema(schema_with = crate::words::groups)]
    pub(crate) tenant_groups: Option<Vec<Group>>,
    /// Of none of these tenants.
    #[serde(default)]
    #[garde(inner(length(max = 200)))]
    #[schema(schema_with = crate::words::tenant_ids)]
    pub(crate) except_tenants: Option<Vec<TenantId>>,
    /// How many requests a minute it gets at most; `null`: as many as there are. What waits is given its turn anew.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 60_000)]
    pub(crate) rate_limit_per_minute: Change<u32>,
    /// When it is told only what can't wait; `null`: at any time. What waits for the end of others is judged anew.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<QuietHoursView>)]
    pub(crate) quiet_hours: Change<QuietHoursView>,
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

/// What to try an endpoint out with.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhookTest, example = json!({"type": "incident.opened"}))]
pub(crate) struct NewTest {
    /// Of which type: its example in this document is sent.
    #[garde(skip)]
    #[schema(schema_with = crate::words::event_type)]
    pub(crate) r#type: EventType,
}

/// What to tell once more.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewReplay, example = json!({"since": "2026-11-24T07:00:00Z", "types": ["incident.opened"], "dry_run": true}))]
pub(crate) struct NewReplay {
    /// What happened from then on.
    #[garde(skip)]
    pub(crate) since: DateTime<Utc>,
    /// And before then; until now when left out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(nullable = false)]
    pub(crate) until: Option<DateTime<Utc>>,
    /// Which events, of those that the endpoint wants; all when empty.
    #[serde(default)]
    #[garde(length(max = 64))]
    #[schema(schema_with = crate::words::event_types)]
    pub(crate) types: Vec<EventType>,
    /// Of which tenants; all when empty.
    #[serde(default)]
    #[garde(length(max = 200))]
    #[schema(schema_with = crate::words::tenant_ids)]
    pub(crate) tenants: Vec<TenantId>,
    /// What of it; `missed` when left out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::which, required = false)]
    pub(crate) which: Option<Which>,
    /// Only to say how much it would be.
    #[serde(default)]
    #[garde(skip)]
    pub(crate) dry_run: bool,
}
