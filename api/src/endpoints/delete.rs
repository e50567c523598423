//! Asking not to be told any more.

use actix_web::{HttpResponse, delete};
use daimon_store::endpoint;
use serde_json::json;

use crate::caller::{Permitted, WebhooksWrite};
use crate::etag::IfMatch;
use crate::path::{At, EndpointPath, IfMatchHeader};
use crate::problem::Problem;

/// Delete a webhook endpoint
///
/// Removes the endpoint with its secret and with what was still to be delivered to it. This can't be undone.
#[utoipa::path(operation_id = "deleteWebhookEndpoint", tag = "Webhooks", params(EndpointPath, IfMatchHeader), responses(
    (status = 204, description = "It is gone"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[delete("/v1/webhook-endpoints/{endpoint_id}")]
pub(super) async fn delete_endpoint(
    asked: Permitted<WebhooksWrite, (At<EndpointPath>, IfMatch)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected)) = asked;
    let endpoint = endpoint::find(&mut caller.tx, path.id()?).await?.ok_or_else(EndpointPath::absent)?;
    expected.check(endpoint.version)?;
    if !endpoint::delete(&mut caller.tx, endpoint.id, endpoint.version).await? {
        return Err(Problem::PreconditionFailed);
    }
    caller.audit("webhook_endpoint.deleted", endpoint.id, None, json!({})).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
