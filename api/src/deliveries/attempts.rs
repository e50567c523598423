//! Each attempt of a delivery.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::AttemptId;
use daimon_store::{attempt, delivery};

use super::view::{AttemptView, ListAttempts};
use crate::caller::{Permitted, WebhooksRead};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::path::{At, DeliveryPath};
use crate::problem::Problem;

/// List the attempts of a delivery
///
/// Every HTTP request that was made for it, newest first, with what the receiver answered.
#[utoipa::path(operation_id = "listAttempts", tag = "Webhooks", params(DeliveryPath, ListAttempts), responses(
    (status = 200, description = "A page of attempts", body = Page<AttemptView>)))]
#[get("/v1/deliveries/{delivery_id}/attempts")]
pub(super) async fn list_attempts(
    asked: Permitted<WebhooksRead, (At<DeliveryPath>, Query<ListAttempts>)>,
) -> Result<Json<Page<AttemptView>>, Problem> {
    let Permitted(mut caller, (path, query)) = asked;
    let delivery = delivery::find(&mut caller.tx, path.id()?).await?.ok_or_else(DeliveryPath::absent)?;
    let walk = Walk::new(&caller, "attempts", &delivery.id, query.0.cursor.as_deref(), query.0.limit)?;
    let listed = attempt::list(&mut caller.tx, delivery.id, walk.page(AttemptId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |attempt| attempt.id.as_uuid(), AttemptView::from)))
}
