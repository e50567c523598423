//! Changing what somebody may do.

use actix_web::{HttpResponse, patch};
use daimon_domain::scope::Tenants;
use daimon_domain::user::Role;
use daimon_store::user;
use daimon_store::user_session::{self, Ended};
use serde_json::json;

use super::reach::{changeable, leaves_an_owner, may_give, tenants, within};
use super::view::{UserChange, UserView};
use crate::caller::{Permitted, UsersWrite};
use crate::etag::{IfMatch, tagged};
use crate::input::{Body, Change};
use crate::path::{At, IfMatchHeader, UserPath};
use crate::problem::Problem;

/// Change a user
///
/// Changes what the body has and leaves the rest. What they may do changes at once: their tokens end, and a refresh brings
/// one that fits. Nobody makes anybody mightier than themselves, and the last owner who can sign in stays one.
#[utoipa::path(operation_id = "updateUser", tag = "Users", params(UserPath, IfMatchHeader), request_body = UserChange, responses(
    (status = 200, description = "The user as they are now", body = UserView, headers(("ETag", description = "Their new version"))),
    (status = 409, description = "`conflict`: they are the last owner who can sign in"),
    (status = 412, description = "Somebody changed them in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[patch("/v1/users/{user_id}")]
pub(super) async fn update_user(
    asked: Permitted<UsersWrite, (At<UserPath>, IfMatch, Body<UserChange>)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected, body)) = asked;
    let before = changeable(&mut caller, path.id()?).await?;
    expected.check(before.version)?;
    let (change, mut user) = (body.value, before.clone());
    user.name = change.name.unwrap_or(user.name);
    user.role = change.role.unwrap_or(user.role);
    may_give(&caller, user.role)?;
    user.tenants = match change.tenants {
        Change::Leave => within(&caller, user.tenants, user.role)?,
        Change::End => within(&caller, Tenants::All, user.role)?,
        Change::Set(asked) if matches!(asked.len(), 1..=200) => tenants(&mut caller, Some(asked), user.role).await?,
        Change::Set(_) => return Err(Problem::invalid("/tenants", "must have 1 to 200 entries")),
    };
    user.disabled_at = match change.disabled {
        None => user.disabled_at,
        Some(false) => None,
        Some(true) => user.disabled_at.or(Some(caller.now)),
    };
    if user.role != Role::Owner || user.disabled_at.is_some() {
        leaves_an_owner(&mut caller, &before).await?;
    }
    user.version = user::update(&mut caller.tx, &user).await?.ok_or(Problem::PreconditionFailed)?;
    if user.disabled_at.is_some() {
        user_session::end_all(&mut caller.tx, user.id, None, Ended::Disabled, caller.now).await?;
    }
    let detail = json!({ "role": user.role, "disabled": user.disabled_at.is_some() });
    caller.audit("user.changed", user.id, None, detail).await?;
    caller.commit().await?;
    Ok(tagged(user.version, &UserView::from(user)))
}
