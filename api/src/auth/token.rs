//! The operation that takes an API key or a password.

use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, post};
use daimon_domain::scope::Wall;
use daimon_seal::{ApiKey, Bearer, Claims, TOKEN_LIFETIME_S};
use daimon_store::api_key;
use secrecy::ExposeSecret;

use super::password::sign_in;
use super::view::{Presents, TokenRequest, TokenView};
use crate::caller::bearer;
use crate::input::Body;
use crate::problem::Problem;
use crate::service::Service;

/// The same for every key that does not hold, so that nobody learns which ones exist.
const REFUSED: Problem = Problem::Unauthenticated("This API key does not hold.");

/// Whether there is one, where the headers say so (RFC 9112, 6.3).
fn has_body(request: &HttpRequest) -> bool {
    let headers = request.headers();
    headers.contains_key(TRANSFER_ENCODING) || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0")
}

/// Sign in
///
/// A program exchanges its API key: send it as `Authorization: Bearer` or in the body. A person sends the MSP's id, an
/// address and a password, and a code of the second factor where there is one; then the answer has a refresh token too.
/// A token holds for 15 minutes, and no longer than the key or the session: revoking these ends it at once. All other
/// operations take the token.
#[utoipa::path(operation_id = "createToken", tag = "Sign-in", security(("api_key" = []), ()), request_body = Option<TokenRequest>, responses(
    (status = 200, description = "A token", body = TokenView),
    (status = 401, description = "`unauthenticated`: what was sent does not hold. `second_factor_required`: a code of the second factor is missing, or does not hold"),
    (status = 429, description = "Too many attempts to sign in as this user or from this address, or too many requests")))]
#[post("/v1/auth/token")]
pub(super) async fn create_token(
    request: HttpRequest,
    body: Result<Body<TokenRequest>, Problem>,
    service: Data<Service>,
) -> Result<Json<TokenView>, Problem> {
    // What is sent is read, also where a key in the header says enough. Some clients name the type of a body that they don't have.
    let is_sent = request.headers().contains_key(CONTENT_TYPE) && has_body(&request);
    let presented = if is_sent { Some(body?.value.presents()?) } else { None };
    let key = match (bearer(&request), presented) {
        (Some(text), _) => ApiKey::parse(text),
        (None, Some(Presents::Key(key))) => ApiKey::parse(key.expose_secret()),
        (None, Some(Presents::Person(presented))) => return sign_in(&request, &service, presented).await.map(Json),
        (None, None) => {
            return Err(Problem::Unauthenticated(
                "Send an API key as Authorization: Bearer, or msp, email and password as JSON.",
            ));
        }
    }
    .map_err(|_malformed| REFUSED)?;
    let now = service.sources.now();
    let mut tx = service.db.begin(&Wall::whole(key.msp)).await?;
    let (stored, hash) = api_key::find(&mut tx, key.key).await?.ok_or(REFUSED)?;
    if !key.matches(&hash) || !stored.is_live(now) {
        return Err(REFUSED);
    }
    let bearer = Bearer::Key(key.key);
    let claims = Claims { msp: key.msp, bearer, tenants: stored.tenants, permissions: stored.permissions };
    let token = service.tokens.issue(&claims, now).map_err(|error| Problem::internal(&error))?;
    Ok(Json(TokenView {
        access_token: token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: TOKEN_LIFETIME_S,
        refresh_token: None,
        refresh_token_expires_in: None,
    }))
}
