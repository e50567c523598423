//! Reading one delivery.

use actix_web::get;
use actix_web::web::Json;
use daimon_store::delivery;

use super::view::DeliveryView;
use crate::caller::{Permitted, WebhooksRead};
use crate::path::{At, DeliveryPath};
use crate::problem::Problem;

/// Read a delivery
///
/// One event on its way to one endpoint: where it stands and when the next attempt is due.
#[utoipa::path(operation_id = "getDelivery", tag = "Webhooks", params(DeliveryPath), responses(
    (status = 200, description = "The delivery", body = DeliveryView)))]
#[get("/v1/deliveries/{delivery_id}")]
pub(super) async fn get_delivery(
    asked: Permitted<WebhooksRead, At<DeliveryPath>>,
) -> Result<Json<DeliveryView>, Problem> {
    let Permitted(mut caller, path) = asked;
    let delivery = delivery::find(&mut caller.tx, path.id()?).await?.ok_or_else(DeliveryPath::absent)?;
    Ok(Json(delivery.into()))
}
