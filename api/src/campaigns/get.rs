//! Reading one campaign.

use actix_web::get;
use actix_web::web::Json;
use daimon_store::campaign;

use super::view::CampaignView;
use crate::caller::{IncidentsRead, Permitted};
use crate::path::{At, CampaignPath};
use crate::problem::Problem;

/// Read a campaign
///
/// The campaign with what marks its mails. One that "this was us" made has the hashes of its letters.
#[utoipa::path(operation_id = "getCampaign", tag = "Campaigns", params(CampaignPath), responses(
    (status = 200, description = "The campaign", body = CampaignView)))]
#[get("/v1/campaigns/{campaign_id}")]
pub(super) async fn get_campaign(
    asked: Permitted<IncidentsRead, At<CampaignPath>>,
) -> Result<Json<CampaignView>, Problem> {
    let Permitted(mut caller, path) = asked;
    let campaign = campaign::find(&mut caller.tx, path.id()?).await?.ok_or_else(CampaignPath::absent)?;
    Ok(Json(campaign.into()))
}
