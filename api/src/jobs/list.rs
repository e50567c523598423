//! Which jobs there were.

use std::collections::HashMap;

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::JobId;
use daimon_store::Listed;
use daimon_store::job::{self, JobFilter};

use super::view::{JobView, ListJobs, language_of};
use crate::caller::{MailboxesRead, Permitted};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List jobs
///
/// The jobs of the tenants within reach of your key, newest first, by tenant or mailbox, each with what it brought. They are kept
/// for 30 days.
#[utoipa::path(operation_id = "listJobs", tag = "Jobs", params(ListJobs), responses(
    (status = 200, description = "A page of jobs", body = Page<JobView>)))]
#[get("/v1/jobs")]
pub(super) async fn list_jobs(
    asked: Permitted<MailboxesRead, Query<ListJobs>>,
) -> Result<Json<Page<JobView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let (query, now) = (query.0, caller.now);
    let filter = JobFilter { tenant: query.tenant_id, mailbox: query.mailbox_id };
    let walk = Walk::new(&caller, "jobs", &filter, query.cursor.as_deref(), query.limit)?;
    let listed = job::list(&mut caller.tx, &filter, now, walk.page(JobId::from_uuid)).await?;
    let mut spoken = HashMap::new();
    let mut items = Vec::with_capacity(listed.items.len());
    for kept in listed.items {
        let tenant = kept.job.tenant;
        let language = match (query.language, spoken.get(&tenant)) {
            (Some(language), _) => language,
            (None, Some(known)) => *known,
            (None, None) => language_of(&mut caller, tenant).await?,
        };
        spoken.insert(tenant, language);
        items.push((kept.job.id, JobView::of(kept, language)?));
    }
    let listed = Listed { items, more: listed.more };
    Ok(Json(walk.answer(listed, |(id, _)| id.as_uuid(), |(_, view)| view)))
}
