//! Writing something down.

use actix_web::{HttpResponse, post};
use daimon_store::incident;

use super::asked::NewComment;
use super::moving::{held, note};
use super::view::EntryView;
use crate::caller::{IncidentsWrite, Permitted};
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::{At, IdempotencyKeyHeader, IncidentPath};
use crate::problem::Problem;

/// Comment on an incident
///
/// Adds a line to its story. Nobody is told; who reads the incident reads it.
#[utoipa::path(operation_id = "commentIncident", tag = "Incidents", params(IncidentPath, IdempotencyKeyHeader), request_body = NewComment, responses(
    (status = 201, description = "The line", body = EntryView, headers(("Location", description = "Where it is read")))))]
#[post("/v1/incidents/{incident_id}/comments")]
pub(super) async fn comment_incident(
    asked: Permitted<IncidentsWrite, (At<IncidentPath>, IdempotencyKey, Body<NewComment>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, once, body)) = asked;
    let id = path.id()?;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let commented = held(&mut caller, id).await?;
    let (what, text) = ("commented", body.value.text);
    note(&mut caller, &commented, what, Some(text.clone())).await?;
    let entry =
        incident::Entry { at: caller.now, what: what.to_owned(), who: caller.actor.to_string(), note: Some(text) };
    let made = Created { location: format!("/v1/incidents/{id}"), version: None, view: EntryView::from(entry) };
    once.created(caller, made).await
}
