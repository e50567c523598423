//! Reading one maintenance window.

use actix_web::{HttpResponse, get};
use daimon_store::maintenance;

use super::view::WindowView;
use crate::caller::{IncidentsRead, Permitted};
use crate::etag::tagged;
use crate::path::{At, WindowPath};
use crate::problem::Problem;

/// Read a maintenance window
///
/// The window with its reason, also when it is over. Its `ETag` is needed to change it or to take it back.
#[utoipa::path(operation_id = "getMaintenanceWindow", tag = "Maintenance windows", params(WindowPath), responses(
    (status = 200, description = "The window", body = WindowView, headers(("ETag", description = "Its version")))))]
#[get("/v1/maintenance-windows/{window_id}")]
pub(super) async fn get_window(asked: Permitted<IncidentsRead, At<WindowPath>>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let window = maintenance::find(&mut caller.tx, path.id()?).await?.ok_or_else(WindowPath::absent)?;
    Ok(tagged(window.version, &WindowView::from(window)))
}
