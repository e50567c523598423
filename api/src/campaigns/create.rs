//! Declaring a sending.

use actix_web::{HttpResponse, post};
use daimon_domain::campaign::{Campaign, Marks};
use daimon_domain::id::CampaignId;
use daimon_store::{campaign, mailbox};
use serde_json::json;

use super::view::{CampaignView, NewCampaign};
use crate::caller::{IncidentsWrite, Permitted};
use crate::deletion::living_tenant;
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::IdempotencyKeyHeader;
use crate::problem::Problem;

/// Declare a campaign
///
/// Tells that a tenant sends something on purpose, best before it does: what comes back of it is no alarm. Mail belongs to it
/// by any of its marks; a thief can write those too, so name no more than it takes.
#[utoipa::path(operation_id = "createCampaign", tag = "Campaigns", params(IdempotencyKeyHeader), request_body = NewCampaign, responses(
    (status = 201, description = "The campaign", body = CampaignView, headers(("Location", description = "Where it is read"))),
    (status = 409, description = "`conflict`: the tenant is being deleted")))]
#[post("/v1/campaigns")]
pub(super) async fn create_campaign(
    asked: Permitted<IncidentsWrite, (IdempotencyKey, Body<NewCampaign>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (once, body)) = asked;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let new = body.value;
    if living_tenant(&mut caller, new.tenant_id).await?.is_none() {
        return Err(Problem::invalid("/tenant_id", "there is no such tenant"));
    }
    if let Some(id) = new.mailbox_id {
        let mailbox = mailbox::find(&mut caller.tx, id).await?;
        if mailbox.is_none_or(|mailbox| mailbox.tenant != new.tenant_id) {
            return Err(Problem::invalid("/mailbox_id", "the tenant has no such mailbox"));
        }
    }
    if new.starts_at.zip(new.ends_at).is_some_and(|(start, end)| end < start) {
        return Err(Problem::invalid("/ends_at", "comes before starts_at"));
    }
    if new.subject.is_none() && new.list_id.is_none() && new.message_ids.is_empty() {
        return Err(Problem::invalid("", "has no mark: give a subject, a list_id or message_ids"));
    }
    let bare = |id: String| id.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
    let campaign = Campaign {
        id: CampaignId::new(caller.now, caller.service.sources.entropy()),
        tenant: new.tenant_id,
        mailbox: new.mailbox_id,
        incident: None,
        name: new.name,
        marks: Marks {
            starts_at: new.starts_at,
            ends_at: new.ends_at,
            subject: new.subject,
            list_id: new.list_id,
            message_ids: new.message_ids.into_iter().map(bare).collect(),
            templates: Vec::new(),
            fingerprints: Vec::new(),
        },
        created_at: caller.now,
        created_by: caller.actor.to_string(),
    };
    campaign::insert(&mut caller.tx, &campaign).await?;
    caller.audit("campaign.declared", campaign.id, Some(campaign.tenant), json!({})).await?;
    let location = format!("/v1/campaigns/{}", campaign.id);
    once.created(caller, Created { location, version: None, view: CampaignView::from(campaign) }).await
}
