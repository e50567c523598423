//! How a drill goes.

use actix_web::get;
use actix_web::web::Json;
use daimon_store::drill;

use super::view::DrillView;
use crate::caller::{IncidentsRead, Permitted};
use crate::path::{At, DrillPath};
use crate::problem::Problem;

/// Read a drill
///
/// Where it stands, which events were told of it, and how many of the deliveries your endpoints took. When it is over this
/// says what it brought, which is gone.
#[utoipa::path(operation_id = "getDrill", tag = "Drills", params(DrillPath), responses(
    (status = 200, description = "The drill", body = DrillView)))]
#[get("/v1/drills/{drill_id}")]
pub(super) async fn get_drill(asked: Permitted<IncidentsRead, At<DrillPath>>) -> Result<Json<DrillView>, Problem> {
    let Permitted(mut caller, path) = asked;
    let drill = drill::find(&mut caller.tx, path.id()?).await?.ok_or_else(DrillPath::absent)?;
    Ok(Json(drill.into()))
}
