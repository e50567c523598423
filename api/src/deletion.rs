//! Deleting mailboxes and tenants: at once, or by a job where there is much to delete.

use actix_web::HttpResponse;
use actix_web::http::header;
use daimon_domain::id::{JobId, MailboxId, TenantId};
use daimon_domain::job::{Job, JobKind};
use daimon_domain::mailbox::{Mailbox, Polling};
use daimon_domain::tenant::Tenant;
use daimon_store::audit::{self, NewEntry};
use daimon_store::deletion::{self, Target};
use daimon_store::{job, mailbox, tenant};
use serde_json::json;

use crate::caller::Caller;
use crate::etag::IfMatch;
use crate::jobs::{JobView, language_of};
use crate::path::MailboxPath;
use crate::problem::Problem;

/// Up to so many rows of a kind go within a request.
const AT_ONCE: u32 = 5_000;

/// A mailbox that something is to be done with.
pub(crate) async fn living_mailbox<P>(caller: &mut Caller<P>, id: MailboxId) -> Result<Mailbox, Problem> {
    let mailbox = mailbox::find(&mut caller.tx, id).await?.ok_or_else(MailboxPath::absent)?;
    match mailbox.polling {
        Polling::Active | Polling::Paused { .. } => Ok(mailbox),
        Polling::Deleting { .. } => Err(Problem::Conflict("The mailbox is being deleted.")),
    }
}

/// A tenant that something is to be added to; `None`: there is no such tenant within reach.
pub(crate) async fn living_tenant<P>(caller: &mut Caller<P>, id: TenantId) -> Result<Option<Tenant>, Problem> {
    let tenant = tenant::find(&mut caller.tx, id).await?;
    if tenant.as_ref().is_some_and(|tenant| tenant.is_deleting) {
        return Err(Problem::Conflict("The tenant is being deleted."));
    }
    Ok(tenant)
}

/// What came of it.
pub(crate) struct Deleted {
    /// What does the rest; `None`: it is gone.
    pub(crate) job: Option<Job>,
    /// What is to be written down; `None`: that was done when the job began.
    pub(crate) entry: Option<NewEntry>,
}

/// Deletes it, or begins to: then there is a job that does the rest.
pub(crate) async fn deleted<P>(
    caller: &mut Caller<P>,
    target: Target,
    version: i64,
    expected: IfMatch,
    at_once: u32,
) -> Result<Deleted, Problem> {
    let (subject, what) = (target.id(), target.kind());
    // The audit log of a tenant that has gone is that of its provider.
    let of_tenant = target.mailbox().map(|_mailbox| target.tenant());
    if let Some(job) = job::deletion(&mut caller.tx, target).await? {
        // Whoever lost that answer asks once more, with what they read before it.
        return Ok(Deleted { job: Some(job), entry: None });
    }
    expected.check(version)?;
    if deletion::weight(&mut caller.tx, target, at_once).await? < i64::from(at_once) {
        if !deletion::finish(&mut caller.tx, target, Some(version), caller.now).await? {
            return Err(Problem::PreconditionFailed);
        }
        let entry = caller.entry(&format!("{what}.deleted"), &subject, of_tenant, json!({}));
        return Ok(Deleted { job: None, entry: Some(entry) });
    }
    if !deletion::begin(&mut caller.tx, target, version, caller.now).await? {
        // Somebody else began it at this moment, or changed something.
        let job = job::deletion(&mut caller.tx, target).await?.ok_or(Problem::PreconditionFailed)?;
        return Ok(Deleted { job: Some(job), entry: None });
    }
    let (now, id) = (caller.now, JobId::new(caller.now, caller.service.sources.entropy()));
    let asked = Job::asked(id, JobKind::Deletion, target.tenant(), caller.actor.to_string(), now);
    let job = Job { mailbox: target.mailbox(), ..asked };
    if !job::insert(&mut caller.tx, &job).await? {
        return Err(Problem::PreconditionFailed);
    }
    let entry = caller.entry(&format!("{what}.deletion_requested"), &subject, of_tenant, json!({ "job": job.id }));
    Ok(Deleted { job: Some(job), entry: Some(entry) })
}

/// The same, and ends the request: 204, or 202 with the job.
pub(crate) async fn answer<P>(
    mut caller: Caller<P>,
    target: Target,
    version: i64,
    expected: IfMatch,
) -> Result<HttpResponse, Problem> {
    let Deleted { job, entry } = deleted(&mut caller, target, version, expected, AT_ONCE).await?;
    if let Some(entry) = entry {
        audit::append(&mut caller.tx, &entry).await?;
    }
    let Some(job) = job else {
        caller.commit().await?;
        return Ok(HttpResponse::NoContent().finish());
    };
    let language = language_of(&mut caller, job.tenant).await?;
    let (service, msp, tenant, id) = (caller.service.clone(), caller.msp, job.tenant, job.id);
    caller.commit().await?;
    service.hint_job(msp, tenant, id).await;
    Ok(HttpResponse::Accepted()
        .insert_header((header::LOCATION, format!("/v1/jobs/{id}")))
        .json(JobView::without_result(job, language)))
}
