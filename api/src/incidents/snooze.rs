//! Being told nothing for a while.

use actix_web::post;
use actix_web::web::Json;
use chrono::TimeDelta;
use daimon_domain::incident::Snooze;
use daimon_store::incident;
use daimon_verdict::life::Change;

use super::asked::NewSnooze;
use super::moving::{answer, held, moved, next, note};
use super::view::IncidentWithEvidenceView;
use crate::caller::{IncidentsWrite, Permitted};
use crate::input::Body;
use crate::path::{At, IncidentPath};
use crate::problem::Problem;

const LONGEST: TimeDelta = TimeDelta::days(90);

/// Snooze an incident
///
/// Tells nobody of changes until then, with a reason and an end of at most 90 days. A higher tier wakes it, and so does mail
/// that goes out after the containment. What happens meanwhile is in its story.
#[utoipa::path(operation_id = "snoozeIncident", tag = "Incidents", params(IncidentPath), request_body = NewSnooze, responses(
    (status = 200, description = "The incident as it is now", body = IncidentWithEvidenceView),
    (status = 409, description = "`wrong_state`: it is over")))]
#[post("/v1/incidents/{incident_id}/snooze")]
pub(super) async fn snooze_incident(
    asked: Permitted<IncidentsWrite, (At<IncidentPath>, Body<NewSnooze>)>,
) -> Result<Json<IncidentWithEvidenceView>, Problem> {
    let Permitted(mut caller, (path, body)) = asked;
    let before = held(&mut caller, path.id()?).await?;
    let NewSnooze { reason, until } = body.value;
    if until <= caller.now || until > caller.now + LONGEST {
        return Err(Problem::invalid("/until", "is not within the next 90 days"));
    }
    if !before.state.is_live() {
        return Err(Problem::WrongState(before.state));
    }
    let mut after = next(&caller, &before);
    let told = format!("until {}: {reason}", until.format("%F %T UTC"));
    after.life.snooze = Some(Snooze { until, reason, tier: before.tier });
    incident::update(&mut caller.tx, &after).await?;
    note(&mut caller, &after, "snoozed", Some(told)).await?;
    answer(caller, &before, &[]).await
}

/// Wake an incident
///
/// Ends a snooze before its time: you are told of changes again. One that is not snoozed stays as it is.
#[utoipa::path(operation_id = "unsnoozeIncident", tag = "Incidents", params(IncidentPath), responses(
    (status = 200, description = "The incident as it is now", body = IncidentWithEvidenceView)))]
#[post("/v1/incidents/{incident_id}/unsnooze")]
pub(super) async fn unsnooze_incident(
    asked: Permitted<IncidentsWrite, At<IncidentPath>>,
) -> Result<Json<IncidentWithEvidenceView>, Problem> {
    let Permitted(mut caller, path) = asked;
    let before = held(&mut caller, path.id()?).await?;
    let is_asleep = before.life.snooze.is_some() && before.state.is_live();
    let told = if is_asleep { moved(&mut caller, &before, Change::Wake, None).await? } else { Vec::new() };
    answer(caller, &before, &told).await
}
