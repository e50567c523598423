//! Ending a key.

use actix_web::web::Path;
use actix_web::{HttpResponse, delete};
use daimon_store::api_key;
use serde_json::json;

use crate::caller::{Caller, KeysWrite};
use crate::path::KeyPath;
use crate::problem::Problem;

/// Revoke an API key
///
/// Ends the key and every token that was made of it, at once and for ever. The second time it changes nothing.
#[utoipa::path(operation_id = "revokeApiKey", tag = "API keys", params(KeyPath), responses((status = 204, description = "It holds no more")))]
#[delete("/v1/api-keys/{key_id}")]
pub(super) async fn revoke_api_key(mut caller: Caller<KeysWrite>, path: Path<KeyPath>) -> Result<HttpResponse, Problem> {
    let id = path.id()?;
    let now = caller.now;
    if !api_key::revoke(&mut caller.tx, id, now).await? {
        return Err(KeyPath::absent());
    }
    caller.audit("api_key.revoked", id, None, json!({})).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
