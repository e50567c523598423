//! Letting somebody go.

use actix_web::{HttpResponse, delete};
use daimon_store::user;
use serde_json::json;

use super::reach::{changeable, leaves_an_owner};
use crate::caller::{Permitted, UsersWrite};
use crate::etag::IfMatch;
use crate::path::{At, IfMatchHeader, UserPath};
use crate::problem::Problem;

/// Delete a user
///
/// Ends their sessions and forgets who they were; the audit log keeps the id. API keys that they made stay: revoke those too.
#[utoipa::path(operation_id = "deleteUser", tag = "Users", params(UserPath, IfMatchHeader), responses(
    (status = 204, description = "They are gone"),
    (status = 409, description = "`conflict`: they are the last owner who can sign in"),
    (status = 412, description = "Somebody changed them in the meantime"),
    (status = 428, description = "If-Match is missing")))]
#[delete("/v1/users/{user_id}")]
pub(super) async fn delete_user(
    asked: Permitted<UsersWrite, (At<UserPath>, IfMatch)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (path, expected)) = asked;
    let user = changeable(&mut caller, path.id()?).await?;
    expected.check(user.version)?;
    leaves_an_owner(&mut caller, &user).await?;
    if !user::delete(&mut caller.tx, user.id, user.version).await? {
        return Err(Problem::PreconditionFailed);
    }
    caller.audit("user.deleted", user.id, None, json!({})).await?;
    caller.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}
