//! Which webhook endpoints there are.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::EndpointId;
use daimon_store::endpoint;

use super::view::{EndpointView, ListEndpoints};
use crate::caller::{Permitted, WebhooksRead};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List webhook endpoints
///
/// All endpoints within reach of your key, newest first, disabled ones included.
#[utoipa::path(operation_id = "listWebhookEndpoints", tag = "Webhooks", params(ListEndpoints), responses(
    (status = 200, description = "A page of endpoints", body = Page<EndpointView>)))]
#[get("/v1/webhook-endpoints")]
pub(super) async fn list_endpoints(
    asked: Permitted<WebhooksRead, Query<ListEndpoints>>,
) -> Result<Json<Page<EndpointView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let walk = Walk::new(&caller, "webhook_endpoints", &(), query.0.cursor.as_deref(), query.0.limit)?;
    let listed = endpoint::list(&mut caller.tx, walk.page(EndpointId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |endpoint| endpoint.id.as_uuid(), EndpointView::from)))
}
