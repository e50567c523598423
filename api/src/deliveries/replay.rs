//! Telling one thing once more.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, post};
use daimon_domain::id::{DeliveryId, TenantId};
use daimon_store::{delivery, endpoint, event};
use serde_json::json;

use super::view::DeliveryView;
use crate::caller::{Permitted, WebhooksWrite};
use crate::idempotency::{Created, IdempotencyKey};
use crate::path::{At, DeliveryPath, IdempotencyKeyHeader};
use crate::problem::Problem;

/// Replay a delivery
///
/// Sends the same event to the same endpoint once more, as a delivery of its own with attempts of its own. The `webhook-id`
/// is the same, so a receiver that has it knows.
#[utoipa::path(operation_id = "replayDelivery", tag = "Webhooks", params(DeliveryPath, IdempotencyKeyHeader), responses(
    (status = 201, description = "The new delivery", body = DeliveryView, headers(("Location", description = "Where it is read"))),
    (status = 409, description = "`conflict`: the endpoint is disabled, or what it told of is kept no longer")))]
#[post("/v1/deliveries/{delivery_id}/replay")]
pub(super) async fn replay_delivery(
    asked: Permitted<WebhooksWrite, (At<DeliveryPath>, IdempotencyKey)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, once)) = asked;
    let once = match once.begin(&mut caller, &Bytes::new()).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let id = DeliveryId::new(caller.now, caller.service.sources.entropy());
    let now = caller.now;
    let again = delivery::replay(&mut caller.tx, path.id()?, id, now).await?.ok_or_else(DeliveryPath::absent)?;
    let endpoint = endpoint::find(&mut caller.tx, again.endpoint).await?.ok_or_else(DeliveryPath::absent)?;
    if endpoint.disabled.is_some() {
        return Err(Problem::Conflict("The endpoint is disabled: enable it first."));
    }
    if event::find(&mut caller.tx, again.event).await?.is_none() {
        return Err(Problem::Conflict("What it told of is kept no longer."));
    }
    caller.audit("delivery.replayed", again.id, None, json!({ "of": path.id()? })).await?;
    let (service, msp) = (caller.service.clone(), caller.msp);
    let made = Created { location: format!("/v1/deliveries/{id}"), version: None, view: DeliveryView::from(again) };
    let answer = once.created(caller, made).await?;
    service.hint_deliveries(msp, TenantId::from_uuid(msp.as_uuid()), &[id]).await;
    Ok(answer)
}
