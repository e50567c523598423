//! Whose it is.

use actix_web::post;
use actix_web::web::Json;
use daimon_store::incident;

use super::asked::Assignment;
use super::moving::{answer, held, next, note};
use super::view::IncidentWithEvidenceView;
use crate::caller::{IncidentsWrite, Permitted};
use crate::input::Body;
use crate::path::{At, IncidentPath};
use crate::problem::Problem;

/// Assign an incident
///
/// Writes down who works on it, in words of your own, or that nobody does. The last one to say so counts.
#[utoipa::path(operation_id = "assignIncident", tag = "Incidents", params(IncidentPath), request_body = Assignment, responses(
    (status = 200, description = "The incident as it is now", body = IncidentWithEvidenceView)))]
#[post("/v1/incidents/{incident_id}/assign")]
pub(super) async fn assign_incident(
    asked: Permitted<IncidentsWrite, (At<IncidentPath>, Body<Assignment>)>,
) -> Result<Json<IncidentWithEvidenceView>, Problem> {
    let Permitted(mut caller, (path, body)) = asked;
    let before = held(&mut caller, path.id()?).await?;
    let assignee = body.value.assignee;
    if before.life.assignee != assignee {
        let mut after = next(&caller, &before);
        after.life.assignee.clone_from(&assignee);
        incident::update(&mut caller.tx, &after).await?;
        note(&mut caller, &after, "assigned", assignee).await?;
    }
    answer(caller, &before, &[]).await
}
