//! Jobs: work that takes longer than a request, asked for by one and looked at by others.

mod get;
mod list;
mod recipients;
mod view;

pub(crate) use view::{JobView, language_of};

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list::list_jobs).service(get::get_job).service(recipients::take_recipients);
}
