//! Ending the digest.

use actix_web::{HttpResponse, delete};
use daimon_domain::scope::Tenants;
use daimon_store::digest;
use serde_json::json;

use crate::caller::{Permitted, WebhooksWrite};
use crate::etag::IfMatch;
use crate::path::IfMatchHeader;
use crate::problem::Problem;

/// Tell no digest any more
///
/// No `digest.daily` is told from now on, until an hour is set again. What was told stays in the list of events. Only who reaches all
/// tenants may say so.
#[utoipa::path(operation_id = "deleteDigest", tag = "Webhooks", params(IfMatchHeader), responses(
    (status = 204, description = "None is told any more"),
    (status = 404, description = "None was told"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[delete("/v1/digest")]
pub(super) async fn delete_digest(asked: Permitted<WebhooksWrite, IfMatch>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, expected) = asked;
    if caller.tenants != Tenants::All {
        return Err(Problem::Overreach);
    }
    let digest = digest::find(&mut caller.tx).await?.ok_or(Problem::NotFound("digest"))?;
    expected.check(digest.version)?;
    if !digest::delete(&mut caller.tx, digest.version).await? {
        return Err(Problem::PreconditionFailed);
    }
    caller.audit("digest.deleted", caller.msp, None, json!({})).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
