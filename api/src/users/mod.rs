//! People who sign in, and what they may do.

mod create;
mod delete;
mod get;
mod invite;
mod list;
mod reach;
mod update;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create_user)
        .service(list::list_users)
        .service(get::get_user)
        .service(update::update_user)
        .service(delete::delete_user)
        .service(invite::invite_user);
}
