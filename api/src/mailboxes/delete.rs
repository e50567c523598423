//! Reading a mailbox no more, and forgetting it.

use actix_web::{HttpResponse, delete};
use daimon_store::mailbox;
use serde_json::json;

use crate::caller::{MailboxesWrite, Permitted};
use crate::etag::IfMatch;
use crate::path::{At, IfMatchHeader, MailboxPath};
use crate::problem::Problem;

/// Delete a mailbox
///
/// Removes the mailbox with everything that was read from it, and its sealed password. This can't be undone. To stop
/// reading for a while, pause it.
#[utoipa::path(operation_id = "deleteMailbox", tag = "Mailboxes", params(MailboxPath, IfMatchHeader), responses(
    (status = 204, description = "It is gone"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[delete("/v1/mailboxes/{mailbox_id}")]
pub(super) async fn delete_mailbox(
    asked: Permitted<MailboxesWrite, (At<MailboxPath>, IfMatch)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected)) = asked;
    let mailbox = mailbox::find(&mut caller.tx, path.id()?).await?.ok_or_else(MailboxPath::absent)?;
    expected.check(mailbox.version)?;
    if !mailbox::delete(&mut caller.tx, mailbox.id, mailbox.version, caller.now).await? {
        return Err(Problem::PreconditionFailed);
    }
    caller.audit("mailbox.deleted", mailbox.id, Some(mailbox.tenant), json!({})).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
