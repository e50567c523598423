//! The day's digest: when an MSP is told what the last day brought.

mod delete;
mod get;
mod set;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(get::get_digest).service(set::set_digest).service(delete::delete_digest);
}
