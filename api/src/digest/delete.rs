//! Ending the digest.

use actix_web::{HttpResponse, delete};
use daimon_domain::scope::Tenants;
use daimon_store::digest;
use serde_json::json;

use crate::caller::{Permitted, WebhooksWrite};
use crate::problem::Problem;

/// Tell no digest any more
///
/// No `digest.daily` is told from now on, until an hour is set again. What was told stays in the list of events.
#[utoipa::path(operation_id = "deleteDigest", tag = "Webhooks", responses(
    (status = 204, description = "None is told any more"),
    (status = 404, description = "None was told")))]
#[delete("/v1/digest")]
pub(super) async fn delete_digest(asked: Permitted<WebhooksWrite, ()>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, ()) = asked;
    if caller.tenants != Tenants::All {
        return Err(Problem::Overreach);
    }
    if !digest::delete(&mut caller.tx).await? {
        return Err(Problem::NotFound("digest"));
    }
    caller.audit("digest.deleted", caller.msp, None, json!({})).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
