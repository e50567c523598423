//! Asking to be told.

use actix_web::{HttpResponse, post};
use daimon_domain::day::QuietHours;
use daimon_domain::id::{EndpointId, TenantId};
use daimon_domain::pace::{MalformedPace, Pace};
use daimon_egress::{MalformedUrl, WebhookUrl};
use daimon_seal::WebhookSecret;
use daimon_store::endpoint::{self, Endpoint, Wants};
use daimon_store::tenant;
use secrecy::ExposeSecret;
use serde_json::json;

use super::asked::NewEndpoint;
use super::reached_at::ReachedAt;
use super::view::{EndpointView, EndpointWithSecretView, QuietHoursView};
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
    (status = 201, description = "The endpoint with its secret, shown once", body = EndpointWithSecretView, headers(("Location", description = "Where it is read"), ("ETag", description = "Its version")))))]
#[post("/v1/webhook-endpoints")]
pub(super) async fn create_endpoint(
    asked: Permitted<WebhooksWrite, (IdempotencyKey, ReachedAt, Body<NewEndpoint>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (once, reached_at, body)) = asked;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let new = body.value;
    let url = understand_url(&caller, &reached_at, &new.url)?;
    require_tenants(&mut caller, "tenants", &new.tenants).await?;
    require_tenants(&mut caller, "except_tenants", &new.except_tenants).await?;
    let id = EndpointId::new(caller.now, caller.service.sources.entropy());
    let endpoint = Endpoint {
        description: new.description,
        wants: Wants {
            types: new.types,
            severities: new.severities,
            verdicts: new.verdicts,
            tenants: new.tenants,
            groups: new.tenant_groups,
            except: new.except_tenants,
        },
        pace: understand_pace(new.rate_limit_per_minute)?,
        quiet_hours: new.quiet_hours.map(understand_quiet_hours).transpose()?,
        ..Endpoint::new(id, url, caller.now)
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

/// A URL that may be called, and that does not lead back to us. Its addresses are vetted at each attempt.
pub(super) fn understand_url<P>(caller: &Caller<P>, reached_at: &ReachedAt, text: &str) -> Result<String, Problem> {
    let url = WebhookUrl::parse(text, &caller.service.guard)
        .map_err(|malformed| Problem::invalid("/url", malformed.to_string()))?;
    if reached_at.is_at(&url) {
        return Err(Problem::invalid("/url", MalformedUrl::Own.to_string()));
    }
    Ok(url.as_str().to_owned())
}

/// A pace, where one was asked for.
pub(super) fn understand_pace(per_minute: Option<u32>) -> Result<Option<Pace>, Problem> {
    let malformed = |error: MalformedPace| Problem::invalid("/rate_limit_per_minute", error.to_string());
    per_minute.map(|rate| Pace::try_from(rate).map_err(malformed)).transpose()
}

/// Quiet hours that end.
pub(super) fn understand_quiet_hours(asked: QuietHoursView) -> Result<QuietHours, Problem> {
    if asked.from == asked.until {
        let detail = "must not be when they begin: nothing would ever be told. For none, leave quiet_hours out";
        return Err(Problem::invalid("/quiet_hours/until", detail));
    }
    Ok(asked.into())
}

/// Tenants that are within reach.
pub(super) async fn require_tenants<P>(
    caller: &mut Caller<P>,
    field: &str,
    tenants: &[TenantId],
) -> Result<(), Problem> {
    for (index, id) in tenants.iter().enumerate() {
        if tenant::find(&mut caller.tx, *id).await?.is_none() {
            return Err(Problem::invalid(format!("/{field}/{index}"), "there is no such tenant"));
        }
    }
    Ok(())
}
