//! Trying an endpoint out.

use actix_web::{HttpResponse, post};
use daimon_domain::delivery::Delivery;
use daimon_domain::event::Event;
use daimon_domain::id::{DeliveryId, EventId, TenantId};
use daimon_store::{delivery, endpoint, event};
use daimon_verdict::telling::body;
use serde_json::json;

use super::asked::NewTest;
use crate::caller::{Permitted, WebhooksWrite};
use crate::deliveries::DeliveryView;
use crate::events::test_data;
use crate::hourly::{AN_HOUR, within};
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::{At, EndpointPath, IdempotencyKeyHeader};
use crate::problem::Problem;

/// How many tests an endpoint has within an hour: whoever may make endpoints shall not bombard somebody else's server.
const TESTS_AN_HOUR: i64 = 60;

/// Test a webhook endpoint
///
/// Sends the example of an event, as this document shows it under `webhooks`, to this endpoint only, signed like any other and
/// marked with `"livemode": false` and `"test": true`. It goes out at once, also in quiet hours, and is tried once: follow the
/// delivery to see how that went. Nothing else follows from a test, and no list of events has it. There are 60 an hour.
#[utoipa::path(operation_id = "testWebhookEndpoint", tag = "Webhooks", params(EndpointPath, IdempotencyKeyHeader), request_body = NewTest, responses(
    (status = 202, description = "The delivery, to be followed", body = DeliveryView, headers(("Location", description = "Where it is read"))),
    (status = 409, description = "`conflict`: it is disabled"),
    (status = 429, description = "The endpoint was tested 60 times within an hour, or too many requests")))]
#[post("/v1/webhook-endpoints/{endpoint_id}/test")]
pub(super) async fn test_endpoint(
    asked: Permitted<WebhooksWrite, (At<EndpointPath>, IdempotencyKey, Body<NewTest>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, once, new)) = asked;
    let once = match once.begin(&mut caller, &new.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let endpoint = endpoint::find(&mut caller.tx, path.id()?).await?.ok_or_else(EndpointPath::absent)?;
    if endpoint.disabled.is_some() {
        return Err(Problem::Conflict("The endpoint is disabled: enable it first."));
    }
    let (now, kind) = (caller.now, new.value.r#type);
    let tested = delivery::tests_since(&mut caller.tx, endpoint.id, now - AN_HOUR).await?;
    within(tested, TESTS_AN_HOUR, now, "This endpoint was tested 60 times within an hour.")?;
    let entropy = caller.service.sources.entropy();
    let (event, delivery) = (EventId::new(now, entropy), DeliveryId::new(now, entropy));
    let told = Event { id: event, kind, occurred_at: now, body: body(kind, now, &test_data(kind)) };
    // Who is limited to some tenants sees only what is about one of them.
    let tenant = endpoint.wants.tenants.first().copied();
    event::insert_test(&mut caller.tx, &told, tenant).await?;
    let sent = Delivery { is_test: true, ..Delivery::new(delivery, event, endpoint.id, now) };
    delivery::insert_many(&mut caller.tx, tenant, std::slice::from_ref(&sent), None).await?;
    caller.audit("webhook_endpoint.tested", endpoint.id, None, json!({ "type": kind })).await?;
    let (service, msp) = (caller.service.clone(), caller.msp);
    let made =
        Created { location: format!("/v1/deliveries/{delivery}"), version: None, view: DeliveryView::from(sent) };
    let answer = once.accepted(caller, made).await?;
    let turn = tenant.unwrap_or(TenantId::from_uuid(msp.as_uuid()));
    service.hint_deliveries(msp, turn, &[delivery]).await;
    Ok(answer)
}
