//! Which deliveries there are.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::DeliveryId;
use daimon_store::delivery::{self, DeliveryFilter};

use super::view::{DeliveryView, ListDeliveries};
use crate::caller::{Permitted, WebhooksRead};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List deliveries
///
/// What was or is to be told, newest first, by endpoint, event or state.
#[utoipa::path(operation_id = "listDeliveries", tag = "Webhooks", params(ListDeliveries), responses(
    (status = 200, description = "A page of deliveries", body = Page<DeliveryView>)))]
#[get("/v1/deliveries")]
pub(super) async fn list_deliveries(
    asked: Permitted<WebhooksRead, Query<ListDeliveries>>,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let query = query.0;
    let filter = DeliveryFilter { endpoint: query.endpoint_id, event: query.event_id, state: query.state };
    let filters = (filter.endpoint, filter.event, filter.state);
    let walk = Walk::new(&caller, "deliveries", &filters, query.cursor.as_deref(), query.limit)?;
    let listed = delivery::list(&mut caller.tx, &filter, walk.page(DeliveryId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |delivery| delivery.id.as_uuid(), DeliveryView::from)))
}
