//! Reading one bounce.

use actix_web::get;
use actix_web::web::Json;
use daimon_store::bounce;

use super::view::BounceWithEvidenceView;
use crate::caller::{BouncesRead, Permitted};
use crate::path::{At, BouncePath};
use crate::problem::Problem;

/// Read a bounce
///
/// What one report says of one recipient, and what was seen on it and weighed. The recipient's address is not kept.
#[utoipa::path(operation_id = "getBounce", tag = "Bounces", params(BouncePath), responses(
    (status = 200, description = "The bounce", body = BounceWithEvidenceView)))]
#[get("/v1/bounces/{bounce_id}")]
pub(super) async fn get_bounce(
    asked: Permitted<BouncesRead, At<BouncePath>>,
) -> Result<Json<BounceWithEvidenceView>, Problem> {
    let Permitted(mut caller, path) = asked;
    let bounce = bounce::find(&mut caller.tx, path.id()?).await?.ok_or_else(BouncePath::absent)?;
    Ok(Json(bounce.into()))
}
