//! Which mailboxes there are.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::MailboxId;
use daimon_store::mailbox::{self, MailboxFilter};

use super::view::{ListMailboxes, MailboxView};
use crate::caller::{MailboxesRead, Permitted};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List mailboxes
///
/// The mailboxes of all tenants within reach of your key, or of one of them, or of one credential, newest first.
#[utoipa::path(operation_id = "listMailboxes", tag = "Mailboxes", params(ListMailboxes), responses(
    (status = 200, description = "A page of mailboxes", body = Page<MailboxView>)))]
#[get("/v1/mailboxes")]
pub(super) async fn list_mailboxes(
    asked: Permitted<MailboxesRead, Query<ListMailboxes>>,
) -> Result<Json<Page<MailboxView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let query = query.0;
    let filter = MailboxFilter {
        tenant: query.tenant_id,
        address: query.address.map(|address| address.as_str().to_owned()),
        credential: query.credential_id,
    };
    let asked = (filter.tenant, &filter.address, filter.credential);
    let walk = Walk::new(&caller, "mailboxes", &asked, query.cursor.as_deref(), query.limit)?;
    let listed = mailbox::list(&mut caller.tx, &filter, walk.page(MailboxId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |mailbox| mailbox.id.as_uuid(), MailboxView::from)))
}
