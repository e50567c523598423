//! Changing a maintenance window.

use actix_web::{HttpResponse, patch};
use daimon_store::maintenance;
use serde_json::json;

use super::create::check;
use super::view::{WindowChange, WindowView};
use crate::caller::{IncidentsWrite, Permitted};
use crate::etag::{IfMatch, tagged};
use crate::input::Body;
use crate::path::{At, IfMatchHeader, WindowPath};
use crate::problem::Problem;

/// Change a maintenance window
///
/// Changes what the body has and leaves the rest: to let it last longer, or to end it sooner. What it holds back no more is told
/// within seconds. One that is over can't be changed.
#[utoipa::path(operation_id = "updateMaintenanceWindow", tag = "Maintenance windows", params(WindowPath, IfMatchHeader), request_body = WindowChange, responses(
    (status = 200, description = "The window as it is now", body = WindowView, headers(("ETag", description = "Its new version"))),
    (status = 409, description = "`conflict`: it is over"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[patch("/v1/maintenance-windows/{window_id}")]
pub(super) async fn update_window(
    asked: Permitted<IncidentsWrite, (At<WindowPath>, IfMatch, Body<WindowChange>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected, body)) = asked;
    let mut window = maintenance::find(&mut caller.tx, path.id()?).await?.ok_or_else(WindowPath::absent)?;
    expected.check(window.version)?;
    let now = caller.now;
    if window.ends_at <= now {
        return Err(Problem::Conflict("This window is over. Declare another one."));
    }
    let change = body.value;
    window.mailboxes = change.mailbox_ids.unwrap_or(window.mailboxes);
    window.starts_at = change.starts_at.unwrap_or(window.starts_at);
    window.ends_at = change.ends_at.unwrap_or(window.ends_at);
    window.reason = change.reason.unwrap_or(window.reason);
    check(&mut caller, window.tenant, &window.mailboxes, window.starts_at, window.ends_at).await?;
    window.version = maintenance::update(&mut caller.tx, &window, now).await?.ok_or(Problem::PreconditionFailed)?;
    let detail = json!({ "starts_at": window.starts_at, "ends_at": window.ends_at });
    caller.audit("maintenance_window.changed", window.id, Some(window.tenant), detail).await?;
    caller.commit().await?;
    Ok(tagged(window.version, &WindowView::from(window)))
}
