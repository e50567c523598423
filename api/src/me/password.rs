//! Another password.

use actix_web::{HttpRequest, HttpResponse, post};
use daimon_store::user;
use daimon_store::user_session::{self, Ended};
use serde_json::json;

use super::person::{of, tries};
use super::view::PasswordChange;
use crate::auth::{new_password, prove_password};
use crate::caller::{Oneself, Permitted};
use crate::input::Body;
use crate::problem::Problem;

/// Change your password
///
/// Needs the one that you have. All your other sessions end, this one goes on. Whoever has lost their password is invited
/// again by an admin.
#[utoipa::path(operation_id = "changePassword", tag = "Me", request_body = PasswordChange, responses(
    (status = 204, description = "The new one holds"),
    (status = 409, description = "`conflict`: it was changed at the same time"),
    (status = 429, description = "Too many attempts, or too many requests")))]
#[post("/v1/me/password")]
pub(super) async fn change_password(
    asked: Permitted<Oneself, (HttpRequest, Body<PasswordChange>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (request, body)) = asked;
    let (user, proofs) = tries(&mut caller, &request).await?;
    let (_user, session) = of(&caller)?;
    let password = new_password(&mut caller.tx, &user, &body.value.new_password, "/new_password").await?;
    let paused = caller.pause().await?;
    prove_password(&paused.service, body.value.password, &proofs).await?;
    let hash = paused.service.hashing.hash(password, paused.service.sources.entropy()).await?;
    let mut caller = paused.resume().await?;
    let old = proofs.password_hash.unwrap_or_default();
    if !user::replace_password(&mut caller.tx, user.id, &old, &hash).await? {
        return Err(Problem::Conflict("Your password was changed at the same time."));
    }
    let now = caller.now;
    user_session::end_all(&mut caller.tx, user.id, Some(session), Ended::PasswordChanged, now).await?;
    caller.audit("user.password_changed", user.id, None, json!({})).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
