//! Which bounces there are.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::{BounceId, IncidentId};
use daimon_store::bounce::{self, BounceFilter};

use super::view::{BounceView, ListBounces};
use crate::caller::{BouncesRead, Permitted};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List bounces
///
/// What came back to the mailboxes within reach of your key, newest first, by tenant, mailbox, incident, reason,
/// verdict, recipient domain or time. What a drill makes up is only there when it is asked for: by its incident, or with
/// `livemode=false`.
#[utoipa::path(operation_id = "listBounces", tag = "Bounces", params(ListBounces), responses(
    (status = 200, description = "A page of bounces", body = Page<BounceView>)))]
#[get("/v1/bounces")]
pub(super) async fn list_bounces(
    asked: Permitted<BouncesRead, Query<ListBounces>>,
) -> Result<Json<Page<BounceView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let query = query.0;
    let filter = BounceFilter {
        tenant: query.tenant_id,
        mailbox: query.mailbox_id,
        reason: query.reason,
        recipient_domain: query.recipient_domain.map(|domain| domain.to_lowercase()),
        verdict: query.verdict,
        incident: query.incident_id,
        from: query.from,
        to: query.to,
        livemode: livemode(query.livemode, query.incident_id),
    };
    let walk = Walk::new(&caller, "bounces", &filter, query.cursor.as_deref(), query.limit)?;
    let listed = bounce::list(&mut caller.tx, &filter, walk.page(BounceId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |bounce| bounce.0.id.as_uuid(), BounceView::from)))
}

/// Who asks for an incident knows whether it happened.
pub(super) fn livemode(asked: Option<bool>, incident: Option<IncidentId>) -> Option<bool> {
    asked.or(incident.is_none().then_some(true))
}
