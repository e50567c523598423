//! Asking to be told.

use actix_web::{HttpResponse, post};
use daimon_domain::id::{EndpointId, TenantId};
use daimon_egress::WebhookUrl;
use daimon_seal::WebhookSecret;
use daimon_store::endpoint::{self, Endpoint};
use daimon_store::tenant;
use secrecy::ExposeSecret;
use serde_json::json;

use super::view::{EndpointView, EndpointWithSecretView, NewEndpoint};
use crate::caller::{Caller, Permitted, WebhooksWrite};
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::IdempotencyKeyHeader;
use crate::problem::Problem;

/// Create a webhook endpoint
///
/// Events that happen from now on and match are posted there, signed as Standard Webhooks are. The secret is in the
/// answer and is never shown again. A key that is limited to some tenants has to name some of them.
#[utoipa::path(operation_id = "createWebhookEndpoint", tag = "Webhooks", params(IdempotencyKeyHeader), request_body = NewEndpoint, responses(
    (status = 201, description = "The endpoint with its secret, shown once", body = EndpointWithSecretView, headers(("Location", description = "Where it is read"), ("ETag", description = "Its version"))),
    (status = 409, description = "A request with this Idempotency-Key is being answered right now")))]
#[post("/v1/webhook-endpoints")]
pub(super) async fn create_endpoint(
    asked: Permitted<WebhooksWrite, (IdempotencyKey, Body<NewEndpoint>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (once, body)) = asked;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let new = body.value;
    let url = understand_url(&caller, &new.url)?;
    require_tenants(&mut caller, &new.tenants).await?;
    let endpoint = Endpoint {
        id: EndpointId::new(caller.now, caller.service.sources.entropy()),
        url,
        description: new.description,
        types: new.types,
        severities: new.severities,
        tenants: new.tenants,
        disabled: None,
        failing_since: None,
        failures: 0,
        created_at: caller.now,
        version: 1,
    };
    let secret = WebhookSecret::generate(caller.service.sources.entropy());
    let sealed = secret.seal(&caller.service.master, caller.msp, endpoint.id)?;
    endpoint::insert(&mut caller.tx, &endpoint, &sealed).await?;
    caller.audit("webhook_endpoint.created", endpoint.id, None, json!({})).await?;
    let (location, version) = (format!("/v1/webhook-endpoints/{}", endpoint.id), endpoint.version);
    let view = EndpointWithSecretView {
        endpoint: EndpointView::from(endpoint),
        secret: secret.reveal().expose_secret().to_owned(),
    };
    once.created(caller, Created { location, version: Some(version), view }).await
}

/// A URL that may be called. Its addresses are vetted at each attempt.
pub(super) fn understand_url<P>(caller: &Caller<P>, text: &str) -> Result<String, Problem> {
    WebhookUrl::parse(text, &caller.service.guard)
        .map(|url| url.as_str().to_owned())
        .map_err(|malformed| Problem::invalid("/url", malformed.to_string()))
}

/// Tenants that are within reach.
pub(super) async fn require_tenants<P>(caller: &mut Caller<P>, tenants: &[TenantId]) -> Result<(), Problem> {
    for (index, id) in tenants.iter().enumerate() {
        if tenant::find(&mut caller.tx, *id).await?.is_none() {
            return Err(Problem::invalid(format!("/tenants/{index}"), "there is no such tenant"));
        }
    }
    Ok(())
}
