//! Changing it.

use actix_web::{HttpResponse, patch};
use daimon_domain::scope::Tenants;
use daimon_store::msp;
use serde_json::json;

use super::view::{MspChange, MspView};
use crate::caller::{MspWrite, Permitted};
use crate::etag::{IfMatch, tagged};
use crate::input::{Body, Change};
use crate::path::IfMatchHeader;
use crate::problem::Problem;

/// Change your MSP's profile
///
/// Changes what the body has and leaves the rest. What clients are given to read says so from then on. Who is limited to
/// some tenants can't.
#[utoipa::path(operation_id = "updateMsp", tag = "MSP", params(IfMatchHeader), request_body = MspChange, responses(
    (status = 200, description = "The profile as it is now", body = MspView, headers(("ETag", description = "Its new version"))),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[patch("/v1/msp")]
pub(super) async fn update_msp(
    asked: Permitted<MspWrite, (IfMatch, Body<MspChange>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (expected, body)) = asked;
    if caller.tenants != Tenants::All {
        return Err(Problem::Overreach);
    }
    let mut msp = msp::find(&mut caller.tx).await?.ok_or(Problem::Internal)?;
    expected.check(msp.version)?;
    let change = body.value;
    msp.name = change.name.unwrap_or(msp.name);
    msp.language = change.language.unwrap_or(msp.language);
    msp.display_name = changed(change.display_name, msp.display_name);
    msp.support_contact = changed(change.support_contact, msp.support_contact);
    msp.retention_days = change.retention_days.unwrap_or(msp.retention_days);
    msp.version = msp::update(&mut caller.tx, &msp).await?.ok_or(Problem::PreconditionFailed)?;
    // Who had what deleted sooner is to be found.
    caller.audit("msp.changed", msp.id, None, json!({"retention_days": msp.retention_days})).await?;
    caller.commit().await?;
    Ok(tagged(msp.version, &MspView::from(msp)))
}

fn changed(change: Change<String>, before: Option<String>) -> Option<String> {
    match change {
        Change::Leave => before,
        Change::End => None,
        Change::Set(text) => Some(text),
    }
}
