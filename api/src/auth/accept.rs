//! From an invitation to a password.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, post};
use daimon_domain::scope::Wall;
use daimon_domain::user::User;
use daimon_seal::Invitation;
use daimon_store::user::{self, Proofs};
use secrecy::ExposeSecret;

use super::proof::{Code, check_code, new_password};
use super::session;
use super::view::{Acceptance, TokenView};
use crate::input::Body;
use crate::limits::count_source;
use crate::problem::Problem;
use crate::service::Service;

const REFUSED: Problem =
    Problem::Unauthenticated("This invitation does not hold: it was used, renewed, or has expired.");

/// Accept an invitation
///
/// Sets the password of whoever was invited, or invited again because theirs was lost, and signs them in. A password has
/// 12 to 256 characters of any kind, and is none that is tried first. Whoever has a second factor sends a code besides.
/// An invitation is good once, for seven days.
#[utoipa::path(operation_id = "acceptInvitation", tag = "Sign-in", security(()), request_body = Acceptance, responses(
    (status = 200, description = "The password holds, and this is the first sign-in with it", body = TokenView),
    (status = 401, description = "`unauthenticated`: the invitation does not hold. `second_factor_required`: a code of the second factor is missing, or does not hold")))]
#[post("/v1/auth/accept-invitation")]
pub(super) async fn accept_invitation(
    request: HttpRequest,
    body: Body<Acceptance>,
    service: Data<Service>,
) -> Result<Json<TokenView>, Problem> {
    count_source(&service, &request).await?;
    let asked = body.value;
    let invitation = Invitation::parse(asked.invitation.expose_secret()).ok_or(REFUSED)?;
    let (wall, now) = (Wall::whole(invitation.msp), service.sources.now());
    let holds = |user: &User, proofs: &Proofs| {
        let is_known = proofs.invitation_sha256.is_some_and(|stored| invitation.matches(&stored));
        is_known && user.disabled_at.is_none() && user.invitation_expires_at.is_some_and(|end| now < end)
    };

    let mut tx = service.db.begin(&wall).await?;
    let user = user::find(&mut tx, invitation.user).await?.ok_or(REFUSED)?;
    let proofs = user::proofs(&mut tx, user.id).await?.ok_or(REFUSED)?;
    if !holds(&user, &proofs) {
        return Err(REFUSED);
    }
    let password = new_password(&mut tx, &user, &asked.password, "/password").await?;
    tx.rollback().await?;
    let hash = service.hashing.hash(password, service.sources.entropy()).await?;

    let mut tx = service.db.begin(&wall).await?;
    let user = user::find_held(&mut tx, invitation.user).await?.ok_or(REFUSED)?;
    let proofs = user::proofs(&mut tx, user.id).await?.ok_or(REFUSED)?;
    let (Some(stored), true) = (proofs.invitation_sha256, holds(&user, &proofs)) else { return Err(REFUSED) };
    let code = Code { totp: asked.totp.as_ref(), recovery: asked.recovery_code.as_ref() };
    check_code(&mut tx, &service, &user, &proofs, &code, now).await?;
    if !user::accept(&mut tx, user.id, &stored, &hash, now).await? {
        return Err(REFUSED);
    }
    let view = session::begin(&mut tx, &service, &user, "user.accepted", now).await?;
    tx.commit().await?;
    Ok(Json(view))
}
