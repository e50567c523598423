//! Mailboxes of the same tenant with the password of a stolen one: the thief can sign in to each. They are read every
//! minute until they have another password, or the incident is over.

use chrono::{DateTime, Utc};
use daimon_domain::clock::Entropy;
use daimon_domain::event::EventType;
use daimon_domain::id::DeliveryId;
use daimon_domain::incident::Incident;
use daimon_domain::verdict::{Tier, Verdict};
use daimon_store::{MspTx, StoreError, incident, mailbox, sibling};
use serde_json::json;

use super::tell::{self, Subject, of_mailbox};

/// Finds those that were not found before, makes them due, and tells of each.
pub(super) async fn watch(
    tx: &mut MspTx,
    subject: Subject<'_>,
    stolen: &Incident,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<Vec<DeliveryId>, StoreError> {
    let is_stolen = stolen.verdict == Verdict::AccountTakeover && stolen.tier >= Tier::Suspected;
    // Nothing has been stolen in a drill.
    if !is_stolen || subject.drill.is_some() {
        return Ok(Vec::new());
    }
    let found = sibling::note(tx, stolen, now).await?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    sibling::wake(tx, &found, now).await?;
    let (what, note) = ("siblings_found".to_owned(), Some(found.len().to_string()));
    let entry = incident::Entry { at: now, what, who: "daimon".to_owned(), note };
    incident::add_entry(tx, stolen, &entry).await?;
    let mut deliveries = Vec::new();
    for id in found {
        let Some(mailbox) = mailbox::find(tx, id).await? else { continue };
        let about = Subject { tenant: subject.tenant, mailbox: &mailbox, drill: None };
        let data = of_mailbox(about, &[("because", json!("same_password")), ("incident_id", json!(stolen.id))]);
        let kind = EventType::MailboxWatched;
        deliveries.extend(tell::tell(tx, about, kind, Some(stolen.severity), &data, now, entropy).await?);
        tracing::info!(mailbox.id = %id, incident.id = %stolen.id, "mailbox {id} has the password of a stolen one");
    }
    Ok(deliveries)
}
