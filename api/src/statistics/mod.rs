//! Numbers over many: what came back, how the fleet stands, and what is billed.

mod bounces;
mod overview;
mod usage;
mod view;

pub(crate) use view::{BouncesBy, UsageBy};

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(bounces::count_bounces).service(overview::get_overview).service(usage::get_usage);
}
