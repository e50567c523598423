//! Moving an incident's bounces out of the way, and back.

use actix_web::{HttpResponse, post};
use daimon_domain::job::JobKind;
use daimon_domain::tidying::may_be_tidied;
use daimon_store::mailbox;

use super::asked::TidyRequest;
use super::errand::{Errand, begin};
use super::moving::held;
use crate::caller::{IncidentsWrite, Permitted};
use crate::idempotency::IdempotencyKey;
use crate::input::Body;
use crate::jobs::JobView;
use crate::path::{At, IdempotencyKeyHeader, IncidentPath};
use crate::problem::Problem;

/// Mails of a mailbox are moved one way at a time.
const MOVING: Errand = Errand {
    kind: JobKind::Untidy,
    is_dry_run: false,
    beside_none_of: &[JobKind::Tidy, JobKind::Untidy],
    in_the_way: "Mails of this mailbox are being moved. Ask again when that job has ended.",
};

/// Move an incident's bounces to a folder
///
/// Moves the bounces that were judged to belong to the incident out of INBOX into the folder of the mailbox's `tidying`, and answers
/// with a job. For a confirmed incident only, and only where the mailbox names a folder. Each mail is looked at again first: what
/// has gone or says something else is left alone, and so is what a filter, a rule or the owner has put into another folder, and
/// what was counted and not read (`bounces_unread`). Nothing is marked as read. With `dry_run` nothing is moved: the job says how many
/// mails would be. What comes later is moved by the next one. The second time it moves nothing twice.
#[utoipa::path(operation_id = "tidyIncident", tag = "Incidents", params(IncidentPath, IdempotencyKeyHeader), request_body = TidyRequest, responses(
    (status = 202, description = "The job", body = JobView, headers(("Location", description = "Where to see how it goes"))),
    (status = 409, description = "`conflict`: the incident is not confirmed or a drill made it up, or the mailbox names no folder or is being deleted. `busy`: mails of it are being moved for something else")))]
#[post("/v1/incidents/{incident_id}/tidy")]
pub(super) async fn tidy_incident(
    asked: Permitted<IncidentsWrite, (At<IncidentPath>, IdempotencyKey, Body<TidyRequest>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, once, body)) = asked;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let incident = held(&mut caller, path.id()?).await?;
    if incident.drill.is_some() {
        return Err(Problem::Conflict("A drill made it up: there are no mails to move."));
    }
    if !may_be_tidied(&incident) {
        return Err(Problem::Conflict("It is not confirmed. Mails are moved only where nobody doubts what they are."));
    }
    let mailbox = mailbox::find(&mut caller.tx, incident.mailbox).await?.ok_or_else(IncidentPath::absent)?;
    if mailbox.tidying.is_none() {
        return Err(Problem::Conflict("Its mailbox names no folder to move mails to: see the mailbox's `tidying`."));
    }
    let moving = Errand { kind: JobKind::Tidy, is_dry_run: body.value.dry_run.unwrap_or(false), ..MOVING };
    begin(caller, once, &incident, moving).await
}

/// Move an incident's bounces back
///
/// Moves what was moved for the incident back into the folder where it lay, and answers with a job, which says what could not
/// be found: the owner may have deleted it. Also after the mailbox's `tidying` has ended. The second time it moves nothing.
/// What comes back is not counted again.
#[utoipa::path(operation_id = "untidyIncident", tag = "Incidents", params(IncidentPath, IdempotencyKeyHeader), responses(
    (status = 202, description = "The job", body = JobView, headers(("Location", description = "Where to see how it goes"))),
    (status = 409, description = "`busy`: mails of the mailbox are being moved for something else. `conflict`: it is being deleted")))]
#[post("/v1/incidents/{incident_id}/untidy")]
pub(super) async fn untidy_incident(
    asked: Permitted<IncidentsWrite, (At<IncidentPath>, IdempotencyKey)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, once)) = asked;
    let once = match once.begin(&mut caller, &actix_web::web::Bytes::new()).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let incident = held(&mut caller, path.id()?).await?;
    begin(caller, once, &incident, MOVING).await
}
