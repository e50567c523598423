//! Taking a maintenance window back.

use actix_web::{HttpResponse, delete};
use daimon_store::maintenance;
use serde_json::json;

use crate::caller::{IncidentsWrite, Permitted};
use crate::etag::IfMatch;
use crate::path::{At, IfMatchHeader, WindowPath};
use crate::problem::Problem;

/// Delete a maintenance window
///
/// Takes it back, as if it ended now: what it held back and what is still so is told within seconds.
#[utoipa::path(operation_id = "deleteMaintenanceWindow", tag = "Maintenance windows", params(WindowPath, IfMatchHeader), responses(
    (status = 204, description = "It is gone"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[delete("/v1/maintenance-windows/{window_id}")]
pub(super) async fn delete_window(
    asked: Permitted<IncidentsWrite, (At<WindowPath>, IfMatch)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected)) = asked;
    let window = maintenance::find(&mut caller.tx, path.id()?).await?.ok_or_else(WindowPath::absent)?;
    expected.check(window.version)?;
    let now = caller.now;
    if !maintenance::delete(&mut caller.tx, &window, now).await? {
        return Err(Problem::PreconditionFailed);
    }
    caller.audit("maintenance_window.deleted", window.id, Some(window.tenant), json!({})).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
