//! Reading one webhook endpoint.

use actix_web::{HttpResponse, get};
use daimon_store::endpoint;

use super::view::EndpointView;
use crate::caller::{Permitted, WebhooksRead};
use crate::etag::tagged;
use crate::path::{At, EndpointPath};
use crate::problem::Problem;

/// Read a webhook endpoint
///
/// The endpoint with what it is told and whether it answers. The secret is not shown.
#[utoipa::path(operation_id = "getWebhookEndpoint", tag = "Webhooks", params(EndpointPath), responses(
    (status = 200, description = "The endpoint", body = EndpointView, headers(("ETag", description = "Its version")))))]
#[get("/v1/webhook-endpoints/{endpoint_id}")]
pub(super) async fn get_endpoint(asked: Permitted<WebhooksRead, At<EndpointPath>>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let endpoint = endpoint::find(&mut caller.tx, path.id()?).await?.ok_or_else(EndpointPath::absent)?;
    Ok(tagged(endpoint.version, &EndpointView::from(endpoint)))
}
