//! One user.

use actix_web::{HttpResponse, get};
use daimon_store::user;

use super::view::UserView;
use crate::caller::{Permitted, UsersRead};
use crate::etag::tagged;
use crate::path::{At, UserPath};
use crate::problem::Problem;

/// Read a user
///
/// Who they are, what they may do, and whether they have accepted their invitation. Nothing of what they sign in with is shown.
#[utoipa::path(operation_id = "getUser", tag = "Users", params(UserPath), responses(
    (status = 200, description = "The user", body = UserView, headers(("ETag", description = "Their version")))))]
#[get("/v1/users/{user_id}")]
pub(super) async fn get_user(asked: Permitted<UsersRead, At<UserPath>>) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, path) = asked;
    let user = user::find(&mut caller.tx, path.id()?).await?.ok_or_else(UserPath::absent)?;
    Ok(tagged(user.version, &UserView::from(user)))
}
