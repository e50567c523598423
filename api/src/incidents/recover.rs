//! The damage is repaired.

use actix_web::post;
use actix_web::web::Json;
use daimon_domain::incident::IncidentState;
use daimon_verdict::life::Change;

use super::asked::MoveNote;
use super::moving::{answer, held, moved, note};
use super::view::IncidentWithEvidenceView;
use crate::caller::{IncidentsWrite, Permitted};
use crate::input::Body;
use crate::path::{At, IncidentPath};
use crate::problem::Problem;

/// State that an incident is recovered from
///
/// States that the damage is repaired. The steps of its playbook with the gate `recovered` come first: the answer 409 lists
/// those that are missing; where the last of them has moved it already, only the note is kept. It closes by itself when the last late bounce may have come (`closes_at`).
#[utoipa::path(operation_id = "recoverIncident", tag = "Incidents", params(IncidentPath), request_body = MoveNote, responses(
    (status = 200, description = "The incident as it is now", body = IncidentWithEvidenceView),
    (status = 409, description = "`steps_missing`: steps of the playbook come first. `wrong_state`: it is not monitored: not yet, for a day after it was contained, or it is over")))]
#[post("/v1/incidents/{incident_id}/recover")]
pub(super) async fn recover_incident(
    asked: Permitted<IncidentsWrite, (At<IncidentPath>, Body<MoveNote>)>,
) -> Result<Json<IncidentWithEvidenceView>, Problem> {
    let Permitted(mut caller, (path, body)) = asked;
    let before = held(&mut caller, path.id()?).await?;
    if before.state == IncidentState::Recovered {
        if let Some(text) = body.value.note {
            note(&mut caller, &before, "commented", Some(text)).await?;
        }
        return answer(caller, &before, &[]).await;
    }
    let told = moved(&mut caller, &before, Change::Recover, body.value.note).await?;
    answer(caller, &before, &told).await
}
