//! What is told of an incident, and what a maintenance window holds back until it ends.

use chrono::{DateTime, Utc};
use daimon_domain::event::EventType;
use daimon_domain::id::IncidentId;
use daimon_domain::incident::Incident;

use crate::{MspTx, StoreError, maintenance, row};

/// What of an incident is told now that `kind` happened to it. `None`: nothing. In a maintenance window that is noted for its
/// end; whoever was told of nothing so far hears first that the incident opened, and of one that is over, nothing.
///
/// Hold the incident first (`find_held`, `live_for_mailbox`), or just have made it.
pub async fn telling(
    tx: &mut MspTx,
    incident: &Incident,
    kind: EventType,
    now: DateTime<Utc>,
) -> Result<Option<EventType>, StoreError> {
    if incident.drill.is_some() {
        // Somebody asked for it.
        return Ok(Some(kind));
    }
    let held = held(tx, incident.id).await?;
    if let Some(until) = maintenance::holds_until(tx, incident.tenant, incident.mailbox, now).await? {
        hold(tx, incident.id, both(held, kind), until).await?;
        return Ok(None);
    }
    let Some(held) = held else { return Ok(Some(kind)) };
    let_go(tx, incident.id).await?;
    let is_news_to_all = held == EventType::IncidentOpened;
    Ok(if is_news_to_all { Some(held).filter(|_| incident.state.is_live()) } else { Some(kind) })
}

/// What is told of an incident whose time to be held back may be over. `None`: nothing, or not yet.
pub async fn release(tx: &mut MspTx, incident: &Incident, now: DateTime<Utc>) -> Result<Option<EventType>, StoreError> {
    let Some(held) = held(tx, incident.id).await? else { return Ok(None) };
    let window = maintenance::holds_until(tx, incident.tenant, incident.mailbox, now).await?;
    // Nobody wants to hear of one that sleeps; waking tells.
    let asleep = incident.life.snooze.as_ref().filter(|_| incident.state.is_live()).map(|snooze| snooze.until);
    if let Some(until) = window.or(asleep.filter(|until| *until > now)) {
        hold(tx, incident.id, held, until).await?;
        return Ok(None);
    }
    let_go(tx, incident.id).await?;
    Ok(Some(held).filter(|held| *held != EventType::IncidentOpened || incident.state.is_live()))
}

/// What two things that were not told come to.
fn both(before: Option<EventType>, kind: EventType) -> EventType {
    match (before, kind) {
        (Some(EventType::IncidentOpened), _) => EventType::IncidentOpened,
        (Some(before), EventType::IncidentUpdated) => before,
        (Some(_) | None, kind) => kind,
    }
}

async fn held(tx: &mut MspTx, id: IncidentId) -> Result<Option<EventType>, StoreError> {
    let held = sqlx::query_scalar!("select held_event from incident where incident_id = $1", id.as_uuid())
        .fetch_optional(tx.conn())
        .await?;
    row::maybe_text("incident", held.flatten().as_deref())
}

async fn hold(tx: &mut MspTx, id: IncidentId, kind: EventType, until: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update incident set held_event = $2, held_until = $3 where incident_id = $1",
        id.as_uuid(),
        kind.as_str(),
        until
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn let_go(tx: &mut MspTx, id: IncidentId) -> Result<(), StoreError> {
    sqlx::query!("update incident set held_event = null, held_until = null where incident_id = $1", id.as_uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_heard_of_is_told_as_opened_and_otherwise_the_last_move() {
        use EventType::{
            IncidentClosed as Closed, IncidentContained as Contained, IncidentOpened as Opened,
            IncidentUpdated as Updated,
        };
        let come_to = |all: &[EventType]| all.iter().fold(None, |before, kind| Some(both(before, *kind)));
        assert_eq!(come_to(&[Opened, Updated, Contained, Closed]), Some(Opened));
        assert_eq!(come_to(&[Updated, Contained, Updated]), Some(Contained));
        assert_eq!(come_to(&[Updated, Updated]), Some(Updated));
        assert_eq!(come_to(&[Contained, Closed]), Some(Closed));
    }
}
