//! Which credentials there are.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::CredentialId;
use daimon_store::credential;

use super::view::{CredentialView, ListCredentials};
use crate::caller::{MailboxesRead, Permitted};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List credentials
///
/// The credentials of all tenants within reach of your key, or of one of them, newest first, each with its condition.
#[utoipa::path(operation_id = "listCredentials", tag = "Credentials", params(ListCredentials), responses(
    (status = 200, description = "A page of credentials", body = Page<CredentialView>)))]
#[get("/v1/credentials")]
pub(super) async fn list_credentials(
    asked: Permitted<MailboxesRead, Query<ListCredentials>>,
) -> Result<Json<Page<CredentialView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let query = query.0;
    let walk = Walk::new(&caller, "credentials", &query.tenant_id, query.cursor.as_deref(), query.limit)?;
    let listed = credential::list(&mut caller.tx, query.tenant_id, walk.page(CredentialId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |known| known.credential.id.as_uuid(), CredentialView::from)))
}
