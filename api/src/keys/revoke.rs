//! Ending a key.

use actix_web::{HttpResponse, delete};
use daimon_store::api_key;
use serde_json::json;

use crate::caller::{KeysWrite, Permitted};
use crate::path::{At, KeyPath};
use crate::problem::Problem;

/// Revoke an API key
///
/// Ends the key and every token that was made of it, at once and for ever. The second time it changes nothing.
#[utoipa::path(operation_id = "revokeApiKey", tag = "API keys", params(KeyPath), responses((status = 204, description = "It holds no more")))]
#[delete("/v1/api-keys/{key_id}")]
pub(super) async fn revoke_api_key(asked: Permitted<KeysWrite, At<KeyPath>>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let id = path.id()?;
    let now = caller.now;
    if !api_key::revoke(&mut caller.tx, id, now).await? {
        return Err(KeyPath::absent());
    }
    caller.audit("api_key.revoked", id, None, json!({})).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
