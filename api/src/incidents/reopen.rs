//! It began again.

use actix_web::post;
use actix_web::web::Json;
use daimon_verdict::life::Change;

use super::asked::MoveNote;
use super::moving::{answer, held, moved};
use super::view::IncidentWithEvidenceView;
use crate::caller::{IncidentsWrite, Permitted};
use crate::input::Body;
use crate::path::{At, IncidentPath};
use crate::problem::Problem;

/// Reopen an incident
///
/// Says that it is not over, or was no false alarm. What was to be done for its containment is to be done again, and what
/// `this_was_us` taught is forgotten.
#[utoipa::path(operation_id = "reopenIncident", tag = "Incidents", params(IncidentPath), request_body = MoveNote, responses(
    (status = 200, description = "The incident as it is now", body = IncidentWithEvidenceView),
    (status = 409, description = "`wrong_state`: it is open. `conflict`: there is another live one of its cause")))]
#[post("/v1/incidents/{incident_id}/reopen")]
pub(super) async fn reopen_incident(
    asked: Permitted<IncidentsWrite, (At<IncidentPath>, Body<MoveNote>)>,
) -> Result<Json<IncidentWithEvidenceView>, Problem> {
    let Permitted(mut caller, (path, body)) = asked;
    let before = held(&mut caller, path.id()?).await?;
    let told = moved(&mut caller, &before, Change::Reopen, body.value.note).await?;
    answer(caller, &before, &told).await
}
