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
use crate::etag::IfMatch;
use crate::idempotency::IdempotencyKey;
use crate::input::Body;
use crate::path::{At, EndpointPath, IdempotencyKeyHeader, IfMatchHeader};
use crate::problem::Problem;

/// Rotate a webhook secret
///
/// The new secret is in the answer and is never shown again. Until the overlap ends every webhook carries both
/// signatures, so that your receiver can change over without losing one. While it lasts there is no third secret: another
/// rotation is refused, but for one with `overlap_s` 0, after which only the newest signs. An answer that got lost is given again
/// to the same Idempotency-Key.
#[utoipa::path(operation_id = "rotateWebhookSecret", tag = "Webhooks", params(EndpointPath, IfMatchHeader, IdempotencyKeyHeader), request_body = Rotation, responses(
    (status = 200, description = "The endpoint with its new secret, shown once", body = EndpointWithSecretView, headers(("ETag", description = "Its new version"))),
    (status = 409, description = "`conflict`: two secrets sign already"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[post("/v1/webhook-endpoints/{endpoint_id}/rotate-secret")]
pub(super) async fn rotate_secret(
    asked: Permitted<WebhooksWrite, (At<EndpointPath>, IfMatch, IdempotencyKey, Body<Rotation>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected, once, body)) = asked;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let mut endpoint = endpoint::find(&mut caller.tx, path.id()?).await?.ok_or_else(EndpointPath::absent)?;
    expected.check(endpoint.version)?;
    let overlap = TimeDelta::seconds(i64::from(body.value.overlap_s));
    if overlap > TimeDelta::zero() && endpoint.previous_secret_until.is_some_and(|until| until > caller.now) {
        return Err(Problem::Conflict(
            "Two secrets sign already, until previous_secret_until. With overlap_s 0 both end at once.",
        ));
    }
    let secret = WebhookSecret::generate(caller.service.sources.entropy());
    let sealed = secret.seal(&caller.service.master, caller.msp, endpoint.id)?;
    let until = caller.now + overlap;
    endpoint.previous_secret_until = Some(until);
    endpoint.version = endpoint::rotate(&mut caller.tx, endpoint.id, endpoint.version, &sealed, until)
        .await?
        .ok_or(Problem::PreconditionFailed)?;
    caller.audit("webhook_endpoint.secret_rotated", endpoint.id, None, json!({ "previous_until": until })).await?;
    let version = endpoint.version;
    let view = EndpointWithSecretView {
        endpoint: EndpointView::from(endpoint),
        secret: secret.reveal().expose_secret().to_owned(),
    };
    once.changed(caller, version, view).await
}
