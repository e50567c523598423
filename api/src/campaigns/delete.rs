//! Taking a campaign back.

use actix_web::{HttpResponse, delete};
use daimon_store::campaign;
use serde_json::json;

use crate::caller::{IncidentsWrite, Permitted};
use crate::path::{At, CampaignPath};
use crate::problem::Problem;

/// Delete a campaign
///
/// Takes it back: what comes back from now on is judged like any other mail. What was judged before stays so.
#[utoipa::path(operation_id = "deleteCampaign", tag = "Campaigns", params(CampaignPath), responses(
    (status = 204, description = "It is gone")))]
#[delete("/v1/campaigns/{campaign_id}")]
pub(super) async fn delete_campaign(
    asked: Permitted<IncidentsWrite, At<CampaignPath>>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let campaign = campaign::find(&mut caller.tx, path.id()?).await?.ok_or_else(CampaignPath::absent)?;
    if !campaign::delete(&mut caller.tx, campaign.id).await? {
        return Err(CampaignPath::absent());
    }
    caller.audit("campaign.deleted", campaign.id, Some(campaign.tenant), json!({})).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
