//! It is none.

use actix_web::post;
use actix_web::web::Json;
use daimon_domain::campaign::{Campaign, Marks};
use daimon_domain::id::CampaignId;
use daimon_domain::incident::{Dismissal, Incident};
use daimon_domain::origin::Origin;
use daimon_store::{bounce, campaign};
use daimon_verdict::life::Change;
use daimon_verdict::template::template;
use serde_json::json;

use super::asked::DismissalRequest;
use super::moving::{answer, held, moved};
use super::view::IncidentWithEvidenceView;
use crate::caller::{Caller, IncidentsWrite, Permitted};
use crate::input::Body;
use crate::path::{At, IncidentPath};
use crate::problem::Problem;

/// Dismiss an incident
///
/// Says that it is none, and why. `this_was_us` teaches: its letters become a campaign of the mailbox, and what comes back
/// of them, or of the next that is made the same way, raises no alarm again.
#[utoipa::path(operation_id = "dismissIncident", tag = "Incidents", params(IncidentPath), request_body = DismissalRequest, responses(
    (status = 200, description = "The incident as it is now", body = IncidentWithEvidenceView),
    (status = 409, description = "`wrong_state`: it is over already")))]
#[post("/v1/incidents/{incident_id}/dismiss")]
pub(super) async fn dismiss_incident(
    asked: Permitted<IncidentsWrite, (At<IncidentPath>, Body<DismissalRequest>)>,
) -> Result<Json<IncidentWithEvidenceView>, Problem> {
    let Permitted(mut caller, (path, body)) = asked;
    let before = held(&mut caller, path.id()?).await?;
    let DismissalRequest { reason, note } = body.value;
    let told = moved(&mut caller, &before, Change::Dismiss(reason), note).await?;
    if reason == Dismissal::ThisWasUs {
        learn(&mut caller, &before).await?;
    }
    answer(caller, &before, &told).await
}

/// Makes a campaign of the letters that came back.
async fn learn<P>(caller: &mut Caller<P>, incident: &Incident) -> Result<(), Problem> {
    let mut templates = bounce::templates(&mut caller.tx, incident.id).await?;
    // Bounces that return nothing are all alike.
    let nothing = template(&Origin::default());
    templates.retain(|template| *template != nothing);
    let fingerprints = bounce::fingerprints(&mut caller.tx, incident.id).await?;
    if templates.is_empty() && fingerprints.is_empty() {
        return Ok(());
    }
    let campaign = Campaign {
        id: CampaignId::new(caller.now, caller.service.sources.entropy()),
        tenant: incident.tenant,
        mailbox: Some(incident.mailbox),
        incident: Some(incident.id),
        name: format!("This was us: {}", incident.id),
        marks: Marks { templates, fingerprints, ..Marks::default() },
        created_at: caller.now,
        created_by: caller.actor.to_string(),
    };
    campaign::insert(&mut caller.tx, &campaign).await?;
    let detail = json!({ "incident": incident.id });
    caller.audit("campaign.declared", campaign.id, Some(incident.tenant), detail).await
}
