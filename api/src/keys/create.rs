//! Making a key.

use actix_web::{HttpResponse, post};
use daimon_domain::id::KeyId;
use daimon_domain::scope::Tenants;
use daimon_store::api_key::{self, ApiKey};
use daimon_store::tenant;
use secrecy::ExposeSecret;
use serde_json::json;

use super::view::{CreatedApiKeyView, NewApiKey};
use crate::caller::{KeysWrite, Permitted};
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::IdempotencyKeyHeader;
use crate::problem::Problem;

/// Create an API key
///
/// The key is in the answer and is never shown again. It can have no permission and reach no tenant that the key which
/// makes it lacks.
#[utoipa::path(operation_id = "createApiKey", tag = "API keys", params(IdempotencyKeyHeader), request_body = NewApiKey, responses(
    (status = 201, description = "The key, shown once", body = CreatedApiKeyView, headers(("Location", description = "Where it is read")))))]
#[post("/v1/api-keys")]
pub(super) async fn create_api_key(
    asked: Permitted<KeysWrite, (IdempotencyKey, Body<NewApiKey>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (once, body)) = asked;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let asked = body.value;
    if !asked.permissions.iter().all(|permission| caller.permissions.contains(permission)) {
        return Err(Problem::Overreach);
    }
    if asked.expires_at.is_some_and(|end| end <= caller.now) {
        return Err(Problem::invalid("/expires_at", "is in the past"));
    }
    let tenants = match asked.tenants {
        None => caller.tenants.clone(),
        Some(tenants) => {
            for (index, id) in tenants.iter().enumerate() {
                if tenant::find(&mut caller.tx, *id).await?.is_none() {
                    return Err(Problem::invalid(format!("/tenants/{index}"), "there is no such tenant"));
                }
            }
            Tenants::Only(tenants)
        }
    };
    let id = KeyId::new(caller.now, caller.service.sources.entropy());
    let (text, hash) = daimon_seal::ApiKey::generate(caller.msp, id, caller.service.sources.entropy());
    let key = ApiKey {
        id,
        name: asked.name,
        permissions: asked.permissions,
        tenants,
        created_at: caller.now,
        expires_at: asked.expires_at,
        revoked_at: None,
    };
    api_key::insert(&mut caller.tx, &key, &hash).await?;
    caller.audit("api_key.created", id, None, json!({ "permissions": key.permissions })).await?;
    let view = CreatedApiKeyView { api_key: key.into(), key: text.expose_secret().to_owned() };
    once.created(caller, Created { location: format!("/v1/api-keys/{id}"), version: None, view }).await
}
