//! "I am on it."

use actix_web::post;
use actix_web::web::Json;
use daimon_store::incident;
use serde_json::json;

use super::get::read;
use super::view::IncidentWithEvidenceView;
use crate::caller::{IncidentsWrite, Permitted};
use crate::path::{At, IncidentPath};
use crate::problem::Problem;

/// Acknowledge an incident
///
/// Says that somebody is on it. The first one to say so counts; the second time changes nothing.
#[utoipa::path(operation_id = "acknowledgeIncident", tag = "Incidents", params(IncidentPath), responses(
    (status = 200, description = "The incident as it is now", body = IncidentWithEvidenceView)))]
#[post("/v1/incidents/{incident_id}/acknowledge")]
pub(super) async fn acknowledge_incident(
    asked: Permitted<IncidentsWrite, At<IncidentPath>>,
) -> Result<Json<IncidentWithEvidenceView>, Problem> {
    let Permitted(mut caller, path) = asked;
    let (id, now) = (path.id()?, caller.now);
    let incident = incident::find_held(&mut caller.tx, id).await?.ok_or_else(IncidentPath::absent)?;
    if incident::acknowledged(&mut caller.tx, id).await?.is_none() {
        let by = caller.actor.to_string();
        incident::acknowledge(&mut caller.tx, id, &by, now).await?;
        let entry = incident::Entry { at: now, what: "acknowledged".to_owned(), who: by, note: None };
        incident::add_entry(&mut caller.tx, &incident, &entry).await?;
        caller.audit("incident.acknowledged", id, Some(incident.tenant), json!({})).await?;
    }
    let view = read(&mut caller, id).await?;
    caller.commit().await?;
    Ok(Json(view))
}
