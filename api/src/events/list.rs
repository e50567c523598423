//! What happened since.

use actix_web::get;
use actix_web::web::Json;
use daimon_store::event::{self, Placed};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::view::{EventPage, EventView, ListEvents};
use crate::caller::{Caller, EventsRead, Permitted};
use crate::input::Query;
use crate::page::{Cursors, DEFAULT_LIMIT};
use crate::problem::{FieldError, Problem};

/// List events
///
/// What happened after an event that you have, oldest first, with the bodies that webhooks have. Nothing is skipped,
/// however late it was written: keep the last `cursor`, and ask again with it as `after`. `next` is null when there is no more for now.
#[utoipa::path(operation_id = "listEvents", tag = "Events", params(ListEvents), responses(
    (status = 200, description = "Events in their order", body = EventPage)))]
#[get("/v1/events")]
pub(super) async fn list_events(asked: Permitted<EventsRead, Query<ListEvents>>) -> Result<Json<EventPage>, Problem> {
    let Permitted(mut caller, query) = asked;
    let limit = query.0.limit.unwrap_or(DEFAULT_LIMIT);
    let cursors = cursors(&caller);
    let after = match query.0.after.as_deref() {
        Some(cursor) => place(&cursors, cursor).map_err(|_refused| not_a_cursor())?,
        None => 0,
    };
    let mut placed = event::list_after(&mut caller.tx, after, limit.saturating_add(1)).await?;
    let is_more = placed.len() > usize::from(limit);
    placed.truncate(usize::from(limit));
    let items: Vec<EventView> = placed.into_iter().map(|placed| view(&cursors, placed)).collect::<Result<_, _>>()?;
    caller.commit().await?;
    let next = items.last().filter(|_last| is_more).map(|last| last.cursor.clone());
    Ok(Json(EventPage { items, next }))
}

/// The place in the order belongs to the MSP: it outlives the key that read up to there.
pub(super) fn cursors<P>(caller: &Caller<P>) -> Cursors {
    Cursors::new(caller.service.master.keyed_hash(caller.msp), caller.msp.as_uuid(), "events", &())
}

/// The position that a cursor names.
pub(super) fn place(cursors: &Cursors, cursor: &str) -> Result<i64, Problem> {
    let place = cursors.read(Some(cursor))?;
    Ok(place.and_then(|place| i64::try_from(place.as_u128()).ok()).unwrap_or(0))
}

/// An event as it is listed.
pub(super) fn view(cursors: &Cursors, placed: Placed) -> Result<EventView, Problem> {
    Ok(EventView {
        id: placed.event.id,
        r#type: placed.event.kind,
        occurred_at: placed.event.occurred_at,
        cursor: cursors.after(Uuid::from_u128(u128::try_from(placed.position).unwrap_or(0))),
        body: RawValue::from_string(placed.event.body).map_err(|error| Problem::internal(&error))?,
    })
}

pub(super) fn not_a_cursor() -> Problem {
    Problem::Invalid(vec![FieldError::of("after", "not a cursor of an event")])
}
