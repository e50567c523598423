//! Ending a drill before its time.

use actix_web::{HttpResponse, delete};
use daimon_store::drill;
use serde_json::json;

use super::view::DrillView;
use crate::caller::{IncidentsWrite, Permitted};
use crate::path::{At, DrillPath};
use crate::problem::Problem;

/// End a drill
///
/// Closes what it opened and cleans up, now instead of at its end. That takes a moment, because the last webhooks are sent
/// first: read the drill until it is `ended`. One that is over stays as it is.
#[utoipa::path(operation_id = "endDrill", tag = "Drills", params(DrillPath), responses(
    (status = 202, description = "The drill, which is about to end", body = DrillView, headers(("Location", description = "Where to see when it has ended")))))]
#[delete("/v1/drills/{drill_id}")]
pub(super) async fn end_drill(asked: Permitted<IncidentsWrite, At<DrillPath>>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let (id, now) = (path.id()?, caller.now);
    let before = drill::find(&mut caller.tx, id).await?.ok_or_else(DrillPath::absent)?;
    if now < before.ends_at && drill::end(&mut caller.tx, id, now).await? {
        caller.audit("drill.end_requested", id, Some(before.tenant), json!({})).await?;
    }
    let drill = drill::find(&mut caller.tx, id).await?.ok_or_else(DrillPath::absent)?;
    let (service, msp) = (caller.service.clone(), caller.msp);
    caller.commit().await?;
    if !drill.state.is_over() {
        service.hint_drill(msp, drill.tenant, id).await;
    }
    let mut response = HttpResponse::Accepted();
    response.insert_header(("Location", format!("/v1/drills/{id}")));
    Ok(response.json(DrillView::from(drill)))
}
