//! Which drills there were.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::DrillId;
use daimon_store::drill::{self, DrillFilter};

use super::view::{DrillView, ListDrills};
use crate::caller::{IncidentsRead, Permitted};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List drills
///
/// The drills of the tenants within reach of your key, newest first, by tenant, mailbox or state. They are kept for 400 days.
#[utoipa::path(operation_id = "listDrills", tag = "Drills", params(ListDrills), responses(
    (status = 200, description = "A page of drills", body = Page<DrillView>)))]
#[get("/v1/drills")]
pub(super) async fn list_drills(
    asked: Permitted<IncidentsRead, Query<ListDrills>>,
) -> Result<Json<Page<DrillView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let query = query.0;
    let filter = DrillFilter { tenant: query.tenant_id, mailbox: query.mailbox_id, state: query.state };
    let walk = Walk::new(&caller, "drills", &filter, query.cursor.as_deref(), query.limit)?;
    let listed = drill::list(&mut caller.tx, &filter, walk.page(DrillId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |drill| drill.id.as_uuid(), DrillView::from)))
}
