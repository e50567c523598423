//! How many bounces there were, by hour, day, reason or verdict.

use actix_web::get;
use actix_web::web::Json;
use chrono::TimeDelta;
use daimon_store::statistics::{self, Counted};

use super::view::{BounceCountView, BounceCountsView, BouncesBy, CountBounces};
use crate::caller::{BouncesRead, Permitted};
use crate::input::Query;
use crate::problem::{FieldError, Problem};

/// Count bounces
///
/// How many bounces came to the mailboxes within reach of your key, by hour or day (UTC), by reason or by verdict, of all tenants or of one,
/// or of one mailbox. What drills make up is not counted.
#[utoipa::path(operation_id = "countBounces", tag = "Statistics", params(CountBounces), responses(
    (status = 200, description = "The numbers", body = BounceCountsView)))]
#[get("/v1/statistics/bounces")]
pub(super) async fn count_bounces(
    asked: Permitted<BouncesRead, Query<CountBounces>>,
) -> Result<Json<BounceCountsView>, Problem> {
    let Permitted(mut caller, query) = asked;
    let query = query.0;
    let by = query.by.unwrap_or(BouncesBy::Day);
    let (usual, most) = match by {
        BouncesBy::Hour => (TimeDelta::days(1), TimeDelta::days(31)),
        BouncesBy::Day | BouncesBy::Reason | BouncesBy::Verdict => (TimeDelta::days(30), TimeDelta::days(92)),
    };
    let to = query.to.unwrap_or(caller.now);
    let from = query.from.or_else(|| to.checked_sub_signed(usual)).unwrap_or(to);
    if from > to || to - from > most {
        let detail = format!("must be before to, by at most {} days", most.num_days());
        return Err(Problem::Invalid(vec![FieldError::of("from", detail)]));
    }
    let counted = Counted { tenant: query.tenant_id, mailbox: query.mailbox_id, from, to };
    let found = statistics::bounces(&mut caller.tx, by.as_str(), &counted).await?;
    let counts: Vec<_> = found.into_iter().map(|(key, bounces)| BounceCountView { key, bounces }).collect();
    Ok(Json(BounceCountsView { by, from, to, bounces: counts.iter().map(|one| one.bounces).sum(), counts }))
}
