//! Bounces: what came back, message by message.

mod classified;
mod classify;
mod export;
mod get;
mod list;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(list::list_bounces)
        .service(export::export_bounces)
        .service(get::get_bounce)
        .service(classify::classify);
}
