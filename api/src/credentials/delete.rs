//! Forgetting a credential.

use actix_web::{HttpResponse, delete};
use daimon_store::credential;
use serde_json::json;

use crate::caller::{MailboxesWrite, Permitted};
use crate::etag::IfMatch;
use crate::path::{At, CredentialPath, IfMatchHeader};
use crate::problem::Problem;

/// Delete a credential
///
/// Removes it with its sealed secrets and tokens, when no mailbox signs in with it any more. What was allowed at the provider
/// is still allowed there: take it back there too.
#[utoipa::path(operation_id = "deleteCredential", tag = "Credentials", params(CredentialPath, IfMatchHeader), responses(
    (status = 204, description = "It is gone"),
    (status = 409, description = "`conflict`: mailboxes sign in with it"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[delete("/v1/credentials/{credential_id}")]
pub(super) async fn delete_credential(
    asked: Permitted<MailboxesWrite, (At<CredentialPath>, IfMatch)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected)) = asked;
    let known = credential::find(&mut caller.tx, path.id()?).await?.ok_or_else(CredentialPath::absent)?;
    let credential = known.credential;
    expected.check(credential.version)?;
    if !credential::delete(&mut caller.tx, credential.id, credential.version).await? {
        return Err(Problem::PreconditionFailed);
    }
    caller.audit("credential.deleted", credential.id, Some(credential.tenant), json!({})).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
