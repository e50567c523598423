//! Inviting somebody.

use actix_web::{HttpResponse, post};
use daimon_domain::id::UserId;
use daimon_domain::user::User;
use daimon_seal::Invitation;
use daimon_store::user;
use secrecy::ExposeSecret;
use serde_json::json;

use super::reach::{INVITED_FOR, may_give, tenants};
use super::view::{InvitedUserView, NewUser};
use crate::caller::{Permitted, UsersWrite};
use crate::idempotency::{Created, IdempotencyKey};
use crate::input::Body;
use crate::path::IdempotencyKeyHeader;
use crate::problem::Problem;

/// Invite a user
///
/// Makes a user who can't sign in yet. The answer has an invitation, shown this once, because no mail is sent: give it to
/// them, and they set their password with it within seven days. They can have no role and reach no tenant that you lack.
#[utoipa::path(operation_id = "createUser", tag = "Users", params(IdempotencyKeyHeader), request_body = NewUser, responses(
    (status = 201, description = "The user, and the invitation, shown once", body = InvitedUserView, headers(("Location", description = "Where they are read"), ("ETag", description = "Their version"))),
    (status = 409, description = "`conflict`: there is a user with this address already")))]
#[post("/v1/users")]
pub(super) async fn create_user(
    asked: Permitted<UsersWrite, (IdempotencyKey, Body<NewUser>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (once, body)) = asked;
    let once = match once.begin(&mut caller, &body.bytes).await? {
        Ok(once) => once,
        Err(answer) => return Ok(answer),
    };
    let asked = body.value;
    may_give(&caller, asked.role)?;
    let tenants = tenants(&mut caller, asked.tenants, asked.role).await?;
    let id = UserId::new(caller.now, caller.service.sources.entropy());
    let (invitation, hash) = Invitation::generate(caller.msp, id, caller.service.sources.entropy());
    let user = User {
        id,
        email: asked.email,
        name: asked.name,
        role: asked.role,
        tenants,
        disabled_at: None,
        accepted_at: None,
        invitation_expires_at: Some(caller.now + INVITED_FOR),
        totp_since: None,
        recovery_codes: 0,
        last_signed_in_at: None,
        created_at: caller.now,
        version: 1,
    };
    user::insert(&mut caller.tx, &user, &hash).await?;
    caller.audit("user.invited", id, None, json!({ "role": user.role })).await?;
    let version = Some(user.version);
    let view = InvitedUserView { user: user.into(), invitation: invitation.expose_secret().to_owned() };
    once.created(caller, Created { location: format!("/v1/users/{id}"), version, view }).await
}
