//! Reading one credential.

use actix_web::{HttpResponse, get};
use daimon_store::credential;

use super::view::CredentialView;
use crate::caller::{MailboxesRead, Permitted};
use crate::etag::tagged;
use crate::path::{At, CredentialPath};
use crate::problem::Problem;

/// Read a credential
///
/// The credential with how asking for access tokens went the last time, and what to do about it. Its secrets and tokens are not
/// shown. Its `ETag` is needed to replace or to delete it.
#[utoipa::path(operation_id = "getCredential", tag = "Credentials", params(CredentialPath), responses(
    (status = 200, description = "The credential", body = CredentialView, headers(("ETag", description = "Its version")))))]
#[get("/v1/credentials/{credential_id}")]
pub(super) async fn get_credential(
    asked: Permitted<MailboxesRead, At<CredentialPath>>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let known = credential::find(&mut caller.tx, path.id()?).await?.ok_or_else(CredentialPath::absent)?;
    Ok(tagged(known.credential.version, &CredentialView::from(known)))
}
