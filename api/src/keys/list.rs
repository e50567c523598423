//! Which keys there are.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::KeyId;
use daimon_store::api_key;

use super::view::{ApiKeyView, ListApiKeys};
use crate::caller::{KeysWrite, Permitted};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List API keys
///
/// All keys within reach, newest first, revoked ones included. Secrets are not shown: we keep hashes of them only.
#[utoipa::path(operation_id = "listApiKeys", tag = "API keys", params(ListApiKeys), responses(
    (status = 200, description = "A page of keys", body = Page<ApiKeyView>)))]
#[get("/v1/api-keys")]
pub(super) async fn list_api_keys(
    asked: Permitted<KeysWrite, Query<ListApiKeys>>,
) -> Result<Json<Page<ApiKeyView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let walk = Walk::new(&caller, "api_keys", &(), query.0.cursor.as_deref(), query.0.limit)?;
    let listed = api_key::list(&mut caller.tx, walk.page(KeyId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |key| key.id.as_uuid(), ApiKeyView::from)))
}
