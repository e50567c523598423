//! Drills: an episode that is made up, started by hand, through everything that a real one goes through.

mod create;
mod end;
mod get;
mod list;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(create::create_drill).service(list::list_drills).service(get::get_drill).service(end::end_drill);
}
