//! Ending a session.

use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use chrono::{DateTime, Utc};
use daimon_domain::id::{MspId, SessionId};
use daimon_domain::scope::Wall;
use daimon_seal::{Bearer, Refresh};
use daimon_store::user_session::{self, Ended};
use secrecy::ExposeSecret;
use serde_json::json;

use super::view::RevokeRequest;
use crate::caller::{Did, write_down};
use crate::input::Body;
use crate::problem::Problem;
use crate::service::Service;

/// Revoke a token
///
/// Signs out: ends the session that a token or a refresh token is of, and with it all its tokens, at once. As RFC 7009
/// has it, a token that holds no more is answered the same. A token that was made of an API key ends with its key only.
#[utoipa::path(operation_id = "revokeToken", tag = "Sign-in", security(()), request_body = RevokeRequest, responses(
    (status = 204, description = "It holds no more")))]
#[post("/v1/auth/revoke")]
pub(super) async fn revoke_token(body: Body<RevokeRequest>, service: Data<Service>) -> Result<HttpResponse, Problem> {
    let now = service.sources.now();
    if let Some((msp, session)) = named(&service, body.value.token.expose_secret(), now) {
        let mut tx = service.db.begin(&Wall::whole(msp)).await?;
        if let Some(found) = user_session::find(&mut tx, session).await?
            && user_session::end(&mut tx, session, Ended::Revoked, now).await?
        {
            let did = Did {
                actor: found.user.to_string(),
                action: "session.revoked",
                subject: session.to_string(),
                tenant: None,
                detail: json!({}),
            };
            write_down(&mut tx, &service, did, now).await?;
            tx.commit().await?;
        }
    }
    Ok(HttpResponse::NoContent().finish())
}

/// The session that a token is of, if it is one of ours.
fn named(service: &Service, token: &str, now: DateTime<Utc>) -> Option<(MspId, SessionId)> {
    if let Some(refresh) = Refresh::verify(token, &service.master) {
        return Some((refresh.msp, refresh.session));
    }
    let claims = service.tokens.verify(token, now).ok()?;
    match claims.bearer {
        Bearer::Session { session, .. } => Some((claims.msp, session)),
        Bearer::Key(_) => None,
    }
}
