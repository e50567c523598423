//! Which campaigns there are.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::CampaignId;
use daimon_store::campaign::{self, CampaignFilter};

use super::view::{CampaignView, ListCampaigns};
use crate::caller::{IncidentsRead, Permitted};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List campaigns
///
/// What the tenants within reach of your key send on purpose, newest first, by tenant or mailbox.
#[utoipa::path(operation_id = "listCampaigns", tag = "Campaigns", params(ListCampaigns), responses(
    (status = 200, description = "A page of campaigns", body = Page<CampaignView>)))]
#[get("/v1/campaigns")]
pub(super) async fn list_campaigns(
    asked: Permitted<IncidentsRead, Query<ListCampaigns>>,
) -> Result<Json<Page<CampaignView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let query = query.0;
    let filter = CampaignFilter { tenant: query.tenant_id, mailbox: query.mailbox_id };
    let walk = Walk::new(&caller, "campaigns", &filter, query.cursor.as_deref(), query.limit)?;
    let listed = campaign::list(&mut caller.tx, &filter, walk.page(CampaignId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |campaign| campaign.id.as_uuid(), CampaignView::from)))
}
