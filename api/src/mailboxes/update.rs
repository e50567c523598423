//! Changing a mailbox.

use actix_web::{HttpResponse, patch};
use daimon_domain::mailbox::Mailbox;
use daimon_domain::tidying::Tidying;
use daimon_store::{MspTx, folder, mailbox, tidied};
use serde_json::json;

use super::view::{MailboxChange, MailboxView};
use crate::caller::{MailboxesWrite, Permitted};
use crate::deletion::living_mailbox;
use crate::etag::{IfMatch, tagged};
use crate::input::{Body, Change};
use crate::path::{At, IfMatchHeader, MailboxPath};
use crate::problem::Problem;

/// Change a mailbox
///
/// Changes what the body has and leaves the rest. Needs the `ETag` that you read. The server can't be changed here: a
/// password would follow it to wherever it points, so it comes with the credential.
///
/// `tidying` names the folder to which the bounces of a confirmed incident may be moved. Without it a mailbox is only looked at.
#[utoipa::path(operation_id = "updateMailbox", tag = "Mailboxes", params(MailboxPath, IfMatchHeader), request_body = MailboxChange, responses(
    (status = 200, description = "The mailbox as it is now", body = MailboxView, headers(("ETag", description = "Its new version"))),
    (status = 409, description = "`conflict`: the tenant has a mailbox with this address already, or it is being deleted"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[patch("/v1/mailboxes/{mailbox_id}")]
pub(super) async fn update_mailbox(
    asked: Permitted<MailboxesWrite, (At<MailboxPath>, IfMatch, Body<MailboxChange>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected, body)) = asked;
    let mut mailbox = living_mailbox(&mut caller, path.id()?).await?;
    expected.check(mailbox.version)?;
    let change = body.value;
    mailbox.address = change.address.unwrap_or(mailbox.address);
    mailbox.username = change.username.unwrap_or(mailbox.username);
    mailbox.poll_interval_s = change.poll_interval_s.unwrap_or(mailbox.poll_interval_s);
    mailbox.new_mail = change.new_mail.unwrap_or(mailbox.new_mail);
    match change.tidying {
        Change::Leave => {}
        Change::End => mailbox.tidying = None,
        Change::Set(asked) => {
            let asked = Tidying::from(asked);
            is_nobodys(&mut caller.tx, &mailbox, &asked).await?;
            mailbox.tidying = Some(asked);
        }
    }
    let now = caller.now;
    mailbox::update(&mut caller.tx, &mailbox, now).await?.ok_or(Problem::PreconditionFailed)?;
    let mailbox = mailbox::find(&mut caller.tx, mailbox.id).await?.ok_or_else(MailboxPath::absent)?;
    // The log outlives the mailbox, and people name folders after themselves.
    let detail = match &mailbox.tidying {
        Some(tidying) => json!({ "tidying": true, "automatic": tidying.is_automatic }),
        None => json!({}),
    };
    caller.audit("mailbox.changed", mailbox.id, Some(mailbox.tenant), detail).await?;
    caller.commit().await?;
    Ok(tagged(mailbox.version, &MailboxView::from(mailbox)))
}

/// Refuses a folder that the mailbox has already, unless it is the one that mails were moved to before.
async fn is_nobodys(tx: &mut MspTx, mailbox: &Mailbox, asked: &Tidying) -> Result<(), Problem> {
    let known = mailbox.tidying.as_ref().is_some_and(|before| before.folder == asked.folder);
    let ours = tidied::folders(tx, mailbox.id).await?;
    let folders = folder::list(tx, mailbox.id).await?;
    let is_it = |name: &str| asked.folder.is_called(name);
    if known || ours.iter().any(|name| is_it(name)) || !folders.iter().any(|folder| is_it(&folder.name)) {
        return Ok(());
    }
    Err(Problem::invalid("/tidying/folder", "is a folder that this mailbox has already: it must be one of its own"))
}
