//! Asking for a test of a mailbox's connection.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, post};
use daimon_domain::id::{JobId, TenantId};
use daimon_domain::job::{Job, JobKind};
use daimon_domain::mailbox::Mailbox;
use daimon_domain::tenant::Language;
use daimon_store::job::{self, Count};
use daimon_store::tenant;
use serde_json::json;

use crate::caller::{Caller, MailboxesWrite, Permitted};
use crate::deletion::living_mailbox;
use crate::hourly::{AN_HOUR, within};
use crate::idempotency::{Created, IdempotencyKey};
use crate::jobs::JobView;
use crate::path::{At, IdempotencyKeyHeader, MailboxPath};
use crate::problem::Problem;

/// So many tests of a tenant may lead nowhere, at servers where nobody of yours was ever let in: else this would find out what
/// listens where.
pub(crate) const MOST_IN_VAIN: i64 = 10;
/// So often a mailbox is signed in to because somebody asks for it.
const MOST_OF_A_MAILBOX: i64 = 20;

/// Test a mailbox's connection
///
/// Tries the mailbox one step after the other: the host's name, the connection, TLS and its certificate, the IMAP server, the
/// access token where it has a credential, the sign-in, its folders, INBOX, the newest mail, copies of what was sent, the host's
/// limits. Answers with a job; read it until it is `done`. Each step has a code, a sentence and, where something is wrong, what to
/// do about it at this provider, in English or Japanese. A paused mailbox is tested too. A refused password counts like any
/// other refusal: after three it is not tried any more, and the test says so. A token is asked for again, also where the
/// provider refused before: so this proves the consent steps of a credential. A mailbox that could not be read and can be now
/// is read again at once. While a test of it goes on, you are given that one. Nothing is marked as read.
#[utoipa::path(operation_id = "testMailboxConnection", tag = "Mailboxes", params(MailboxPath, IdempotencyKeyHeader), responses(
    (status = 202, description = "The job", body = JobView, headers(("Location", description = "Where to see how it goes"))),
    (status = 409, description = "`conflict`: it is being deleted. `busy`: a test of it has ended at this moment"),
    (status = 429, description = "More than 10 tests of this tenant have led nowhere within an hour, or this mailbox was tested 20 times, or too many requests", headers(("Retry-After", description = "In so many seconds the next one can be asked for")))))]
#[post("/v1/mailboxes/{mailbox_id}/test-connection")]
pub(super) async fn test_connection(
    asked: Permitted<MailboxesWrite, (At<MailboxPath>, IdempotencyKey)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, once)) = asked;
    let once = match once.begin(&mut caller, &Bytes::new()).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let mailbox = living_mailbox(&mut caller, path.id()?).await?;
    let tenant = tenant::find(&mut caller.tx, mailbox.tenant).await?;
    let language = tenant.map_or(Language::English, |tenant| tenant.language);
    let job = match job::unfinished(&mut caller.tx, mailbox.id, JobKind::TestConnection).await? {
        Some(job) => job,
        None => begin(&mut caller, &mailbox).await?,
    };
    let (service, msp, id) = (caller.service.clone(), caller.msp, job.id);
    let made =
        Created { location: format!("/v1/jobs/{id}"), version: None, view: JobView::without_result(job, language) };
    let response = once.accepted(caller, made).await?;
    service.hint_job(msp, mailbox.tenant, id).await;
    Ok(response)
}

async fn begin(caller: &mut Caller<MailboxesWrite>, mailbox: &Mailbox) -> Result<Job, Problem> {
    let (now, since) = (caller.now, caller.now - AN_HOUR);
    let asked = job::asked_since(&mut caller.tx, mailbox.id, JobKind::TestConnection, since).await?;
    within(asked, MOST_OF_A_MAILBOX, now, "This mailbox was tested 20 times within an hour.")?;
    if !job::knows_host(&mut caller.tx, &mailbox.server.host).await? {
        let in_vain = in_vain(caller, mailbox.tenant).await?;
        within(in_vain, MOST_IN_VAIN, now, "10 tests of this tenant have led nowhere within an hour.")?;
    }
    let job = new_test(caller, mailbox);
    if !job::insert(&mut caller.tx, &job).await? {
        // Somebody was faster by a moment.
        let other = job::unfinished(&mut caller.tx, mailbox.id, JobKind::TestConnection).await?;
        return other.ok_or(Problem::Busy("A test of this mailbox has just ended."));
    }
    let detail = json!({ "job": job.id });
    caller.audit("mailbox.connection_test_requested", mailbox.id, Some(mailbox.tenant), detail).await?;
    Ok(job)
}

/// How many tests of a tenant have led nowhere within the hour.
pub(crate) async fn in_vain<P>(caller: &mut Caller<P>, tenant: TenantId) -> Result<Count, Problem> {
    Ok(job::in_vain_since(&mut caller.tx, tenant, caller.now - AN_HOUR).await?)
}

/// A test that is to be done at once.
pub(crate) fn new_test<P>(caller: &Caller<P>, mailbox: &Mailbox) -> Job {
    let (now, id) = (caller.now, JobId::new(caller.now, caller.service.sources.entropy()));
    let asked = Job::asked(id, JobKind::TestConnection, mailbox.tenant, caller.actor.to_string(), now);
    Job { mailbox: Some(mailbox.id), ..asked }
}
