//! Which incidents there are.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::IncidentId;
use daimon_store::incident::{self, IncidentFilter};

use super::view::{IncidentView, ListIncidents};
use crate::caller::{IncidentsRead, Permitted};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List incidents
///
/// The incidents of all tenants within reach of your key, newest first, by tenant, mailbox, verdict or state. What a drill
/// makes up is only there when it is asked for, with `livemode=false`.
#[utoipa::path(operation_id = "listIncidents", tag = "Incidents", params(ListIncidents), responses(
    (status = 200, description = "A page of incidents", body = Page<IncidentView>)))]
#[get("/v1/incidents")]
pub(super) async fn list_incidents(
    asked: Permitted<IncidentsRead, Query<ListIncidents>>,
) -> Result<Json<Page<IncidentView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let query = query.0;
    let filter = IncidentFilter {
        tenant: query.tenant_id,
        mailbox: query.mailbox_id,
        verdict: query.verdict,
        state: query.state,
        live_only: query.live,
        livemode: Some(query.livemode.unwrap_or(true)),
    };
    let walk = Walk::new(&caller, "incidents", &filter, query.cursor.as_deref(), query.limit)?;
    let listed = incident::list(&mut caller.tx, &filter, walk.page(IncidentId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |incident| incident.0.id.as_uuid(), IncidentView::from)))
}
