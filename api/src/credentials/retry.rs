//! Asking the provider once more, after something was done there.

use actix_web::{HttpResponse, post};
use daimon_store::{access_token, credential, mailbox};
use serde_json::json;

use super::view::CredentialView;
use crate::caller::{MailboxesWrite, Permitted};
use crate::etag::tagged;
use crate::path::{At, CredentialPath};
use crate::problem::Problem;

/// Retry a credential
///
/// Forgets that the provider refused it or asked to come later, and reads the mailboxes that could not be read. For when an
/// administrator has done the consent steps: secrets that are wrong or revoked have to be replaced.
#[utoipa::path(operation_id = "retryCredential", tag = "Credentials", params(CredentialPath), responses(
    (status = 200, description = "The credential as it is now", body = CredentialView, headers(("ETag", description = "Its version")))))]
#[post("/v1/credentials/{credential_id}/retry")]
pub(super) async fn retry_credential(
    asked: Permitted<MailboxesWrite, At<CredentialPath>>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let id = path.id()?;
    let now = caller.now;
    access_token::pardon(&mut caller.tx, id).await?;
    let mailboxes = mailbox::try_again(&mut caller.tx, id, now).await?;
    let known = credential::find(&mut caller.tx, id).await?.ok_or_else(CredentialPath::absent)?;
    caller.audit("credential.retried", id, Some(known.credential.tenant), json!({ "mailboxes": mailboxes })).await?;
    caller.commit().await?;
    Ok(tagged(known.credential.version, &CredentialView::from(known)))
}
