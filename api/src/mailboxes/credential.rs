//! A new password, and with it, where needed, a new server.

use actix_web::{HttpResponse, put};
use daimon_store::mailbox;
use serde_json::json;

use super::secret;
use super::view::{MailboxView, NewCredential};
use crate::caller::{MailboxesWrite, Permitted};
use crate::etag::{IfMatch, tagged};
use crate::input::Body;
use crate::path::{At, IfMatchHeader, MailboxPath};
use crate::problem::Problem;

/// Replace a mailbox's credential
///
/// Seals the new password in place of the one before and reads the mailbox at once, also when its old password was
/// refused. Nobody can read a password back.
#[utoipa::path(operation_id = "replaceMailboxCredential", tag = "Mailboxes", params(MailboxPath, IfMatchHeader), request_body = NewCredential, responses(
    (status = 200, description = "The mailbox as it is now", body = MailboxView, headers(("ETag", description = "Its new version"))),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[put("/v1/mailboxes/{mailbox_id}/credential")]
pub(super) async fn replace_credential(
    asked: Permitted<MailboxesWrite, (At<MailboxPath>, IfMatch, Body<NewCredential>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected, body)) = asked;
    let mut mailbox = mailbox::find(&mut caller.tx, path.id()?).await?.ok_or_else(MailboxPath::absent)?;
    expected.check(mailbox.version)?;
    let now = caller.now;
    if let Some(imap) = body.value.imap {
        mailbox.server = imap.vetted(&caller.service.guard)?;
        mailbox.version = mailbox::update(&mut caller.tx, &mailbox, now).await?.ok_or(Problem::PreconditionFailed)?;
    }
    let sealed = secret::seal(&mut caller, mailbox.tenant, mailbox.id, &body.value.password)
        .await?
        .ok_or_else(MailboxPath::absent)?;
    mailbox::replace_secret(&mut caller.tx, mailbox.id, mailbox.version, &sealed, now)
        .await?
        .ok_or(Problem::PreconditionFailed)?;
    let mailbox = mailbox::find(&mut caller.tx, mailbox.id).await?.ok_or_else(MailboxPath::absent)?;
    caller.audit("mailbox.credential_replaced", mailbox.id, Some(mailbox.tenant), json!({})).await?;
    let (service, msp) = (caller.service.clone(), caller.msp);
    caller.commit().await?;
    service.hint_poll(msp, mailbox.tenant, mailbox.id).await;
    Ok(tagged(mailbox.version, &MailboxView::from(mailbox)))
}
