//! Reading when the digest is told.

use actix_web::{HttpResponse, get};
use daimon_store::digest;

use super::view::DigestView;
use crate::caller::{Permitted, WebhooksRead};
use crate::etag::tagged;
use crate::problem::Problem;

/// Read when the digest is told
///
/// At which hour the event `digest.daily` is told, and when next; 404 where no hour was set, and for a key that is limited to
/// some tenants, since a digest is about all of them.
#[utoipa::path(operation_id = "getDigest", tag = "Webhooks", responses(
    (status = 200, description = "When it is told", body = DigestView, headers(("ETag", description = "Its version"))),
    (status = 404, description = "No digest is told")))]
#[get("/v1/digest")]
pub(super) async fn get_digest(asked: Permitted<WebhooksRead, ()>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, ()) = asked;
    let digest = digest::find(&mut caller.tx).await?.ok_or(Problem::NotFound("digest"))?;
    Ok(tagged(digest.version, &DigestView::from(digest)))
}
