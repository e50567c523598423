//! Wire shapes of maintenance windows.

use chrono::{DateTime, Utc};
use daimon_domain::id::{MailboxId, TenantId, WindowId};
use daimon_domain::maintenance::Window;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::input::is_plain_text;

/// A window to be declared.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMaintenanceWindow, example = json!({
    "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8", "ends_at": "2026-11-25T07:00:00Z",
    "reason": "Mail moves to another host."
}))]
pub(crate) struct NewWindow {
    /// Of which tenant.
    #[garde(skip)]
    #[schema(schema_with = crate::words::tenant_id)]
    pub(crate) tenant_id: TenantId,
    /// Of which of its mailboxes; of all, also those to come, when empty.
    #[serde(default)]
    #[garde(length(max = 1_000))]
    #[schema(schema_with = crate::words::mailbox_ids)]
    pub(crate) mailbox_ids: Vec<MailboxId>,
    /// From when on; from now on when left out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(nullable = false)]
    pub(crate) starts_at: Option<DateTime<Utc>>,
    /// Until when: at most 90 days after its start.
    #[garde(skip)]
    pub(crate) ends_at: DateTime<Utc>,
    /// Why.
    #[garde(length(chars, min = 1, max = 2_000), custom(is_plain_text))]
    #[schema(min_length = 1, max_length = 2_000)]
    pub(crate) reason: String,
}

/// What to change of a window. What is left out stays.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MaintenanceWindowChange, example = json!({"ends_at": "2026-11-25T09:00:00Z"}))]
pub(crate) struct WindowChange {
    /// Of which of the tenant's mailboxes; of all, also those to come, when empty.
    #[serde(default)]
    #[garde(inner(length(max = 1_000)))]
    #[schema(schema_with = crate::words::mailbox_ids)]
    pub(crate) mailbox_ids: Option<Vec<MailboxId>>,
    /// From when on.
    #[serde(default)]
    #[garde(skip)]
    #[schema(nullable = false)]
    pub(crate) starts_at: Option<DateTime<Utc>>,
    /// Until when: at most 90 days after its start.
    #[serde(default)]
    #[garde(skip)]
    #[schema(nullable = false)]
    pub(crate) ends_at: Option<DateTime<Utc>>,
    /// Why.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 2_000), custom(is_plain_text)))]
    #[schema(nullable = false, min_length = 1, max_length = 2_000)]
    pub(crate) reason: Option<String>,
}

/// A time in which what happens is recorded and told later, if it is still so.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MaintenanceWindow, example = json!({
    "id": "mwd_019ab1c2d3e47f508192a3b4c5d6e7f8", "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8", "mailbox_ids": [],
    "starts_at": "2026-11-24T07:00:00Z", "ends_at": "2026-11-25T07:00:00Z", "reason": "Mail moves to another host.",
    "created_at": "2026-11-24T07:00:00Z", "created_by": "key_019ab1c2d3e47f508192a3b4c5d6e7f8"
}))]
pub(crate) struct WindowView {
    /// Its id.
    #[schema(schema_with = crate::words::window_id)]
    id: WindowId,
    /// Of which tenant.
    #[schema(schema_with = crate::words::tenant_id)]
    tenant_id: TenantId,
    /// Of which of its mailboxes; of all, also those to come, when empty.
    #[schema(schema_with = crate::words::mailbox_ids)]
    mailbox_ids: Vec<MailboxId>,
    /// From when on.
    starts_at: DateTime<Utc>,
    /// Until when.
    ends_at: DateTime<Utc>,
    /// Why.
    reason: String,
    /// When it was declared.
    created_at: DateTime<Utc>,
    /// By whom: the id of an API key or of a user.
    created_by: String,
}

impl From<Window> for WindowView {
    fn from(window: Window) -> Self {
        Self {
            id: window.id,
            tenant_id: window.tenant,
            mailbox_ids: window.mailboxes,
            starts_at: window.starts_at,
            ends_at: window.ends_at,
            reason: window.reason,
            created_at: window.created_at,
            created_by: window.created_by,
        }
    }
}

/// Which windows, and which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListWindows {
    /// Of this tenant only.
    #[garde(skip)]
    #[param(schema_with = crate::words::tenant_id, required = false)]
    pub(crate) tenant_id: Option<TenantId>,
    /// Of this mailbox only, or of all of its tenant's.
    #[garde(skip)]
    #[param(schema_with = crate::words::mailbox_id, required = false)]
    pub(crate) mailbox_id: Option<MailboxId>,
    /// `true`: without those that are over.
    #[serde(default)]
    #[garde(skip)]
    #[param(required = false)]
    pub(crate) current: bool,
    /// `next` of the page before.
    #[garde(skip)]
    pub(crate) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}
