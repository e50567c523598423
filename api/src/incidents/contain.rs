//! The way in is shut.

use actix_web::post;
use actix_web::web::Json;
use chrono::TimeDelta;
use daimon_store::bounce;
use daimon_verdict::life::Change;

use super::asked::Containment;
use super::moving::{answer, held, moved};
use super::view::IncidentWithEvidenceView;
use crate::caller::{IncidentsWrite, Permitted};
use crate::input::Body;
use crate::path::{At, IncidentPath};
use crate::problem::Problem;

/// Queues and clocks lag: mail that was submitted this soon after may have been before.
const MARGIN: TimeDelta = TimeDelta::minutes(10);

/// State that an incident is contained
///
/// States since when nobody can send with what was stolen. The steps of its playbook with the gate `contained` come first: the
/// answer 409 lists those that are missing. An incident also gets there by itself, when its steps are done and the old
/// password is seen refused twice while the new one works.
#[utoipa::path(operation_id = "containIncident", tag = "Incidents", params(IncidentPath), request_body = Containment, responses(
    (status = 200, description = "The incident as it is now", body = IncidentWithEvidenceView),
    (status = 409, description = "`steps_missing`: steps of the playbook come first. `still_sending`: mail went out after that time. `wrong_state`: it is contained already, or over")))]
#[post("/v1/incidents/{incident_id}/contain")]
pub(super) async fn contain_incident(
    asked: Permitted<IncidentsWrite, (At<IncidentPath>, Body<Containment>)>,
) -> Result<Json<IncidentWithEvidenceView>, Problem> {
    let Permitted(mut caller, (path, body)) = asked;
    let before = held(&mut caller, path.id()?).await?;
    let Containment { at, by, note } = body.value;
    if at.is_some_and(|at| at > caller.now) {
        return Err(Problem::invalid("/at", "lies in the future"));
    }
    let at = at.or(before.life.refused_since).unwrap_or(caller.now);
    let by = by.map(|by| format!("by {by}"));
    let story = [Some(format!("since {}", at.format("%F %T UTC"))), by, note].into_iter().flatten();
    let story = story.collect::<Vec<_>>().join("; ");
    let told = moved(&mut caller, &before, Change::Contain { at, is_stated: true }, Some(story)).await?;
    // One recipient may be a clock that goes wrong; from two on somebody sends.
    let later = bounce::sent_after(&mut caller.tx, before.id, at + MARGIN).await?;
    if later >= 2 {
        return Err(Problem::StillSending(later));
    }
    answer(caller, &before, &told).await
}
