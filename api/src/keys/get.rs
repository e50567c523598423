//! Reading one key.

use actix_web::get;
use actix_web::web::Json;
use daimon_store::api_key;

use super::view::ApiKeyView;
use crate::caller::{KeysWrite, Permitted};
use crate::path::{At, KeyPath};
use crate::problem::Problem;

/// Read an API key
///
/// What it is for, what it may do and how long, also when it was revoked. Its secret is not shown: we keep a hash of it only.
#[utoipa::path(operation_id = "getApiKey", tag = "API keys", params(KeyPath), responses(
    (status = 200, description = "The key", body = ApiKeyView)))]
#[get("/v1/api-keys/{key_id}")]
pub(super) async fn get_api_key(asked: Permitted<KeysWrite, At<KeyPath>>) -> Result<Json<ApiKeyView>, Problem> {
    let Permitted(mut caller, path) = asked;
    let (key, _hash) = api_key::find(&mut caller.tx, path.id()?).await?.ok_or_else(KeyPath::absent)?;
    Ok(Json(key.into()))
}
