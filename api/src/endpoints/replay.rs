//! Telling once more what happened in a time.

use actix_web::{HttpResponse, post};
use daimon_domain::id::{DeliveryId, TenantId};
use daimon_store::delivery::{self, ReplayFilter, Which};
use daimon_store::endpoint;
use serde_json::json;

use super::asked::NewReplay;
use super::view::ReplayView;
use crate::caller::{Permitted, WebhooksWrite};
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::{At, EndpointPath, IdempotencyKeyHeader};
use crate::problem::Problem;

/// How many events a replay has at most.
const MOST: u32 = 10_000;

/// Replay events to a webhook endpoint
///
/// Sends once more what happened in a time and what the endpoint wants by now, also what happened while it was disabled or was
/// not there yet: by default only what has not arrived. Tests and drills are left out. `dry_run` says how much it would be and
/// sends nothing. A replay has at most 10,000 events; of more, narrow the time. The `webhook-id`s are those of the events, and
/// the endpoint's rate limit holds.
#[utoipa::path(operation_id = "replayEvents", tag = "Webhooks", params(EndpointPath, IdempotencyKeyHeader), request_body = NewReplay, responses(
    (status = 200, description = "What it would be (`dry_run`)", body = ReplayView),
    (status = 202, description = "What is on its way", body = ReplayView, headers(("Location", description = "The endpoint's deliveries"))),
    (status = 409, description = "`conflict`: it is disabled")))]
#[post("/v1/webhook-endpoints/{endpoint_id}/replay")]
pub(super) async fn replay_events(
    asked: Permitted<WebhooksWrite, (At<EndpointPath>, IdempotencyKey, Body<NewReplay>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, once, new)) = asked;
    let once = match once.begin(&mut caller, &new.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let (new, now) = (new.value, caller.now);
    let endpoint = endpoint::find(&mut caller.tx, path.id()?).await?.ok_or_else(EndpointPath::absent)?;
    if endpoint.disabled.is_some() && !new.dry_run {
        return Err(Problem::Conflict("The endpoint is disabled: enable it first."));
    }
    let until = new.until.unwrap_or(now).min(now);
    if new.since >= until {
        return Err(Problem::invalid("/since", "is not before until, or not before now"));
    }
    let which = new.which.unwrap_or(Which::Missed);
    let filter = ReplayFilter { since: new.since, until, types: new.types, tenants: new.tenants, which };
    let mut found = delivery::replayable(&mut caller.tx, endpoint.id, &filter, MOST + 1).await?;
    let more = found.len() > usize::try_from(MOST).unwrap_or(usize::MAX);
    found.truncate(usize::try_from(MOST).unwrap_or(usize::MAX));
    let view = ReplayView { events: u32::try_from(found.len()).unwrap_or(MOST), more, dry_run: new.dry_run };
    if new.dry_run {
        return Ok(HttpResponse::Ok().json(view));
    }
    if more {
        return Err(Problem::invalid("/since", "more than 10,000 events: narrow the time, the types or the tenants"));
    }
    let entropy = caller.service.sources.entropy();
    let replayed: Vec<_> = found.into_iter().map(|one| (DeliveryId::new(now, entropy), one)).collect();
    delivery::insert_replayed(&mut caller.tx, endpoint.id, &replayed, now).await?;
    let detail = json!({ "since": filter.since, "until": until, "which": which, "events": view.events });
    caller.audit("webhook_endpoint.replayed", endpoint.id, None, detail).await?;
    let (service, msp) = (caller.service.clone(), caller.msp);
    let made = Created { location: format!("/v1/deliveries?endpoint_id={}", endpoint.id), version: None, view };
    let answer = once.accepted(caller, made).await?;
    let ids: Vec<_> = replayed.into_iter().map(|(id, _)| id).collect();
    service.hint_deliveries(msp, TenantId::from_uuid(msp.as_uuid()), &ids).await;
    Ok(answer)
}
