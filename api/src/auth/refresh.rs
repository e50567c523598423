//! Going on with a session.

use actix_web::post;
use actix_web::web::{Data, Json};
use daimon_domain::scope::Wall;
use daimon_seal::{Bearer, Refresh};
use daimon_store::user_session::{self, Ended};
use secrecy::ExposeSecret;
use serde_json::json;

use super::session::{Of, end_of, tokens};
use super::view::{RefreshRequest, TokenView};
use crate::caller::{Did, write_down};
use crate::input::Body;
use crate::problem::Problem;
use crate::service::Service;

const REFUSED: Problem = Problem::Unauthenticated("This refresh token does not hold. Sign in again.");

/// Refresh a token
///
/// Exchanges a refresh token for a fresh token and the next refresh token, with what the user may do by now. Each refresh
/// token is good once. One that comes a second time ends the session, because one of the two who have it has stolen it
/// (RFC 9700, 4.14.2). A session ends when it is not refreshed for 7 days, and after 30 days in any case.
#[utoipa::path(operation_id = "refreshToken", tag = "Sign-in", security(()), request_body = RefreshRequest, responses(
    (status = 200, description = "A token, and the next refresh token", body = TokenView),
    (status = 401, description = "`unauthenticated`: the refresh token does not hold: sign in again")))]
#[post("/v1/auth/refresh")]
pub(super) async fn refresh_token(
    body: Body<RefreshRequest>,
    service: Data<Service>,
) -> Result<Json<TokenView>, Problem> {
    let refresh = Refresh::verify(body.value.refresh_token.expose_secret(), &service.master).ok_or(REFUSED)?;
    let now = service.sources.now();
    let mut tx = service.db.begin(&Wall::whole(refresh.msp)).await?;
    let session = user_session::find(&mut tx, refresh.session).await?.ok_or(REFUSED)?;
    let expires_at = end_of(session.created_at, now);
    if !session.is_live(now) || refresh.number > session.next_refresh {
        return Err(REFUSED);
    }
    if !user_session::refresh(&mut tx, session.id, refresh.number, expires_at).await? {
        if user_session::end(&mut tx, session.id, Ended::Reused, now).await? {
            let did = Did {
                actor: session.user.to_string(),
                action: "session.reused",
                subject: session.id.to_string(),
                tenant: None,
                detail: json!({ "number": refresh.number }),
            };
            write_down(&mut tx, &service, did, now).await?;
            tx.commit().await?;
            tracing::warn!(session.id = %session.id, "a refresh token came twice: session {} has ended", session.id);
        }
        return Err(REFUSED);
    }
    let bearer = Bearer::Session { user: session.user, session: session.id };
    let of = Of { msp: refresh.msp, bearer, role: session.role, tenants: session.tenants };
    let view = tokens(&service, of, (session.id, refresh.number + 1, expires_at), now)?;
    tx.commit().await?;
    Ok(Json(view))
}
