//! Changing a webhook endpoint.

use actix_web::{HttpResponse, patch};
use daimon_store::endpoint::{self, DisabledReason, Hope};
use serde_json::json;

use super::asked::EndpointChange;
use super::create::{require_tenants, understand_pace, understand_quiet_hours, understand_url};
use super::reached_at::ReachedAt;
use super::view::EndpointView;
use crate::caller::{Permitted, WebhooksWrite};
use crate::etag::{IfMatch, tagged};
use crate::input::{Body, Change};
use crate::path::{At, EndpointPath, IfMatchHeader};
use crate::problem::Problem;

/// Change a webhook endpoint
///
/// Changes what the body has and leaves the rest. Needs the `ETag` that you read. `disabled: false` calls it again and
/// forgets its failures, as another `url` does; what waits to be tried again is then tried soon. What was given up meanwhile is told again by a replay.
#[utoipa::path(operation_id = "updateWebhookEndpoint", tag = "Webhooks", params(EndpointPath, IfMatchHeader), request_body = EndpointChange, responses(
    (status = 200, description = "The endpoint as it is now", body = EndpointView, headers(("ETag", description = "Its new version"))),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[patch("/v1/webhook-endpoints/{endpoint_id}")]
pub(super) async fn update_endpoint(
    asked: Permitted<WebhooksWrite, (At<EndpointPath>, IfMatch, ReachedAt, Body<EndpointChange>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected, reached_at, body)) = asked;
    let mut endpoint = endpoint::find(&mut caller.tx, path.id()?).await?.ok_or_else(EndpointPath::absent)?;
    expected.check(endpoint.version)?;
    let change = body.value;
    let (url, was_disabled) = (endpoint.url.clone(), endpoint.disabled.is_some());
    if let Some(url) = change.url {
        endpoint.url = understand_url(&caller, &reached_at, &url)?;
    }
    if let Some(tenants) = change.tenants {
        require_tenants(&mut caller, "tenants", &tenants).await?;
        endpoint.wants.tenants = tenants;
    }
    if let Some(tenants) = change.except_tenants {
        require_tenants(&mut caller, "except_tenants", &tenants).await?;
        endpoint.wants.except = tenants;
    }
    endpoint.description = change.description.unwrap_or(endpoint.description);
    let wants = &mut endpoint.wants;
    wants.types = change.types.unwrap_or_else(|| std::mem::take(&mut wants.types));
    wants.severities = change.severities.unwrap_or_else(|| std::mem::take(&mut wants.severities));
    wants.verdicts = change.verdicts.unwrap_or_else(|| std::mem::take(&mut wants.verdicts));
    wants.groups = change.tenant_groups.unwrap_or_else(|| std::mem::take(&mut wants.groups));
    let (pace, quiet_hours) = (endpoint.pace, endpoint.quiet_hours);
    match change.rate_limit_per_minute {
        Change::Leave => {}
        Change::End => endpoint.pace = None,
        Change::Set(rate) => endpoint.pace = understand_pace(Some(rate))?,
    }
    match change.quiet_hours {
        Change::Leave => {}
        Change::End => endpoint.quiet_hours = None,
        Change::Set(hours) => endpoint.quiet_hours = Some(understand_quiet_hours(hours)?),
    }
    endpoint.disabled = match change.disabled {
        None => endpoint.disabled,
        Some(false) => None,
        Some(true) => endpoint.disabled.or(Some((caller.now, DisabledReason::ByHand))),
    };
    endpoint::update(&mut caller.tx, &endpoint).await?.ok_or(Problem::PreconditionFailed)?;
    if (pace, quiet_hours) != (endpoint.pace, endpoint.quiet_hours) {
        let now = caller.now;
        endpoint::release(&mut caller.tx, endpoint.id, now).await?;
    }
    if endpoint.disabled.is_none() && (was_disabled || url != endpoint.url) {
        let now = caller.now;
        endpoint::retry_soon(&mut caller.tx, endpoint.id, Hope::Told, now).await?;
    }
    let endpoint = endpoint::find(&mut caller.tx, endpoint.id).await?.ok_or_else(EndpointPath::absent)?;
    caller.audit("webhook_endpoint.changed", endpoint.id, None, json!({})).await?;
    caller.commit().await?;
    Ok(tagged(endpoint.version, &EndpointView::from(endpoint)))
}
