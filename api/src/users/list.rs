//! Who there is.

use actix_web::get;
use actix_web::web::Json;
use daimon_domain::id::UserId;
use daimon_store::user;

use super::view::{ListUsers, UserView};
use crate::caller::{Permitted, UsersRead};
use crate::input::Query;
use crate::page::{Page, Walk};
use crate::problem::Problem;

/// List users
///
/// Everybody who can sign in or was invited, newest first. Whoever is limited to some tenants sees those who reach no further.
#[utoipa::path(operation_id = "listUsers", tag = "Users", params(ListUsers), responses(
    (status = 200, description = "A page of users", body = Page<UserView>)))]
#[get("/v1/users")]
pub(super) async fn list_users(asked: Permitted<UsersRead, Query<ListUsers>>) -> Result<Json<Page<UserView>>, Problem> {
    let Permitted(mut caller, query) = asked;
    let walk = Walk::new(&caller, "users", &(), query.0.cursor.as_deref(), query.0.limit)?;
    let listed = user::list(&mut caller.tx, walk.page(UserId::from_uuid)).await?;
    Ok(Json(walk.answer(listed, |user| user.id.as_uuid(), UserView::from)))
}
