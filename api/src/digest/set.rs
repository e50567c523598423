//! Saying when the digest is told.

use actix_web::{HttpResponse, put};
use daimon_domain::day::DigestTime;
use daimon_domain::scope::Tenants;
use daimon_store::digest;
use serde_json::json;

use super::view::{DigestView, NewDigest};
use crate::caller::{Permitted, WebhooksWrite};
use crate::etag::{IfMatch, tagged};
use crate::input::Body;
use crate::path::IfMatchWhereThereIsOneHeader;
use crate::problem::Problem;

/// Say when the digest is told
///
/// From now on `digest.daily` is told once a day at that hour, wherever the clocks stand by then: incidents that go on, bounces,
/// mailboxes that can't be read, and what happened since the last one. Endpoints that are told of all tenants get it, and only who
/// reaches all of them may say so.
#[utoipa::path(operation_id = "setDigest", tag = "Webhooks", params(IfMatchWhereThereIsOneHeader), request_body = NewDigest, responses(
    (status = 200, description = "When it is told", body = DigestView, headers(("ETag", description = "Its new version"))),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "There is one already, and If-Match is missing")))]
#[put("/v1/digest")]
pub(super) async fn set_digest(
    asked: Permitted<WebhooksWrite, (Option<IfMatch>, Body<NewDigest>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (expected, body)) = asked;
    if caller.tenants != Tenants::All {
        return Err(Problem::Overreach);
    }
    let new = body.value;
    let time = DigestTime::new(new.hour, new.time_zone)
        .map_err(|malformed| Problem::invalid("/hour", malformed.to_string()))?;
    let before = match (digest::find(&mut caller.tx).await?, expected) {
        (Some(digest), Some(expected)) => {
            expected.check(digest.version)?;
            Some(digest.version)
        }
        (Some(_), None) => return Err(Problem::PreconditionRequired),
        // It is gone, or never was.
        (None, Some(_)) => return Err(Problem::PreconditionFailed),
        (None, None) => None,
    };
    let now = caller.now;
    if !digest::set(&mut caller.tx, time, now, before).await? {
        return Err(Problem::PreconditionFailed);
    }
    let set = digest::find(&mut caller.tx).await?.ok_or(Problem::Internal)?;
    let detail = json!({ "hour": new.hour, "time_zone": new.time_zone.as_str() });
    caller.audit("digest.set", caller.msp, None, detail).await?;
    caller.commit().await?;
    Ok(tagged(set.version, &DigestView::from(set)))
}
