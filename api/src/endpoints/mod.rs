//! Webhook endpoints: where an MSP wants to be told.

mod asked;
mod create;
mod delete;
mod get;
mod list;
mod reached_at;
mod replay;
mod rotate;
mod test;
mod update;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create_endpoint)
        .service(list::list_endpoints)
        .service(get::get_endpoint)
        .service(update::update_endpoint)
        .service(delete::delete_endpoint)
        .service(rotate::rotate_secret)
        .service(test::test_endpoint)
        .service(replay::replay_events);
}
