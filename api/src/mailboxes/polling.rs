//! Pausing, resuming, and reading out of turn. Each may be repeated: the second time changes nothing.

use actix_web::{HttpResponse, post};
use daimon_domain::id::MailboxId;
use daimon_domain::mailbox::Polling;
use daimon_store::mailbox;
use serde_json::json;

use super::view::MailboxView;
use crate::caller::{Caller, MailboxesWrite, Permitted};
use crate::deletion::living_mailbox;
use crate::etag::tagged;
use crate::path::{At, MailboxPath};
use crate::problem::Problem;

/// Pause a mailbox
///
/// Stops reading until somebody resumes it. A session that runs at the moment still ends by itself.
#[utoipa::path(operation_id = "pauseMailbox", tag = "Mailboxes", params(MailboxPath), responses(
    (status = 200, description = "The mailbox as it is now", body = MailboxView, headers(("ETag", description = "Its version"))),
    (status = 409, description = "`conflict`: it is being deleted")))]
#[post("/v1/mailboxes/{mailbox_id}/pause")]
pub(super) async fn pause_mailbox(asked: Permitted<MailboxesWrite, At<MailboxPath>>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let (id, now) = (path.id()?, caller.now);
    mailbox::pause(&mut caller.tx, id, now).await?;
    changed(caller, id, "mailbox.paused").await
}

/// Resume a mailbox
///
/// Reads it again, at once and from then on. What came in the meantime is read too.
#[utoipa::path(operation_id = "resumeMailbox", tag = "Mailboxes", params(MailboxPath), responses(
    (status = 200, description = "The mailbox as it is now", body = MailboxView, headers(("ETag", description = "Its version"))),
    (status = 409, description = "`conflict`: it is being deleted")))]
#[post("/v1/mailboxes/{mailbox_id}/resume")]
pub(super) async fn resume_mailbox(asked: Permitted<MailboxesWrite, At<MailboxPath>>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let (id, now) = (path.id()?, caller.now);
    mailbox::resume(&mut caller.tx, id, now).await?;
    changed(caller, id, "mailbox.resumed").await
}

/// Read a mailbox now
///
/// Makes the mailbox due at once instead of at its next turn. One that is paused, or whose password was refused, stays
/// as it is.
#[utoipa::path(operation_id = "pollMailbox", tag = "Mailboxes", params(MailboxPath), responses(
    (status = 200, description = "The mailbox as it is now", body = MailboxView, headers(("ETag", description = "Its version"))),
    (status = 409, description = "`conflict`: it is being deleted")))]
#[post("/v1/mailboxes/{mailbox_id}/poll-now")]
pub(super) async fn poll_mailbox(asked: Permitted<MailboxesWrite, At<MailboxPath>>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let (id, now) = (path.id()?, caller.now);
    mailbox::poll_now(&mut caller.tx, id, now).await?;
    changed(caller, id, "mailbox.poll_requested").await
}

async fn changed(mut caller: Caller<MailboxesWrite>, id: MailboxId, action: &str) -> Result<HttpResponse, Problem> {
    let mailbox = living_mailbox(&mut caller, id).await?;
    caller.audit(action, id, Some(mailbox.tenant), json!({})).await?;
    let (service, msp) = (caller.service.clone(), caller.msp);
    caller.commit().await?;
    if mailbox.polling == Polling::Active {
        service.hint_poll(msp, mailbox.tenant, id).await;
    }
    Ok(tagged(mailbox.version, &MailboxView::from(mailbox)))
}
