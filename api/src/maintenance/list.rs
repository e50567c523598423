//! Which maintenance windows there are.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::WindowId;
use daimon_store::maintenance::{self, WindowFilter};

use super::view::{ListWindows, WindowView};
use crate::caller::{IncidentsRead, Permitted};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List maintenance windows
///
/// The windows of the tenants within reach of your key, newest first, by tenant or mailbox, with or without those that are
/// over.
#[utoipa::path(operation_id = "listMaintenanceWindows", tag = "Maintenance windows", params(ListWindows), responses(
    (status = 200, description = "A page of windows", body = Page<WindowView>)))]
#[get("/v1/maintenance-windows")]
pub(super) async fn list_windows(
    asked: Permitted<IncidentsRead, Query<ListWindows>>,
) -> Result<Json<Page<WindowView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let query = query.0;
    let of_all = WindowFilter { tenant: query.tenant_id, mailbox: query.mailbox_id, not_over_at: None };
    // The cursor is bound to what was asked for, which is not the time.
    let walk =
        Walk::new(&caller, "maintenance-windows", &(of_all, query.current), query.cursor.as_deref(), query.limit)?;
    let filter = WindowFilter { not_over_at: query.current.then_some(caller.now), ..of_all };
    let listed = maintenance::list(&mut caller.tx, &filter, walk.page(WindowId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |window| window.id.as_uuid(), WindowView::from)))
}
