//! Keeping a credential.

use actix_web::{HttpResponse, post};
use daimon_domain::credential::{Condition, Credential};
use daimon_domain::id::CredentialId;
use daimon_store::credential::{self, Known};
use serde_json::json;

use super::material::{Material, seal};
use super::view::{CredentialView, NewCredential};
use crate::caller::{MailboxesWrite, Permitted};
use crate::deletion::living_tenant;
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::IdempotencyKeyHeader;
use crate::problem::Problem;

/// Create a credential
///
/// Keeps the right to ask an identity provider for access tokens, so that mailboxes of the tenant sign in with OAuth 2: of an
/// application of Microsoft Entra, a Google service account, or a user's refresh token, at Microsoft, Google or elsewhere. Its
/// secrets are sealed under the tenant's own key and never shown again. Any number of mailboxes name it by `credential_id`, and
/// one access token serves them all; a service account has one for each mailbox. What the provider's administrator has to do is
/// told by `GET …/consent`.
#[utoipa::path(operation_id = "createCredential", tag = "Credentials", params(IdempotencyKeyHeader), request_body = NewCredential, responses(
    (status = 201, description = "The credential", body = CredentialView, headers(("Location", description = "Where it is read"), ("ETag", description = "Its version"))),
    (status = 409, description = "`conflict`: the tenant is being deleted")))]
#[post("/v1/credentials")]
pub(super) async fn create_credential(
    asked: Permitted<MailboxesWrite, (IdempotencyKey, Body<NewCredential>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (once, body)) = asked;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let mut new = body.value;
    let known_host = new.kind.provider().imap_host();
    let imap_host = match (known_host, new.imap_host.take()) {
        (Some(host), None) => host.parse().map_err(|_malformed| Problem::Internal)?,
        (None, Some(host)) => host,
        (None, None) => return Err(Problem::invalid("/imap_host", format!("is missing: {} has it", new.kind))),
        (Some(host), Some(_)) => {
            return Err(Problem::invalid("/imap_host", format!("has no place here: it is {host} for {}", new.kind)));
        }
    };
    let tenant = caller.tenant(new.tenant_id)?;
    living_tenant(&mut caller, tenant).await?;
    let understood = Material::of_new(&mut new).understand(new.kind, &caller.service.guard)?;
    let credential = Credential {
        id: CredentialId::new(caller.now, caller.service.sources.entropy()),
        tenant,
        name: new.name,
        kind: new.kind,
        imap_host,
        directory_id: understood.directory_id,
        client_id: understood.client_id,
        token_url: understood.token_url,
        scope: understood.scope,
        account: understood.account,
        created_at: caller.now,
        version: 1,
    };
    let sealed = seal(&mut caller, &credential, &understood.secret)
        .await?
        .ok_or_else(|| Problem::invalid("/tenant_id", "there is no such tenant"))?;
    credential::insert(&mut caller.tx, &credential, &sealed).await?;
    let detail = json!({ "kind": credential.kind });
    caller.audit("credential.created", credential.id, Some(credential.tenant), detail).await?;
    let location = format!("/v1/credentials/{}", credential.id);
    let version = Some(credential.version);
    let view = CredentialView::from(Known { credential, condition: Condition::New, mailboxes: 0 });
    once.created(caller, Created { location, version, view }).await
}
