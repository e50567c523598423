//! Giving the addresses that a job has gathered.

use actix_web::{HttpResponse, post};
use chrono::{DateTime, Utc};
use daimon_domain::gathered::KEPT;
use daimon_domain::id::{BounceId, JobId};
use daimon_domain::job::{Job, JobKind, JobState};
use daimon_domain::reason::{Permanence, Reason};
use daimon_seal::Aad;
use daimon_store::recipient::{self, Found};
use daimon_store::{Page, job, tenant};
use futures_util::FutureExt;
use serde::Serialize;
use serde_json::json;

use super::view::{TakeRecipients, gathered};
use crate::caller::{Caller, Permitted, RecipientsRead};
use crate::export::{AT_ONCE, ExportFormat, Part, Token, Writing, streamed};
use crate::input::Query;
use crate::path::{At, JobPath};
use crate::problem::Problem;

/// The columns of a table, as the fields of a recipient are called.
const COLUMNS: [&str; 6] = ["address", "reason", "status", "permanence", "bounced_at", "bounces"];

/// A recipient, as a line.
#[derive(Serialize)]
struct Recipient {
    address: String,
    reason: Reason,
    status: Option<String>,
    permanence: Permanence,
    bounced_at: DateTime<Utc>,
    bounces: u64,
}

/// Where the addresses are read on; after the last of them, they are forgotten.
#[derive(Clone, Copy)]
enum Next {
    Before(BounceId),
    Forget,
}

/// Take the addresses that a job has gathered
///
/// Gives the addresses that bounced in an incident, each once, as lines of JSON (`ndjson`) or as a table (`csv`, UTF-8 with a
/// byte order mark), with why the newest bounce says that the delivery failed, whether trying again can help (`permanence`),
/// when it came, and how many there were. **Once:** when the last of them is written they are gone, and the job says when
/// (`recipients.given_at`). An answer that breaks off is not whole, and can be asked for again. Each time it is written
/// to the audit log who asked. They can be taken for a day after they were asked for. In a table, text that begins with `=`, `+`, `-` or `@` has
/// an apostrophe before it, so that no spreadsheet takes it for a formula.
#[utoipa::path(operation_id = "takeRecipients", tag = "Jobs", params(JobPath, TakeRecipients), responses(
    (status = 200, description = "All of them", content(
        (String = "application/x-ndjson", example = json!("{\"address\":\"typo@friend.example\",\"reason\":\"user_unknown\",\"status\":\"5.1.1\",\"permanence\":\"permanent\",\"bounced_at\":\"2026-11-24T07:00:00Z\",\"bounces\":1}\n")),
        (String = "text/csv", example = json!("address,reason,status,permanence,bounced_at,bounces\r\n")),
    )),
    (status = 409, description = "It gathers no addresses, has not ended or has failed, or they have been given or are a day old")))]
#[post("/v1/jobs/{job_id}/recipients")]
pub(super) async fn take_recipients(
    asked: Permitted<RecipientsRead, (At<JobPath>, Query<TakeRecipients>, Token)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, query, token)) = asked;
    let job = ready(&mut caller, path.id()?).await?;
    let detail = json!({ "job": job.id, "mailbox": job.mailbox });
    let incident = job.incident.map(|incident| incident.to_string()).unwrap_or_default();
    caller.audit("incident.recipients_taken", incident, Some(job.tenant), detail).await?;
    let format = query.0.format.unwrap_or(ExportFormat::Ndjson);
    let writing = Writing { format, columns: &COLUMNS, name: "recipients" };
    let first = part(&mut caller, &job, None, writing).await?;
    let service = caller.service.clone();
    // Before the first of them is given: nobody takes them unnoticed.
    caller.commit().await?;
    streamed(service, token, writing, first, move |mut caller: Caller<RecipientsRead>, next| {
        let id = job.id;
        async move {
            // Somebody else may have taken the last of them meanwhile: then this is not whole.
            let job = ready(&mut caller, id).await?;
            match next {
                Next::Before(last) => part(&mut caller, &job, Some(last), writing).await,
                Next::Forget => {
                    recipient::forget(&mut caller.tx, id).await?;
                    job::set_given(&mut caller.tx, id, caller.now).await?;
                    caller.commit().await?;
                    Ok(Part { bytes: Vec::new(), next: None })
                }
            }
        }
        .boxed_local()
    })
}

/// The job, if its addresses can be taken.
async fn ready(caller: &mut Caller<RecipientsRead>, id: JobId) -> Result<Job, Problem> {
    let now = caller.now;
    let kept = job::find(&mut caller.tx, id, now).await?.ok_or_else(JobPath::absent)?;
    if kept.job.kind != JobKind::Recipients {
        return Err(Problem::Conflict("This job gathers no addresses."));
    }
    match kept.job.state {
        JobState::Done => {}
        JobState::Waiting | JobState::Running => return Err(Problem::Conflict("The job has not ended yet.")),
        JobState::Failed => {
            return Err(Problem::Conflict("The job has failed; it says why. Have them gathered again."));
        }
    }
    let is_given = kept.result.map(gathered).transpose()?.is_none_or(|gathered| gathered.given_at.is_some());
    if is_given || now >= kept.job.created_at + KEPT {
        return Err(Problem::Conflict("The addresses have been given, or a day has passed. Have them gathered again."));
    }
    Ok(kept.job)
}

async fn part(
    caller: &mut Caller<RecipientsRead>,
    job: &Job,
    before: Option<BounceId>,
    writing: Writing,
) -> Result<Part<Next>, Problem> {
    let listed = recipient::list(&mut caller.tx, job.id, Page { limit: AT_ONCE, before }).await?;
    let last = listed.items.last().filter(|_| listed.more).map(|last| last.bounce);
    let wrapped = tenant::data_key(&mut caller.tx, job.tenant).await?.ok_or_else(JobPath::absent)?;
    let key = caller.service.master.unwrap(&wrapped, &Aad::tenant_key(caller.msp, job.tenant))?;
    let mut rows = Vec::with_capacity(listed.items.len());
    for Found { bounce, sealed_address, reason, status, permanence, bounced_at, bounces } in listed.items {
        let address = key.open(&Aad::bounced_recipient(caller.msp, job.tenant, bounce), &sealed_address)?;
        let address = String::from_utf8_lossy(&address).into_owned();
        let status = status.map(|status| status.to_string());
        rows.push(Recipient { address, reason, status, permanence, bounced_at, bounces });
    }
    Ok(Part { bytes: writing.rows(&rows)?, next: Some(last.map_or(Next::Forget, Next::Before)) })
}
