//! Moving an incident, and telling of it, in the request's transaction.

use actix_web::web::Json;
use daimon_domain::id::{DeliveryId, IncidentId};
use daimon_domain::incident::{Incident, Moved};
use daimon_store::{incident, mailbox, tenant};
use daimon_verdict::life::{self, Change};
use daimon_verdict::telling::{Subject, body, of_incident};

use super::get::read;
use super::view::IncidentWithEvidenceView;
use crate::caller::Caller;
use crate::path::IncidentPath;
use crate::problem::Problem;

/// An incident, held until the request ends.
pub(super) async fn held<P>(caller: &mut Caller<P>, id: IncidentId) -> Result<Incident, Problem> {
    incident::find_held(&mut caller.tx, id).await?.ok_or_else(IncidentPath::absent)
}

/// Moves it as somebody asks, and then as far as evidence and time do; answers whom to tell after the commit.
pub(super) async fn moved<P>(
    caller: &mut Caller<P>,
    incident: &Incident,
    change: Change,
    note: Option<String>,
) -> Result<Vec<DeliveryId>, Problem> {
    let settled = incident::settled(&mut caller.tx, incident.id).await?;
    let moved = life::change(incident, change, &settled, caller.now)?;
    let who = caller.actor.to_string();
    let mut deliveries = write(caller, &moved, who, note).await?;
    deliveries.extend(go_on(caller, moved.incident).await?);
    Ok(deliveries)
}

/// Moves it as far as evidence and time do.
pub(super) async fn go_on<P>(caller: &mut Caller<P>, mut incident: Incident) -> Result<Vec<DeliveryId>, Problem> {
    let mut deliveries = Vec::new();
    loop {
        let settled = incident::settled(&mut caller.tx, incident.id).await?;
        let next = match life::by_itself(&incident, &settled, caller.now) {
            // Whether nothing came since is for the worker to say, which looks into the mailbox.
            None | Some(Change::Monitor | Change::Close | Change::Wake | Change::Confirm) => return Ok(deliveries),
            Some(next) => life::change(&incident, next, &settled, caller.now)?,
        };
        deliveries.extend(write(caller, &next, "daimon".to_owned(), None).await?);
        incident = next.incident;
    }
}

/// Ends the request: keeps what was done, says that deliveries wait, and answers the incident as it is now.
pub(super) async fn answer<P>(
    mut caller: Caller<P>,
    incident: &Incident,
    deliveries: &[DeliveryId],
) -> Result<Json<IncidentWithEvidenceView>, Problem> {
    let view = read(&mut caller, incident.id).await?;
    let (service, msp) = (caller.service.clone(), caller.msp);
    caller.commit().await?;
    service.hint_deliveries(msp, incident.tenant, deliveries).await;
    Ok(Json(view))
}

/// Writes a line of the story with a change that nobody is told of.
pub(super) async fn note<P>(
    caller: &mut Caller<P>,
    after: &Incident,
    what: &'static str,
    note: Option<String>,
) -> Result<(), Problem> {
    let entry = incident::Entry { at: caller.now, what: what.to_owned(), who: caller.actor.to_string(), note };
    incident::add_entry(&mut caller.tx, after, &entry).await?;
    caller.audit(&format!("incident.{what}"), after.id, Some(after.tenant), serde_json::json!({})).await
}

/// The same incident, to be changed and written.
pub(super) fn next<P>(caller: &Caller<P>, before: &Incident) -> Incident {
    Incident { sequence: before.sequence + 1, updated_at: caller.now, ..before.clone() }
}

async fn write<P>(
    caller: &mut Caller<P>,
    moved: &Moved,
    who: String,
    note: Option<String>,
) -> Result<Vec<DeliveryId>, Problem> {
    let incident = &moved.incident;
    let tenant = tenant::find(&mut caller.tx, incident.tenant).await?.ok_or_else(IncidentPath::absent)?;
    let mailbox = mailbox::find(&mut caller.tx, incident.mailbox).await?.ok_or_else(IncidentPath::absent)?;
    let data = of_incident(Subject { tenant: &tenant, mailbox: &mailbox, drill: incident.drill }, incident);
    let told = |kind| body(kind, incident.updated_at, &data);
    let by = incident::Note { who, note };
    let service = caller.service.clone();
    let written = incident::write_move(&mut caller.tx, moved, &by, Some(&told), service.sources.entropy()).await?;
    written.ok_or(Problem::Busy("Somebody else has just moved it."))
}
