//! The one operation that takes an API key.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, post};
use daimon_domain::scope::Wall;
use daimon_seal::{ApiKey, Claims, TOKEN_LIFETIME_S};
use daimon_store::api_key;
use secrecy::ExposeSecret;

use super::view::{TokenRequest, TokenView};
use crate::caller::bearer;
use crate::input::Body;
use crate::problem::Problem;
use crate::service::Service;

/// The same for every key that does not hold, so that nobody learns which ones exist.
const REFUSED: Problem = Problem::Unauthenticated("This API key does not hold.");

/// Exchange an API key for a token
///
/// Send the key as `Authorization: Bearer` or in the body. The token holds for 15 minutes, and no longer than the key:
/// revoking the key ends its tokens at once. All other operations take the token and not the key.
#[utoipa::path(operation_id = "createToken", tag = "Sign-in", security(("api_key" = [])), request_body = Option<TokenRequest>, responses(
    (status = 200, description = "A token", body = TokenView),
    (status = 401, description = "The key does not hold, or there is none")))]
#[post("/v1/auth/token")]
pub(super) async fn create_token(
    request: HttpRequest,
    body: Result<Body<TokenRequest>, Problem>,
    service: Data<Service>,
) -> Result<Json<TokenView>, Problem> {
    let key = match bearer(&request) {
        Some(text) => ApiKey::parse(text),
        None if request.headers().contains_key(actix_web::http::header::CONTENT_TYPE) => {
            ApiKey::parse(body?.value.api_key.expose_secret())
        }
        None => return Err(Problem::Unauthenticated("Send your API key as Authorization: Bearer.")),
    }
    .map_err(|_malformed| REFUSED)?;
    let now = service.sources.now();
    let mut tx = service.db.begin(&Wall::whole(key.msp)).await?;
    let (stored, hash) = api_key::find(&mut tx, key.key).await?.ok_or(REFUSED)?;
    if !key.matches(&hash) || !stored.is_live(now) {
        return Err(REFUSED);
    }
    let claims = Claims { msp: key.msp, key: key.key, tenants: stored.tenants, permissions: stored.permissions };
    let token = service.tokens.issue(&claims, now).map_err(|error| Problem::internal(&error))?;
    Ok(Json(TokenView {
        access_token: token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: TOKEN_LIFETIME_S,
    }))
}
