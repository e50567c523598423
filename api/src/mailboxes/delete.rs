//! Reading a mailbox no more, and forgetting it.

use actix_web::{HttpResponse, delete};
use daimon_store::deletion::Target;
use daimon_store::mailbox;

use crate::caller::{MailboxesWrite, Permitted};
use crate::deletion::answer;
use crate::etag::IfMatch;
use crate::jobs::JobView;
use crate::path::{At, IfMatchHeader, MailboxPath};
use crate::problem::Problem;

/// Delete a mailbox
///
/// Removes the mailbox with everything that was read from it, and its sealed password. This can't be undone. To stop
/// reading for a while, pause it. Where there is much to delete the answer is 202 with a job that does it: the password is destroyed and
/// nobody reads the mailbox by then, and until the job is `done` its `polling` is `deleting`. Whoever asks again meanwhile, with
/// whatever version, is given that job.
#[utoipa::path(operation_id = "deleteMailbox", tag = "Mailboxes", params(MailboxPath, IfMatchHeader), responses(
    (status = 202, description = "Its password is destroyed, and this job deletes the rest", body = JobView, headers(("Location", description = "Where to see how it goes"))),
    (status = 204, description = "It is gone"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[delete("/v1/mailboxes/{mailbox_id}")]
pub(super) async fn delete_mailbox(
    asked: Permitted<MailboxesWrite, (At<MailboxPath>, IfMatch)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected)) = asked;
    let mailbox = mailbox::find(&mut caller.tx, path.id()?).await?.ok_or_else(MailboxPath::absent)?;
    answer(caller, Target::Mailbox(mailbox.tenant, mailbox.id), mailbox.version, expected).await
}
