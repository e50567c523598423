//! A move of an incident, whoever makes it: incident, steps, story, event with its deliveries and audit log, in one transaction.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use daimon_domain::clock::Entropy;
use daimon_domain::event::EventType;
use daimon_domain::id::{AuditId, DeliveryId, IncidentId};
use daimon_domain::incident::{Incident, Moved};
use serde_json::json;

use super::{Entry, StepDone, StepState, add_entry, set_step, steps, telling, update};
use crate::{MspTx, StoreError, audit, campaign, event, old_credential};

/// Who moves it, and what they say.
#[derive(Clone, Debug)]
pub struct Note {
    /// A key's id, or `daimon`.
    pub who: String,
    /// In their words.
    pub note: Option<String>,
}

/// Writes the body of an event of that type.
pub type Body<'a> = &'a (dyn Fn(EventType) -> String + Sync);

/// Tells of an incident, unless a maintenance window holds it back.
pub async fn tell(
    tx: &mut MspTx,
    incident: &Incident,
    kind: EventType,
    at: DateTime<Utc>,
    body: Body<'_>,
    entropy: &dyn Entropy,
) -> Result<Vec<DeliveryId>, StoreError> {
    let Some(kind) = telling(tx, incident, kind, at).await? else { return Ok(Vec::new()) };
    tell_now(tx, incident, kind, at, body, entropy).await
}

/// Tells of an incident, whatever holds it back.
pub async fn tell_now(
    tx: &mut MspTx,
    incident: &Incident,
    kind: EventType,
    at: DateTime<Utc>,
    body: Body<'_>,
    entropy: &dyn Entropy,
) -> Result<Vec<DeliveryId>, StoreError> {
    let told = event::New { kind, at, body: body(kind), verdict: Some(incident.verdict), drill: incident.drill };
    event::tell(tx, told, Some(incident.tenant), Some(incident.severity), entropy).await
}

/// The steps that are done or skipped.
pub async fn settled(tx: &mut MspTx, incident: IncidentId) -> Result<BTreeSet<String>, StoreError> {
    let touched = steps(tx, incident).await?;
    Ok(touched.into_iter().filter(|step| step.state != StepState::Open).map(|step| step.step).collect())
}

/// Writes a move. `None`: somebody else was faster; roll back. Otherwise the deliveries, to be hinted after the commit.
///
/// Hold the incident first (`find_held`, `live_for_mailbox`).
pub async fn write_move(
    tx: &mut MspTx,
    moved: &Moved,
    note: &Note,
    body: Option<Body<'_>>,
    entropy: &dyn Entropy,
) -> Result<Option<Vec<DeliveryId>>, StoreError> {
    let Moved { incident, what, event, settled, repeated } = moved;
    let at = incident.updated_at;
    if !update(tx, incident).await? {
        return Ok(None);
    }
    for (ids, state) in [(settled, StepState::Done), (repeated, StepState::Open)] {
        for id in ids {
            let step = StepDone { step: (*id).to_owned(), state, by: "daimon".to_owned(), at, note: None };
            set_step(tx, incident, &step).await?;
        }
    }
    let is_reopened = *event == EventType::IncidentReopened;
    if is_reopened || !incident.state.is_live() {
        // Over, or begun again: in both cases it proves nothing any more.
        old_credential::erase(tx, incident.id).await?;
    }
    if is_reopened {
        // That takes back "this was us".
        campaign::delete_of_incident(tx, incident.id).await?;
    }
    let entry = Entry { at, what: (*what).to_owned(), who: note.who.clone(), note: note.note.clone() };
    add_entry(tx, incident, &entry).await?;
    let tenant = Some(incident.tenant);
    let deliveries = match body {
        Some(body) => tell(tx, incident, *event, at, body, entropy).await?,
        None => Vec::new(),
    };
    // The log's end is held by whoever adds to it, so it comes last.
    let entry = audit::NewEntry {
        id: AuditId::new(at, entropy),
        tenant,
        at,
        actor: note.who.clone(),
        action: format!("incident.{what}"),
        subject: incident.id.to_string(),
        detail: json!({ "state": incident.state, "dismissal": incident.life.dismissal }),
    };
    audit::append(tx, &entry).await?;
    Ok(Some(deliveries))
}
