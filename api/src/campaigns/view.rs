//! Wire shapes of campaigns.

use chrono::{DateTime, Utc};
use daimon_domain::campaign::Campaign;
use daimon_domain::id::{CampaignId, IncidentId, MailboxId, TenantId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::input::is_plain;

/// A sending to be declared.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCampaign, example = json!({
    "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8", "name": "Autumn newsletter", "list_id": "news.sakura-dental.example",
    "starts_at": "2026-11-24T07:00:00Z", "ends_at": "2026-11-25T07:00:00Z"
}))]
pub(crate) struct NewCampaign {
    /// Of which tenant.
    #[garde(skip)]
    #[schema(schema_with = crate::words::tenant_id)]
    pub(crate) tenant_id: TenantId,
    /// From which mailbox; from any of the tenant's when left out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::mailbox_id)]
    pub(crate) mailbox_id: Option<MailboxId>,
    /// What you call it.
    #[garde(length(chars, min = 1, max = 200), custom(is_plain))]
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) name: String,
    /// Mail of which the Date is earlier does not belong to it.
    #[serde(default)]
    #[garde(skip)]
    #[schema(nullable = false)]
    pub(crate) starts_at: Option<DateTime<Utc>>,
    /// Mail of which the Date is later does not belong to it.
    #[serde(default)]
    #[garde(skip)]
    #[schema(nullable = false)]
    pub(crate) ends_at: Option<DateTime<Utc>>,
    /// A part of its subject.
    #[serde(default)]
    #[garde(inner(length(chars, min = 4, max = 500), custom(is_plain)))]
    #[schema(nullable = false, min_length = 4, max_length = 500)]
    pub(crate) subject: Option<String>,
    /// A part of its List-Id.
    #[serde(default)]
    #[garde(inner(length(chars, min = 4, max = 500), custom(is_plain)))]
    #[schema(nullable = false, min_length = 4, max_length = 500)]
    pub(crate) list_id: Option<String>,
    /// Message-IDs of its mails.
    #[serde(default)]
    #[garde(length(max = 1_000), inner(length(chars, min = 1, max = 1_000), custom(is_plain)))]
    #[schema(max_items = 1_000)]
    pub(crate) message_ids: Vec<String>,
}

/// A sending that a tenant did on purpose.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Campaign, example = json!({
    "id": "cmp_019ab1c2d3e47f508192a3b4c5d6e7f8", "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8", "mailbox_id": null,
    "incident_id": null, "name": "Autumn newsletter", "starts_at": "2026-11-24T07:00:00Z",
    "ends_at": "2026-11-25T07:00:00Z", "subject": null, "list_id": "news.sakura-dental.example", "message_ids": [],
    "templates": [], "fingerprints": [], "created_at": "2026-11-24T06:00:00Z", "created_by": "key_019ab1c2d3e47f508192a3b4c5d6e7f8"
}))]
pub(crate) struct CampaignView {
    /// Its id.
    #[schema(schema_with = crate::words::campaign_id)]
    id: CampaignId,
    /// Of which tenant.
    #[schema(schema_with = crate::words::tenant_id)]
    tenant_id: TenantId,
    /// From which mailbox; `null`: from any of the tenant's.
    #[schema(schema_with = crate::words::mailbox_id_or_null)]
    mailbox_id: Option<MailboxId>,
    /// The incident that was said to be it.
    #[schema(schema_with = crate::words::incident_id_or_null)]
    incident_id: Option<IncidentId>,
    /// What you call it.
    name: String,
    /// Mail of which the Date is earlier does not belong to it.
    #[schema(required = true)]
    starts_at: Option<DateTime<Utc>>,
    /// Mail of which the Date is later does not belong to it.
    #[schema(required = true)]
    ends_at: Option<DateTime<Utc>>,
    /// A part of its subject.
    #[schema(required = true)]
    subject: Option<String>,
    /// A part of its List-Id.
    #[schema(required = true)]
    list_id: Option<String>,
    /// Message-IDs of its mails, without angle brackets.
    message_ids: Vec<String>,
    /// Hashes of its letters, as "this was us" taught them.
    templates: Vec<String>,
    /// Hashes of how its mails are made (the program, the list, the shape of their Message-IDs), learnt from what came back:
    /// the next sending is known by them, whatever its subject.
    fingerprints: Vec<String>,
    /// When it was declared.
    created_at: DateTime<Utc>,
    /// By whom: the id of an API key or of a user.
    created_by: String,
}

impl From<Campaign> for CampaignView {
    fn from(campaign: Campaign) -> Self {
        let marks = campaign.marks;
        Self {
            id: campaign.id,
            tenant_id: campaign.tenant,
            mailbox_id: campaign.mailbox,
            incident_id: campaign.incident,
            name: campaign.name,
            starts_at: marks.starts_at,
            ends_at: marks.ends_at,
            subject: marks.subject,
            list_id: marks.list_id,
            message_ids: marks.message_ids,
            templates: marks.templates,
            fingerprints: marks.fingerprints,
            created_at: campaign.created_at,
            created_by: campaign.created_by,
        }
    }
}

/// Which campaigns, and which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListCampaigns {
    /// Of this tenant only.
    #[garde(skip)]
    #[param(schema_with = crate::words::tenant_id, required = false)]
    pub(crate) tenant_id: Option<TenantId>,
    /// From this mailbox only, or from any of its tenant's.
    #[garde(skip)]
    #[param(schema_with = crate::words::mailbox_id, required = false)]
    pub(crate) mailbox_id: Option<MailboxId>,
    /// `next` of the page before.
    #[garde(skip)]
    pub(crate) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}
