//! The same incident in other systems.

use actix_web::{HttpResponse, delete, post};
use daimon_domain::id::TicketId;
use daimon_store::incident::{self, Ticket};

use super::asked::NewTicket;
use super::moving::{held, note};
use super::view::TicketView;
use crate::caller::{IncidentsWrite, Permitted};
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::{At, IdempotencyKeyHeader, IncidentPath, TicketPath};
use crate::problem::Problem;

/// Link an incident to a ticket
///
/// Writes down what it is called in another system, so that people find from one to the other. An incident may have several.
#[utoipa::path(operation_id = "linkIncidentTicket", tag = "Incidents", params(IncidentPath, IdempotencyKeyHeader), request_body = NewTicket, responses(
    (status = 201, description = "The link", body = TicketView, headers(("Location", description = "Where it is read"))),
    (status = 409, description = "`conflict`: it is linked already")))]
#[post("/v1/incidents/{incident_id}/tickets")]
pub(super) async fn link_ticket(
    asked: Permitted<IncidentsWrite, (At<IncidentPath>, IdempotencyKey, Body<NewTicket>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, once, body)) = asked;
    let id = path.id()?;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let linked = held(&mut caller, id).await?;
    let NewTicket { system, reference, url } = body.value;
    let ticket = Ticket {
        id: TicketId::new(caller.now, caller.service.sources.entropy()),
        system,
        reference,
        url,
        linked_at: caller.now,
        linked_by: caller.actor.to_string(),
    };
    incident::link(&mut caller.tx, &linked, &ticket).await?;
    note(&mut caller, &linked, "ticket_linked", Some(format!("{} {}", ticket.system, ticket.reference))).await?;
    let made = Created { location: format!("/v1/incidents/{id}"), version: None, view: TicketView::from(ticket) };
    once.created(caller, made).await
}

/// Unlink an incident from a ticket
///
/// Takes the link away; the ticket itself is not touched.
#[utoipa::path(operation_id = "unlinkIncidentTicket", tag = "Incidents", params(TicketPath), responses(
    (status = 204, description = "It is linked no more")))]
#[delete("/v1/incidents/{incident_id}/tickets/{ticket_id}")]
pub(super) async fn unlink_ticket(asked: Permitted<IncidentsWrite, At<TicketPath>>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let id = path.incident_id.parse().map_err(|_malformed| IncidentPath::absent())?;
    let unlinked = held(&mut caller, id).await?;
    let ticket = path.ticket_id.parse().map_err(|_malformed| Problem::NotFound("ticket"))?;
    if !incident::unlink(&mut caller.tx, id, ticket).await? {
        return Err(Problem::NotFound("ticket"));
    }
    note(&mut caller, &unlinked, "ticket_unlinked", None).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
