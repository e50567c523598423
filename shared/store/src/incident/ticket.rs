//! The same incident in other systems.

use chrono::{DateTime, Utc};
use daimon_domain::id::{IncidentId, TicketId};
use daimon_domain::incident::Incident;

use crate::{MspTx, StoreError};

/// A link to a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Its id here.
    pub id: TicketId,
    /// In which system, such as `halopsa`.
    pub system: String,
    /// What it is called there.
    pub reference: String,
    /// Where to read it.
    pub url: Option<String>,
    /// When it was linked.
    pub linked_at: DateTime<Utc>,
    /// Who linked it: a key's id.
    pub linked_by: String,
}

/// The tickets of an incident, oldest first.
pub async fn tickets(tx: &mut MspTx, incident: IncidentId) -> Result<Vec<Ticket>, StoreError> {
    let rows = sqlx::query!(
        "select ticket_id, system, reference, url, linked_at, linked_by from incident_ticket where incident_id = $1
        order by ticket_id",
        incident.as_uuid()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Ticket {
            id: TicketId::from_uuid(row.ticket_id),
            system: row.system,
            reference: row.reference,
            url: row.url,
            linked_at: row.linked_at,
            linked_by: row.linked_by,
        })
        .collect())
}

/// Links a ticket. `Conflict { incident_ticket_once }`: it is linked already.
pub async fn link(tx: &mut MspTx, incident: &Incident, ticket: &Ticket) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into incident_ticket
            (msp_id, tenant_id, incident_id, ticket_id, system, reference, url, linked_at, linked_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        msp,
        incident.tenant.as_uuid(),
        incident.id.as_uuid(),
        ticket.id.as_uuid(),
        ticket.system,
        ticket.reference,
        ticket.url,
        ticket.linked_at,
        ticket.linked_by
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes a link away; `false` when the incident has no such link.
pub async fn unlink(tx: &mut MspTx, incident: IncidentId, ticket: TicketId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "delete from incident_ticket where incident_id = $1 and ticket_id = $2",
        incident.as_uuid(),
        ticket.as_uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
