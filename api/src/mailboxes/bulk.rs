//! The same with many mailboxes.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{HttpResponse, post};
use daimon_domain::id::{MailboxId, TenantId};
use daimon_domain::mailbox::{Mailbox, Polling};
use daimon_domain::words;
use daimon_queue::Kind;
use daimon_store::deletion::Target;
use daimon_store::{audit, mailbox};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::caller::{Caller, MailboxesWrite, Permitted};
use crate::deletion::{Deleted, deleted, living_mailbox};
use crate::etag::IfMatch;
use crate::idempotency::IdempotencyKey;
use crate::input::Body;
use crate::path::IdempotencyKeyHeader;
use crate::problem::Problem;

words! {
    /// What is done with mailboxes.
    BulkAction {
        /// They are not read until somebody resumes them.
        Pause = "pause",
        /// They are read again, at once.
        Resume = "resume",
        /// They are read now.
        PollNow = "poll_now",
        /// They are gone, with everything that was read from them.
        Delete = "delete",
    }
}

words! {
    /// What came of one.
    BulkOutcome {
        /// It is done.
        Done = "done",
        /// A job deletes it: nobody reads it any more, and there is much to delete.
        Deleting = "deleting",
        /// There is none.
        NotFound = "not_found",
    }
}

/// What to do with which mailboxes.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBulk, example = json!({"action": "poll_now", "mailbox_ids": ["mbx_019ab1c2d3e47f508192a3b4c5d6e7f8"]}))]
pub(crate) struct NewBulk {
    /// What to do with each.
    #[garde(skip)]
    #[schema(schema_with = crate::words::bulk_action)]
    action: BulkAction,
    /// Which mailboxes: 1 to 100.
    #[garde(length(min = 1, max = 100))]
    #[schema(schema_with = crate::words::mailbox_ids_1_to_100)]
    mailbox_ids: Vec<MailboxId>,
}

/// What came of each.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bulk, example = json!({"action": "poll_now", "done": 1, "not_found": 0, "results": [
    {"mailbox_id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8", "outcome": "done"}
]}))]
pub(crate) struct BulkView {
    /// What was done with each.
    #[schema(schema_with = crate::words::bulk_action)]
    action: BulkAction,
    /// With how many it was. What a job deletes is not counted.
    done: usize,
    /// How many there are not.
    not_found: usize,
    /// Each, in the order in which they were named.
    results: Vec<BulkResultView>,
}

/// What came of one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BulkResult)]
pub(crate) struct BulkResultView {
    /// Which.
    #[schema(schema_with = crate::words::mailbox_id)]
    mailbox_id: MailboxId,
    /// What came of it.
    #[schema(schema_with = crate::words::bulk_outcome)]
    outcome: BulkOutcome,
}

/// Do something with many mailboxes
///
/// Pauses, resumes, reads now or deletes up to 100 mailboxes, and says of each what came of it: whoever is not there, or not yours, keeps no other
/// from it. Each may be repeated: the second time changes nothing. Deleting asks for no `If-Match` here, and can't be undone.
#[utoipa::path(operation_id = "bulkMailboxes", tag = "Mailboxes", params(IdempotencyKeyHeader), request_body = NewBulk, responses(
    (status = 207, description = "What came of each", body = BulkView),
    (status = 409, description = "`busy`: one that was to be deleted was changed at this moment; nothing was done")))]
#[post("/v1/mailboxes/bulk")]
pub(super) async fn bulk_mailboxes(
    asked: Permitted<MailboxesWrite, (IdempotencyKey, Body<NewBulk>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (once, body)) = asked;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let NewBulk { action, mailbox_ids } = body.value;
    let (mut entries, mut due, mut jobs) = (Vec::new(), BTreeMap::<TenantId, Vec<Uuid>>::new(), Vec::new());
    // Of all others it is done.
    let mut came = BTreeMap::new();
    // In one order, so that two who do this at once don't wait for each other for ever.
    for id in mailbox_ids.iter().copied().collect::<BTreeSet<_>>() {
        let mailbox = match living_mailbox(&mut caller, id).await {
            Ok(mailbox) => mailbox,
            Err(Problem::Conflict(_)) => {
                came.insert(id, BulkOutcome::Deleting);
                continue;
            }
            Err(Problem::NotFound(_)) => {
                came.insert(id, BulkOutcome::NotFound);
                continue;
            }
            Err(problem) => return Err(problem),
        };
        let now = caller.now;
        let (name, is_due) = match action {
            BulkAction::Pause => {
                mailbox::pause(&mut caller.tx, id, now).await?;
                ("mailbox.paused", false)
            }
            BulkAction::Resume => ("mailbox.resumed", mailbox::resume(&mut caller.tx, id, now).await?),
            BulkAction::PollNow => {
                let is_there = mailbox::poll_now(&mut caller.tx, id, now).await?;
                ("mailbox.poll_requested", is_there && mailbox.polling == Polling::Active)
            }
            BulkAction::Delete => {
                let Deleted { job, entry } = delete(&mut caller, &mailbox).await?;
                entries.extend(entry);
                if let Some(job) = job {
                    came.insert(id, BulkOutcome::Deleting);
                    jobs.push(job);
                }
                continue;
            }
        };
        if is_due {
            due.entry(mailbox.tenant).or_default().push(id.as_uuid());
        }
        entries.push(caller.entry(name, &id, Some(mailbox.tenant), json!({})));
    }
    if !entries.is_empty() {
        audit::append_many(&mut caller.tx, &entries).await?;
    }
    let outcome = |id| came.get(&id).copied().unwrap_or(BulkOutcome::Done);
    let results: Vec<_> =
        mailbox_ids.into_iter().map(|id| BulkResultView { mailbox_id: id, outcome: outcome(id) }).collect();
    let count = |outcome| results.iter().filter(|one| one.outcome == outcome).count();
    let (done, not_found) = (count(BulkOutcome::Done), count(BulkOutcome::NotFound));
    let view = BulkView { action, done, not_found, results };
    let (service, msp) = (caller.service.clone(), caller.msp);
    let response = once.each(caller, view).await?;
    for (tenant, mailboxes) in due {
        service.hint_all(Kind::Poll, msp, tenant, &mailboxes).await;
    }
    for job in jobs {
        service.hint_job(msp, job.tenant, job.id).await;
    }
    Ok(response)
}

/// Up to so many rows of a kind go with each of a hundred mailboxes within the request.
const AT_ONCE: u32 = 500;

/// Deletes one, or begins to.
async fn delete(caller: &mut Caller<MailboxesWrite>, mailbox: &Mailbox) -> Result<Deleted, Problem> {
    let target = Target::Mailbox(mailbox.tenant, mailbox.id);
    match deleted(caller, target, mailbox.version, IfMatch::Any, AT_ONCE).await {
        Err(Problem::PreconditionFailed) => {
            Err(Problem::Busy("A mailbox was changed at this moment; nothing was done. Send it again."))
        }
        other => other,
    }
}
