//! Wire shapes of numbers.

use chrono::{DateTime, NaiveDate, Utc};
use daimon_domain::id::{MailboxId, TenantId};
use daimon_domain::words;
use daimon_store::statistics::Overview;
use daimon_store::watched::Days;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// What bounces are counted by.
    BouncesBy {
        /// By the hour in which they came.
        Hour = "hour",
        /// By the day on which they came.
        Day = "day",
        /// By why the delivery failed.
        Reason = "reason",
        /// By the cause that explains them.
        Verdict = "verdict",
    }
}

words! {
    /// What mailbox-days are counted by.
    UsageBy {
        /// By tenant.
        Tenant = "tenant",
        /// By mailbox, of one tenant.
        Mailbox = "mailbox",
        /// By day.
        Day = "day",
    }
}

/// Which bounces are counted, and by what.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CountBounces {
    /// What they are counted by: `day` when left out.
    #[garde(skip)]
    #[param(schema_with = crate::words::bounces_by, required = false)]
    pub(super) by: Option<BouncesBy>,
    /// Of this tenant only.
    #[garde(skip)]
    #[param(schema_with = crate::words::tenant_id, required = false)]
    pub(super) tenant_id: Option<TenantId>,
    /// In this mailbox only.
    #[garde(skip)]
    #[param(schema_with = crate::words::mailbox_id, required = false)]
    pub(super) mailbox_id: Option<MailboxId>,
    /// Received then or later: 30 days before `to` when left out, and by the hour one day.
    #[garde(skip)]
    pub(super) from: Option<DateTime<Utc>>,
    /// Received before: now when left out. At most 92 days after `from`, and by the hour 31.
    #[garde(skip)]
    pub(super) to: Option<DateTime<Utc>>,
}

/// Bounces, counted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BounceCounts, example = json!({
    "by": "day", "from": "2026-11-22T00:00:00Z", "to": "2026-11-24T00:00:00Z", "bounces": 63,
    "counts": [{"key": "2026-11-22", "bounces": 3}, {"key": "2026-11-23", "bounces": 60}]
}))]
pub(crate) struct BounceCountsView {
    /// What they are counted by.
    #[schema(schema_with = crate::words::bounces_by)]
    pub(super) by: BouncesBy,
    /// Received then or later.
    pub(super) from: DateTime<Utc>,
    /// Received before.
    pub(super) to: DateTime<Utc>,
    /// All of them.
    pub(super) bounces: u64,
    /// How many of each, in the order of their keys; what there was none of is left out.
    pub(super) counts: Vec<BounceCountView>,
}

/// How many of one kind.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BounceCount)]
pub(crate) struct BounceCountView {
    /// Which: the hour or the day at which it begins (UTC), the reason, or the verdict. `null`: not judged.
    #[schema(required = true, example = "2026-11-23")]
    pub(super) key: Option<String>,
    /// How many.
    pub(super) bounces: u64,
}

/// Of which tenant.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OverviewQuery {
    /// Of this tenant only.
    #[garde(skip)]
    #[param(schema_with = crate::words::tenant_id, required = false)]
    pub(super) tenant_id: Option<TenantId>,
}

/// How the fleet stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Overview, example = json!({
    "at": "2026-11-24T07:00:00Z", "tenants": 40,
    "mailboxes": {"total": 480, "paused": 2, "new": 1, "connected": 470, "unreachable": 5, "credential_refused": 2, "idling": 300, "stale": 6},
    "incidents": {"live": 3, "unacknowledged": 1, "watch": 1, "suspected": 0, "probable": 1, "confirmed": 1, "other": 0}, "bounces_24h": 412
}))]
pub(crate) struct OverviewView {
    /// When.
    at: DateTime<Utc>,
    /// How many client companies there are.
    tenants: u64,
    /// How their mailboxes are.
    mailboxes: MailboxHealthView,
    /// Incidents that are neither closed nor dismissed.
    incidents: LiveIncidentsView,
    /// Bounces that came in the last 24 hours.
    bounces_24h: u64,
}

/// How mailboxes are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailboxHealth)]
pub(crate) struct MailboxHealthView {
    /// All of them: the sum of the next five.
    total: u64,
    /// Not read until somebody resumes them.
    paused: u64,
    /// Not read yet.
    new: u64,
    /// Read without trouble.
    connected: u64,
    /// Their server can't be reached or read; tried again by itself.
    unreachable: u64,
    /// Not let in; somebody has to replace the password or the credential.
    credential_refused: u64,
    /// Those of the connected whose server tells of new mail at once.
    idling: u64,
    /// Those that are not paused and were not read to the end for an hour.
    stale: u64,
}

/// Incidents that are neither closed nor dismissed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveIncidents)]
pub(crate) struct LiveIncidentsView {
    /// All of them: the sum of the tiers.
    live: u64,
    /// Those that nobody has acknowledged.
    unacknowledged: u64,
    /// Those of tier `watch`.
    watch: u64,
    /// Those of tier `suspected`.
    suspected: u64,
    /// Those of tier `probable`.
    probable: u64,
    /// Those of tier `confirmed`.
    confirmed: u64,
    /// Those of another tier: of causes that take nobody's mailbox over.
    other: u64,
}

impl OverviewView {
    pub(super) fn new(at: DateTime<Utc>, overview: &Overview) -> Self {
        let tier = |tier: &str| overview.incidents.get(tier).copied().unwrap_or(0);
        let (live, seen) = (overview.incidents.values().sum::<u64>(), overview.mailboxes);
        let [watch, suspected, probable, confirmed] = ["watch", "suspected", "probable", "confirmed"].map(tier);
        Self {
            at,
            tenants: overview.tenants,
            mailboxes: MailboxHealthView {
                total: seen.total,
                paused: seen.paused,
                new: seen.new,
                connected: seen.connected,
                unreachable: seen.unreachable,
                credential_refused: seen.credential_refused,
                idling: seen.idling,
                stale: seen.stale,
            },
            incidents: LiveIncidentsView {
                live,
                unacknowledged: overview.unacknowledged,
                watch,
                suspected,
                probable,
                confirmed,
                other: live.saturating_sub(watch + suspected + probable + confirmed),
            },
            bounces_24h: overview.bounces,
        }
    }
}

/// Which days are counted, and by what.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// What they are counted by: `tenant` when left out. By `mailbox` of one tenant only.
    #[garde(skip)]
    #[param(schema_with = crate::words::usage_by, required = false)]
    pub(super) by: Option<UsageBy>,
    /// Of this tenant only.
    #[garde(skip)]
    #[param(schema_with = crate::words::tenant_id, required = false)]
    pub(super) tenant_id: Option<TenantId>,
    /// The first day (UTC): that of this month when left out.
    #[garde(skip)]
    pub(super) from: Option<NaiveDate>,
    /// The day after the last one: tomorrow when left out. At most 366 days after `from`.
    #[garde(skip)]
    pub(super) to: Option<NaiveDate>,
}

/// Mailbox-days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Usage, example = json!({
    "by": "tenant", "from": "2026-11-01", "to": "2026-12-01", "mailbox_days": 360,
    "rows": [{"tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8", "mailbox_id": null, "day": null, "mailbox_days": 360}]
}))]
pub(crate) struct UsageView {
    /// What they are counted by.
    #[schema(schema_with = crate::words::usage_by)]
    pub(super) by: UsageBy,
    /// The first day.
    pub(super) from: NaiveDate,
    /// The day after the last one.
    pub(super) to: NaiveDate,
    /// All of them.
    pub(super) mailbox_days: u64,
    /// How many of each; what there was none of is left out.
    pub(super) rows: Vec<UsageRowView>,
}

/// Mailbox-days of one tenant, one mailbox, or one day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageRow)]
pub(crate) struct UsageRowView {
    /// Of which tenant, by tenant or mailbox. It may be gone by now.
    #[schema(schema_with = crate::words::tenant_id_or_null)]
    tenant_id: Option<TenantId>,
    /// Of which mailbox, by mailbox. It may be gone by now.
    #[schema(schema_with = crate::words::mailbox_id_or_null)]
    mailbox_id: Option<MailboxId>,
    /// On which day, by day.
    #[schema(required = true)]
    day: Option<NaiveDate>,
    /// How many.
    mailbox_days: u64,
}

impl From<Days> for UsageRowView {
    fn from(days: Days) -> Self {
        let Days { tenant, mailbox, day, mailbox_days } = days;
        Self { tenant_id: tenant, mailbox_id: mailbox, day, mailbox_days }
    }
}
