//! Maintenance windows: times in which what happens is recorded and told later, if it is still so.

mod create;
mod delete;
mod get;
mod list;
mod update;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create_window)
        .service(list::list_windows)
        .service(get::get_window)
        .service(update::update_window)
        .service(delete::delete_window);
}
