//! Incidents: what the bounces mean, why, and what to do.

mod acknowledge;
mod get;
mod list;
mod sentence;
mod step;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(list::list_incidents)
        .service(get::get_incident)
        .service(acknowledge::acknowledge_incident)
        .service(step::set_step);
}
