//! Inviting somebody again, who has lost the invitation, the password or the phone.

use actix_web::post;
use actix_web::web::Json;
use daimon_domain::scope::Actor;
use daimon_seal::Invitation;
use daimon_store::user;
use daimon_store::user_session::{self, Ended};
use secrecy::ExposeSecret;
use serde_json::json;

use super::reach::{INVITED_FOR, changeable};
use super::view::{InvitedUserView, NewInvitation};
use crate::caller::{Permitted, UsersWrite};
use crate::input::Body;
use crate::path::{At, UserPath};
use crate::problem::Problem;

/// Invite a user again
///
/// Makes another invitation, shown this once; the one before holds no more, and neither does the password of whoever had
/// one. It ends their sessions. With `reset_totp` their second factor ends too.
#[utoipa::path(operation_id = "inviteUser", tag = "Users", params(UserPath), request_body = NewInvitation, responses(
    (status = 200, description = "The user, and the invitation, shown once", body = InvitedUserView),
    (status = 409, description = "`conflict`: it is yourself")))]
#[post("/v1/users/{user_id}/invitation")]
pub(super) async fn invite_user(
    asked: Permitted<UsersWrite, (At<UserPath>, Body<NewInvitation>)>,
) -> Result<Json<InvitedUserView>, Problem> {
    let Permitted(mut caller, (path, body)) = asked;
    let user = changeable(&mut caller, path.id()?).await?;
    if caller.actor == Actor::User(user.id) {
        // Should the answer get lost, nobody might be left who could invite them once more.
        return Err(Problem::Conflict("It would end your own password: change that at POST /v1/me/password."));
    }
    let (invitation, hash) = Invitation::generate(caller.msp, user.id, caller.service.sources.entropy());
    let (now, reset_totp) = (caller.now, body.value.reset_totp);
    user::invite(&mut caller.tx, user.id, &hash, now + INVITED_FOR).await?;
    if reset_totp {
        user::end_totp(&mut caller.tx, user.id).await?;
    }
    user_session::end_all(&mut caller.tx, user.id, None, Ended::InvitedAgain, now).await?;
    caller.audit("user.invited_again", user.id, None, json!({ "reset_totp": reset_totp })).await?;
    let user = user::find(&mut caller.tx, user.id).await?.ok_or_else(UserPath::absent)?;
    caller.commit().await?;
    Ok(Json(InvitedUserView { user: user.into(), invitation: invitation.expose_secret().to_owned() }))
}
