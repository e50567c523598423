//! For others to verify our tokens with.

use actix_web::get;
use actix_web::web::{Data, Json};

use super::view::JwksView;
use crate::problem::Problem;
use crate::service::Service;

/// Read the public keys
///
/// The keys that our tokens are signed with (RFC 7517), for a gateway of yours that wants to verify them. We verify
/// each token ourselves in any case.
#[utoipa::path(operation_id = "getJwks", tag = "Sign-in", security(()), responses((status = 200, description = "The keys", body = JwksView)))]
#[get("/.well-known/jwks.json")]
pub(super) async fn get_jwks(service: Data<Service>) -> Result<Json<JwksView>, Problem> {
    let keys = service.tokens.jwks().get("keys").cloned().ok_or(Problem::Internal)?;
    Ok(Json(JwksView { keys }))
}
