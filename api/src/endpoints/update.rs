//! Changing a webhook endpoint.

use actix_web::{HttpResponse, patch};
use daimon_store::endpoint::{self, DisabledReason};
use serde_json::json;

use super::create::{require_tenants, understand_url};
use super::view::{EndpointChange, EndpointView};
use crate::caller::{Permitted, WebhooksWrite};
use crate::etag::{IfMatch, tagged};
use crate::input::Body;
use crate::path::{At, EndpointPath, IfMatchHeader};
use crate::problem::Problem;

/// Change a webhook endpoint
///
/// Changes what the body has and leaves the rest. Needs the `ETag` that you read. `disabled: false` calls it again and
/// forgets its failures.
#[utoipa::path(operation_id = "updateWebhookEndpoint", tag = "Webhooks", params(EndpointPath, IfMatchHeader), request_body = EndpointChange, responses(
    (status = 200, description = "The endpoint as it is now", body = EndpointView, headers(("ETag", description = "Its new version"))),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[patch("/v1/webhook-endpoints/{endpoint_id}")]
pub(super) async fn update_endpoint(
    asked: Permitted<WebhooksWrite, (At<EndpointPath>, IfMatch, Body<EndpointChange>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected, body)) = asked;
    let mut endpoint = endpoint::find(&mut caller.tx, path.id()?).await?.ok_or_else(EndpointPath::absent)?;
    expected.check(endpoint.version)?;
    let change = body.value;
    if let Some(url) = change.url {
        endpoint.url = understand_url(&caller, &url)?;
    }
    if let Some(tenants) = change.tenants {
        require_tenants(&mut caller, &tenants).await?;
        endpoint.tenants = tenants;
    }
    endpoint.description = change.description.unwrap_or(endpoint.description);
    endpoint.types = change.types.unwrap_or(endpoint.types);
    endpoint.severities = change.severities.unwrap_or(endpoint.severities);
    endpoint.disabled = match change.disabled {
        None => endpoint.disabled,
        Some(false) => None,
        Some(true) => endpoint.disabled.or(Some((caller.now, DisabledReason::ByHand))),
    };
    endpoint::update(&mut caller.tx, &endpoint).await?.ok_or(Problem::PreconditionFailed)?;
    let endpoint = endpoint::find(&mut caller.tx, endpoint.id).await?.ok_or_else(EndpointPath::absent)?;
    caller.audit("webhook_endpoint.changed", endpoint.id, None, json!({})).await?;
    caller.commit().await?;
    Ok(tagged(endpoint.version, &EndpointView::from(endpoint)))
}
