//! Reading one mailbox.

use actix_web::{HttpResponse, get};
use daimon_store::mailbox;

use super::view::MailboxView;
use crate::caller::{MailboxesRead, Permitted};
use crate::etag::tagged;
use crate::path::{At, MailboxPath};
use crate::problem::Problem;

/// Read a mailbox
///
/// The mailbox with how reading it goes. The password is not shown. Its `ETag` is what a change must name.
#[utoipa::path(operation_id = "getMailbox", tag = "Mailboxes", params(MailboxPath), responses(
    (status = 200, description = "The mailbox", body = MailboxView, headers(("ETag", description = "Its version")))))]
#[get("/v1/mailboxes/{mailbox_id}")]
pub(super) async fn get_mailbox(asked: Permitted<MailboxesRead, At<MailboxPath>>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let mailbox = mailbox::find(&mut caller.tx, path.id()?).await?.ok_or_else(MailboxPath::absent)?;
    Ok(tagged(mailbox.version, &MailboxView::from(mailbox)))
}
