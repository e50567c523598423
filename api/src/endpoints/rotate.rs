//! A new secret, beside the old one for a while.

use actix_web::{HttpResponse, post};
use chrono::TimeDelta;
use daimon_seal::WebhookSecret;
use daimon_store::endpoint;
use secrecy::ExposeSecret;
use serde_json::json;

use super::asked::Rotation;
use super::view::{EndpointView, EndpointWithSecretView};
use crate::caller::{Permitted, WebhooksWrite};
use crate::etag::{IfMatch, tagged};
use crate::input::Body;
use crate::path::{At, EndpointPath, IfMatchHeader};
use crate::problem::Problem;

/// Rotate a webhook secret
///
/// The new secret is in the answer and is never shown again. Until the overlap ends every webhook carries both
/// signatures, so that your receiver can change over without losing one.
#[utoipa::path(operation_id = "rotateWebhookSecret", tag = "Webhooks", params(EndpointPath, IfMatchHeader), request_body = Rotation, responses(
    (status = 200, description = "The endpoint with its new secret, shown once", body = EndpointWithSecretView, headers(("ETag", description = "Its new version"))),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[post("/v1/webhook-endpoints/{endpoint_id}/rotate-secret")]
pub(super) async fn rotate_secret(
    asked: Permitted<WebhooksWrite, (At<EndpointPath>, IfMatch, Body<Rotation>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected, body)) = asked;
    let mut endpoint = endpoint::find(&mut caller.tx, path.id()?).await?.ok_or_else(EndpointPath::absent)?;
    expected.check(endpoint.version)?;
    let secret = WebhookSecret::generate(caller.service.sources.entropy());
    let sealed = secret.seal(&caller.service.master, caller.msp, endpoint.id)?;
    let until = caller.now + TimeDelta::seconds(i64::from(body.value.overlap_s));
    endpoint.version = endpoint::rotate(&mut caller.tx, endpoint.id, endpoint.version, &sealed, until)
        .await?
        .ok_or(Problem::PreconditionFailed)?;
    caller.audit("webhook_endpoint.secret_rotated", endpoint.id, None, json!({ "previous_until": until })).await?;
    caller.commit().await?;
    let version = endpoint.version;
    let view = EndpointWithSecretView {
        endpoint: EndpointView::from(endpoint),
        secret: secret.reveal().expose_secret().to_owned(),
    };
    Ok(tagged(version, &view))
}
