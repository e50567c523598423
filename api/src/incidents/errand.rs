//! Jobs on an incident's mailbox.

use actix_web::HttpResponse;
use daimon_domain::id::JobId;
use daimon_domain::incident::Incident;
use daimon_domain::job::{Job, JobKind};
use daimon_domain::tenant::Language;
use daimon_store::{job, tenant};
use serde_json::json;

use crate::caller::Caller;
use crate::deletion::living_mailbox;
use crate::idempotency::{Created, Once};
use crate::jobs::JobView;
use crate::problem::Problem;

/// What is to be done.
#[derive(Clone, Copy)]
pub(super) struct Errand {
    pub(super) kind: JobKind,
    pub(super) is_dry_run: bool,
    /// While a job of these kinds goes on on the mailbox no other one is begun.
    pub(super) beside_none_of: &'static [JobKind],
    /// What is answered then.
    pub(super) in_the_way: &'static str,
}

/// Ends the request with the job that does it: one that goes on already, or a new one.
pub(super) async fn begin<P>(
    mut caller: Caller<P>,
    once: Once,
    incident: &Incident,
    errand: Errand,
) -> Result<HttpResponse, Problem> {
    living_mailbox(&mut caller, incident.mailbox).await?;
    let job = begun(&mut caller, incident, errand).await?;
    let tenant = tenant::find(&mut caller.tx, incident.tenant).await?;
    let language = tenant.map_or(Language::English, |tenant| tenant.language);
    let (service, msp, id) = (caller.service.clone(), caller.msp, job.id);
    let location = format!("/v1/jobs/{id}");
    let made = Created { location, version: None, view: JobView::without_result(job, language) };
    let response = once.accepted(caller, made).await?;
    service.hint_job(msp, incident.tenant, id).await;
    Ok(response)
}

async fn begun<P>(caller: &mut Caller<P>, incident: &Incident, errand: Errand) -> Result<Job, Problem> {
    let mut going = None;
    for other in errand.beside_none_of {
        going = going.or(job::unfinished(&mut caller.tx, incident.mailbox, *other).await?);
    }
    if going.is_none() {
        if let Some(job) = new(caller, incident, errand).await? {
            return Ok(job);
        }
        // Somebody else has asked for it at this moment.
        going = job::unfinished(&mut caller.tx, incident.mailbox, errand.kind).await?;
    }
    let same = (errand.kind, Some(incident.id), errand.is_dry_run);
    let is_same = |job: &Job| (job.kind, job.incident, job.is_dry_run) == same;
    going.filter(is_same).ok_or(Problem::Busy(errand.in_the_way))
}

/// `None`: one goes on already.
async fn new<P>(caller: &mut Caller<P>, incident: &Incident, errand: Errand) -> Result<Option<Job>, Problem> {
    let now = caller.now;
    let id = JobId::new(now, caller.service.sources.entropy());
    let job = Job {
        mailbox: Some(incident.mailbox),
        incident: Some(incident.id),
        is_dry_run: errand.is_dry_run,
        ..Job::asked(id, errand.kind, incident.tenant, caller.actor.to_string(), now)
    };
    if !job::insert(&mut caller.tx, &job).await? {
        return Ok(None);
    }
    if errand.kind == JobKind::Recipients {
        // What is asked for anew is kept once.
        job::let_go_of(&mut caller.tx, incident.id, now).await?;
    }
    let action = format!("incident.{}_requested", errand.kind.as_str());
    let detail = json!({ "job": job.id, "mailbox": incident.mailbox, "dry_run": errand.is_dry_run });
    caller.audit(&action, incident.id, Some(incident.tenant), detail).await?;
    Ok(Some(job))
}
