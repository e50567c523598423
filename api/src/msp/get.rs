//! The profile.

use actix_web::{HttpResponse, get};
use daimon_store::msp;

use super::view::MspView;
use crate::caller::{Anybody, Caller};
use crate::etag::tagged;
use crate::problem::Problem;

/// Read your MSP's profile
///
/// Its name, its language, and what its clients read of it in reports and notices. Every token that holds may ask.
#[utoipa::path(operation_id = "getMsp", tag = "MSP", responses(
    (status = 200, description = "The profile", body = MspView, headers(("ETag", description = "Its version")))))]
#[get("/v1/msp")]
pub(super) async fn get_msp(mut caller: Caller<Anybody>) -> Result<HttpResponse, Problem> {
    let msp = msp::find(&mut caller.tx).await?.ok_or(Problem::Internal)?;
    Ok(tagged(msp.version, &MspView::from(msp)))
}
