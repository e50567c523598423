//! How telling went: deliveries, and each attempt.

mod attempts;
mod get;
mod list;
mod replay;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;
pub(crate) use view::DeliveryView;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(list::list_deliveries)
        .service(get::get_delivery)
        .service(attempts::list_attempts)
        .service(replay::replay_delivery);
}
