//! What an MSP says of itself.

mod get;
mod update;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(get::get_msp).service(update::update_msp);
}
