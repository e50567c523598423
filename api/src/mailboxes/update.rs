//! Changing a mailbox.

use actix_web::{HttpResponse, patch};
use daimon_store::mailbox;
use serde_json::json;

use super::view::{MailboxChange, MailboxView};
use crate::caller::{MailboxesWrite, Permitted};
use crate::etag::{IfMatch, tagged};
use crate::input::Body;
use crate::path::{At, IfMatchHeader, MailboxPath};
use crate::problem::Problem;

/// Change a mailbox
///
/// Changes what the body has and leaves the rest. Needs the `ETag` that you read. The server can't be changed here: a
/// password would follow it to wherever it points, so it comes with the credential.
#[utoipa::path(operation_id = "updateMailbox", tag = "Mailboxes", params(MailboxPath, IfMatchHeader), request_body = MailboxChange, responses(
    (status = 200, description = "The mailbox as it is now", body = MailboxView, headers(("ETag", description = "Its new version"))),
    (status = 409, description = "This tenant has a mailbox with this address already"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[patch("/v1/mailboxes/{mailbox_id}")]
pub(super) async fn update_mailbox(
    asked: Permitted<MailboxesWrite, (At<MailboxPath>, IfMatch, Body<MailboxChange>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected, body)) = asked;
    let mut mailbox = mailbox::find(&mut caller.tx, path.id()?).await?.ok_or_else(MailboxPath::absent)?;
    expected.check(mailbox.version)?;
    let change = body.value;
    mailbox.address = change.address.unwrap_or(mailbox.address);
    mailbox.username = change.username.unwrap_or(mailbox.username);
    mailbox.poll_interval_s = change.poll_interval_s.unwrap_or(mailbox.poll_interval_s);
    mailbox.new_mail = change.new_mail.unwrap_or(mailbox.new_mail);
    let now = caller.now;
    mailbox::update(&mut caller.tx, &mailbox, now).await?.ok_or(Problem::PreconditionFailed)?;
    let mailbox = mailbox::find(&mut caller.tx, mailbox.id).await?.ok_or_else(MailboxPath::absent)?;
    caller.audit("mailbox.changed", mailbox.id, Some(mailbox.tenant), json!({})).await?;
    caller.commit().await?;
    Ok(tagged(mailbox.version, &MailboxView::from(mailbox)))
}
