//! What is billed.

use actix_web::get;
use actix_web::web::Json;
use chrono::{Datelike, Days};
use daimon_store::watched::{self, By};

use super::view::{UsageBy, UsageQuery, UsageRowView, UsageView};
use crate::caller::{Permitted, TenantsRead};
use crate::input::Query;
use crate::problem::{FieldError, Problem};

/// As many days as are counted at a time.
const MOST_DAYS: i64 = 366;

/// Read the usage
///
/// Mailbox-days, for billing. A day (UTC) counts for a mailbox that was there and not paused at any moment of it, whether or not its server let us
/// in. Days of mailboxes and tenants that were deleted since stay, and so does their number: what was read once is read the same later,
/// but for today's.
#[utoipa::path(operation_id = "getUsage", tag = "Statistics", params(UsageQuery), responses(
    (status = 200, description = "The days", body = UsageView)))]
#[get("/v1/usage")]
pub(super) async fn get_usage(asked: Permitted<TenantsRead, Query<UsageQuery>>) -> Result<Json<UsageView>, Problem> {
    let Permitted(mut caller, query) = asked;
    let query = query.0;
    let (by, today, now) = (query.by.unwrap_or(UsageBy::Tenant), caller.now.date_naive(), caller.now);
    let to = query.to.or_else(|| today.checked_add_days(Days::new(1))).unwrap_or(today);
    let from = query.from.or_else(|| today.with_day(1)).unwrap_or(today);
    if from > to || (to - from).num_days() > MOST_DAYS {
        return Err(Problem::Invalid(vec![FieldError::of("from", "must be before to, by at most 366 days")]));
    }
    if by == UsageBy::Mailbox && query.tenant_id.is_none() {
        return Err(Problem::Invalid(vec![FieldError::of(
            "tenant_id",
            "is missing: by mailbox, days are counted of one tenant",
        )]));
    }
    let counted_by = match by {
        UsageBy::Tenant => By::Tenant,
        UsageBy::Mailbox => By::Mailbox,
        UsageBy::Day => By::Day,
    };
    let days = watched::days(&mut caller.tx, counted_by, query.tenant_id, (from, to), now).await?;
    let mailbox_days = days.iter().map(|one| one.mailbox_days).sum();
    Ok(Json(UsageView { by, from, to, mailbox_days, rows: days.into_iter().map(UsageRowView::from).collect() }))
}
