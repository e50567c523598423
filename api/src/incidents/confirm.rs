//! "It is one: I have seen it."

use actix_web::post;
use actix_web::web::Json;
use daimon_verdict::life::{Change, is_confirmed};

use super::asked::MoveNote;
use super::moving::{answer, held, moved};
use super::view::IncidentWithEvidenceView;
use crate::caller::{IncidentsWrite, Permitted};
use crate::input::Body;
use crate::path::{At, IncidentPath};
use crate::problem::Problem;

/// Confirm that a mailbox was taken over
///
/// States that a person has seen the takeover: in the provider's list of sign-ins, in a rule that nobody made, in mail that the owner did
/// not write. The incident is then as sure as it gets (`confirmed`) and stays so until it is contained or dismissed. One that is
/// `undetermined` becomes an `account_takeover`. The second time changes nothing.
#[utoipa::path(operation_id = "confirmIncident", tag = "Incidents", params(IncidentPath), request_body = MoveNote, responses(
    (status = 200, description = "The incident as it is now", body = IncidentWithEvidenceView),
    (status = 409, description = "`wrong_state`: it is contained or over. `conflict`: it has another cause than a takeover")))]
#[post("/v1/incidents/{incident_id}/confirm")]
pub(super) async fn confirm_incident(
    asked: Permitted<IncidentsWrite, (At<IncidentPath>, Body<MoveNote>)>,
) -> Result<Json<IncidentWithEvidenceView>, Problem> {
    let Permitted(mut caller, (path, body)) = asked;
    let before = held(&mut caller, path.id()?).await?;
    if is_confirmed(&before) {
        return answer(caller, &before, &[]).await;
    }
    let told = moved(&mut caller, &before, Change::Confirm, body.value.note).await?;
    answer(caller, &before, &told).await
}
