//! Working through the playbook.

use actix_web::put;
use actix_web::web::Json;
use daimon_domain::tenant::Language;
use daimon_store::incident::{self, StepDone, StepState};
use daimon_store::tenant;
use serde_json::json;

use super::moving::go_on;
use super::view::{StepChange, StepView};
use crate::caller::{IncidentsWrite, Permitted};
use crate::input::Body;
use crate::path::{At, IncidentPath, StepPath};
use crate::problem::Problem;

/// Set a step of an incident's playbook
///
/// Writes down that a step is done, does not apply, or is open again. The last one to say so counts. With the last step of
/// a gate the incident moves on by itself, where the rest is proved.
#[utoipa::path(operation_id = "setIncidentStep", tag = "Incidents", params(StepPath), request_body = StepChange, responses(
    (status = 200, description = "The step as it is now", body = StepView)))]
#[put("/v1/incidents/{incident_id}/steps/{step}")]
pub(super) async fn set_step(
    asked: Permitted<IncidentsWrite, (At<StepPath>, Body<StepChange>)>,
) -> Result<Json<StepView>, Problem> {
    let Permitted(mut caller, (path, body)) = asked;
    let id = path.incident_id.parse().map_err(|_malformed| IncidentPath::absent())?;
    let incident = incident::find_held(&mut caller.tx, id).await?.ok_or_else(IncidentPath::absent)?;
    let steps = daimon_verdict::playbook::steps_for(incident.verdict);
    let step = steps.into_iter().find(|step| step.id == path.step).ok_or(Problem::NotFound("step"))?;
    let change = body.value;
    if change.state == StepState::Skipped && change.note.is_none() {
        return Err(Problem::invalid("/note", "is missing: say why the step does not apply"));
    }
    let done = StepDone {
        step: step.id.clone(),
        state: change.state,
        by: caller.actor.to_string(),
        at: caller.now,
        note: change.note,
    };
    incident::set_step(&mut caller.tx, &incident, &done).await?;
    let entry = incident::Entry {
        at: done.at,
        what: format!("step_{}", done.state),
        who: done.by.clone(),
        note: Some(step.id.clone()),
    };
    incident::add_entry(&mut caller.tx, &incident, &entry).await?;
    caller
        .audit("incident.step_set", id, Some(incident.tenant), json!({ "step": step.id, "state": done.state }))
        .await?;
    let tenant = tenant::find(&mut caller.tx, incident.tenant).await?;
    let language = tenant.map_or(Language::English, |tenant| tenant.language);
    let (service, msp, of) = (caller.service.clone(), caller.msp, incident.tenant);
    let told = go_on(&mut caller, incident).await?;
    caller.commit().await?;
    service.hint_deliveries(msp, of, &told).await;
    Ok(Json(StepView::new(step, Some(done), language)))
}
