//! Saying when the digest is told.

use actix_web::put;
use actix_web::web::Json;
use daimon_domain::day::DigestTime;
use daimon_domain::scope::Tenants;
use daimon_store::digest;
use serde_json::json;

use super::view::{DigestView, NewDigest};
use crate::caller::{Permitted, WebhooksWrite};
use crate::input::Body;
use crate::problem::Problem;

/// Say when the digest is told
///
/// From now on `digest.daily` is told once a day at that hour, wherever the clocks stand by then: incidents that go on, bounces,
/// mailboxes that can't be read, and what happened since the last one. Endpoints that are told of all tenants get it.
#[utoipa::path(operation_id = "setDigest", tag = "Webhooks", request_body = NewDigest, responses(
    (status = 200, description = "When it is told", body = DigestView)))]
#[put("/v1/digest")]
pub(super) async fn set_digest(asked: Permitted<WebhooksWrite, Body<NewDigest>>) -> Result<Json<DigestView>, Problem> {
    let Permitted(mut caller, body) = asked;
    if caller.tenants != Tenants::All {
        return Err(Problem::Overreach);
    }
    let new = body.value;
    let time = DigestTime::new(new.hour, new.time_zone)
        .map_err(|malformed| Problem::invalid("/hour", malformed.to_string()))?;
    let now = caller.now;
    digest::set(&mut caller.tx, time, now).await?;
    let set = digest::find(&mut caller.tx).await?.ok_or(Problem::NotFound("digest"))?;
    let detail = json!({ "hour": new.hour, "time_zone": new.time_zone.as_str() });
    caller.audit("digest.set", caller.msp, None, detail).await?;
    caller.commit().await?;
    Ok(Json(set.into()))
}
