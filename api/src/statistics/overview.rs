//! How the fleet stands.

use actix_web::get;
use actix_web::web::Json;
use chrono::TimeDelta;
use daimon_domain::scope::Permission;
use daimon_store::statistics;

use super::view::{OverviewQuery, OverviewView};
use crate::caller::{MailboxesRead, Permitted};
use crate::input::Query;
use crate::problem::Problem;

/// Read the overview
///
/// How everything within reach of your key stands, or one tenant: how many mailboxes are read without trouble and how many are not, live
/// incidents by tier, and what came back in the last 24 hours. Numbers only; what drills make up is not counted.
/// Needs `incidents:read` and `bounces:read` too.
#[utoipa::path(operation_id = "getOverview", tag = "Statistics", params(OverviewQuery), responses(
    (status = 200, description = "The numbers", body = OverviewView)))]
#[get("/v1/statistics/overview")]
pub(super) async fn get_overview(
    asked: Permitted<MailboxesRead, Query<OverviewQuery>>,
) -> Result<Json<OverviewView>, Problem> {
    let Permitted(mut caller, query) = asked;
    caller.also_needs(Permission::IncidentsRead)?;
    caller.also_needs(Permission::BouncesRead)?;
    let now = caller.now;
    let (since, fresh) = (now - TimeDelta::days(1), now - TimeDelta::hours(1));
    let overview = statistics::overview(&mut caller.tx, query.0.tenant_id, since, fresh).await?;
    Ok(Json(OverviewView::new(now, &overview)))
}
