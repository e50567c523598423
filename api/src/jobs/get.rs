//! How a job goes.

use actix_web::get;
use actix_web::web::Json;
use daimon_store::job;

use super::view::{JobView, Spoken, language_of};
use crate::caller::{MailboxesRead, Permitted};
use crate::input::Query;
use crate::path::{At, JobPath};
use crate::problem::Problem;

/// Read a job
///
/// Where it stands and, when it is `done`, what it brought, in the tenant's language or in the one that you ask for. Ask once a
/// second until it is `done` or `failed`. Jobs are kept for 30 days.
#[utoipa::path(operation_id = "getJob", tag = "Jobs", params(JobPath, Spoken), responses(
    (status = 200, description = "The job", body = JobView)))]
#[get("/v1/jobs/{job_id}")]
pub(super) async fn get_job(
    asked: Permitted<MailboxesRead, (At<JobPath>, Query<Spoken>)>,
) -> Result<Json<JobView>, Problem> {
    let Permitted(mut caller, (path, query)) = asked;
    let now = caller.now;
    let kept = job::find(&mut caller.tx, path.id()?, now).await?.ok_or_else(JobPath::absent)?;
    let language = match query.0.language {
        Some(language) => language,
        None => language_of(&mut caller, kept.job.tenant).await?,
    };
    Ok(Json(JobView::of(kept, language)?))
}
