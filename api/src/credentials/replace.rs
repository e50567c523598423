//! New secrets in place of a credential's.

use actix_web::{HttpResponse, put};
use daimon_store::{credential, mailbox};
use serde_json::json;

use super::material::{Material, seal};
use super::view::{CredentialView, Replacement};
use crate::caller::{MailboxesWrite, Permitted};
use crate::deletion::living_tenant;
use crate::etag::{IfMatch, tagged};
use crate::input::Body;
use crate::path::{At, CredentialPath, IfMatchHeader};
use crate::problem::Problem;

/// Replace a credential
///
/// Everything of it anew but its kind and its server, such as a client secret before it runs out, or a refresh token after it was
/// revoked. What the provider has refused is forgotten, and every mailbox of the credential is read at once.
#[utoipa::path(operation_id = "replaceCredential", tag = "Credentials", params(CredentialPath, IfMatchHeader), request_body = Replacement, responses(
    (status = 200, description = "The credential as it is now", body = CredentialView, headers(("ETag", description = "Its new version"))),
    (status = 409, description = "`conflict`: the tenant is being deleted"),
    (status = 412, description = "Somebody changed it in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[put("/v1/credentials/{credential_id}")]
pub(super) async fn replace_credential(
    asked: Permitted<MailboxesWrite, (At<CredentialPath>, IfMatch, Body<Replacement>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected, body)) = asked;
    let id = path.id()?;
    let known = credential::find(&mut caller.tx, id).await?.ok_or_else(CredentialPath::absent)?;
    let mut credential = known.credential;
    expected.check(credential.version)?;
    living_tenant(&mut caller, credential.tenant).await?;
    credential.name.clone_from(&body.value.name);
    let understood = Material::of_replacement(body.value).understand(credential.kind, &caller.service.guard)?;
    credential.directory_id = understood.directory_id;
    credential.client_id = understood.client_id;
    credential.token_url = understood.token_url;
    credential.scope = understood.scope;
    credential.account = understood.account;
    let sealed = seal(&mut caller, &credential, &understood.secret).await?.ok_or_else(CredentialPath::absent)?;
    credential::replace(&mut caller.tx, &credential, &sealed).await?.ok_or(Problem::PreconditionFailed)?;
    let now = caller.now;
    let mailboxes = mailbox::begin_anew(&mut caller.tx, id, now).await?;
    let known = credential::find(&mut caller.tx, id).await?.ok_or_else(CredentialPath::absent)?;
    let detail = json!({ "mailboxes": mailboxes });
    caller.audit("credential.replaced", id, Some(credential.tenant), detail).await?;
    caller.commit().await?;
    Ok(tagged(known.credential.version, &CredentialView::from(known)))
}
