//! Giving the addresses that a job has gathered.

use actix_web::{HttpResponse, post};
use chrono::{DateTime, Utc};
use daimon_domain::id::JobId;
use daimon_domain::job::{Job, JobKind, JobState};
use daimon_domain::reason::{Permanence, Reason};
use daimon_seal::Aad;
use daimon_store::job::Kept;
use daimon_store::recipient::{self, Found};
use daimon_store::{job, tenant};
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

/// Take the addresses that a job has gathered
///
/// Gives the addresses that bounced in an incident, each once, as lines of JSON (`ndjson`) or as a table (`csv`, UTF-8 with a
/// byte order mark), with why the newest bounce says that the delivery failed, whether trying again can help (`permanence`),
/// when it came, and how many of the mails that were read say so. It is the address that was written to, also where that led to another one. **To one
/// caller:** whoever takes them first can take them again for a quarter of an hour, since an answer that breaks off is not whole, and nobody
/// else is given them; the job says when that was (`recipients.given_at`). Then they are gone, or a day after they were asked for. Each time it is
/// written to the audit log who asked. In a table, text that begins with `=`, `+`, `-` or `@` has an apostrophe before it, so that no
/// spreadsheet takes it for a formula.
#[utoipa::path(operation_id = "takeRecipients", tag = "Jobs", params(JobPath, TakeRecipients), responses(
    (status = 200, description = "All of them", content(
        (String = "application/x-ndjson", example = json!("{\"address\":\"typo@friend.example\",\"reason\":\"user_unknown\",\"status\":\"5.1.1\",\"permanence\":\"permanent\",\"bounced_at\":\"2026-11-24T07:00:00Z\",\"bounces\":1}\n")),
        (String = "text/csv", example = json!("address,reason,status,permanence,bounced_at,bounces\r\n")),
    )),
    (status = 409, description = "`busy`: it has not ended. `conflict`: it gathers no addresses or has failed, or they have been given to somebody else, or are kept no longer")))]
#[post("/v1/jobs/{job_id}/recipients")]
pub(super) async fn take_recipients(
    asked: Permitted<RecipientsRead, (At<JobPath>, Query<TakeRecipients>, Token)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, query, token)) = asked;
    let id = path.id()?;
    let to = caller.actor.to_string();
    // Who is the first is decided by the row.
    let is_first = job::give(&mut caller.tx, id, &to, caller.now).await?;
    let job = ready(&mut caller, id).await?;
    let detail = json!({ "job": id, "mailbox": job.mailbox, "again": !is_first });
    let incident = job.incident.map(|incident| incident.to_string()).unwrap_or_default();
    let format = query.0.format.unwrap_or(ExportFormat::Ndjson);
    let writing = Writing { format, columns: &COLUMNS, name: "recipients" };
    let first = part(&mut caller, &job, None, writing).await?;
    caller.audit("incident.recipients_taken", incident, Some(job.tenant), detail).await?;
    let service = caller.service.clone();
    // Before the first of them is given: nobody takes them unnoticed.
    caller.commit().await?;
    streamed(service, token, writing, first, move |mut caller: Caller<RecipientsRead>, after| {
        async move {
            let job = ready(&mut caller, id).await?;
            part(&mut caller, &job, Some(after), writing).await
        }
        .boxed_local()
    })
}

/// The job, if its addresses are this caller's.
async fn ready(caller: &mut Caller<RecipientsRead>, id: JobId) -> Result<Job, Problem> {
    let now = caller.now;
    let Kept { job, result, kept_until } = job::find(&mut caller.tx, id, now).await?.ok_or_else(JobPath::absent)?;
    if job.kind != JobKind::Recipients {
        return Err(Problem::Conflict("This job gathers no addresses."));
    }
    match job.state {
        JobState::Done => {}
        JobState::Waiting | JobState::Running => return Err(Problem::Busy("The job has not ended yet.")),
        JobState::Failed => {
            return Err(Problem::Conflict("The job has failed; it says why. Have them gathered again."));
        }
    }
    if kept_until.is_none_or(|until| until <= now) {
        return Err(Problem::Conflict("The addresses are kept no longer. Have them gathered again."));
    }
    let to = result.map(gathered).transpose()?.and_then(|gathered| gathered.given_to);
    if to.is_none_or(|to| to != caller.actor.to_string()) {
        return Err(Problem::Conflict("The addresses have been given to somebody else. Have them gathered again."));
    }
    Ok(job)
}

async fn part(
    caller: &mut Caller<RecipientsRead>,
    job: &Job,
    after: Option<[u8; 32]>,
    writing: Writing,
) -> Result<Part<[u8; 32]>, Problem> {
    let found = recipient::list(&mut caller.tx, job.id, after, AT_ONCE).await?;
    let next = found.last().filter(|_| found.len() == usize::from(AT_ONCE)).map(|last| last.told.hash);
    let wrapped = tenant::data_key(&mut caller.tx, job.tenant).await?.ok_or_else(JobPath::absent)?;
    let key = caller.service.master.unwrap(&wrapped, &Aad::tenant_key(caller.msp, job.tenant))?;
    let mut rows = Vec::with_capacity(found.len());
    for Found { told, reason, status, permanence, bounced_at, bounces } in found {
        let address = key.open(&Aad::bounced_recipient(caller.msp, job.tenant, told.bounce), &told.sealed)?;
        let address = String::from_utf8_lossy(&address).into_owned();
        let status = status.map(|status| status.to_string());
        rows.push(Recipient { address, reason, status, permanence, bounced_at, bounces });
    }
    Ok(Part { bytes: writing.rows(&rows)?, next })
}
