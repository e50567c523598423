//! Events, for who would rather ask than be told.

mod example;
mod list;
mod stream;
mod view;
mod webhooks;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) use example::test_data;
pub use stream::Streams;
pub(crate) use webhooks::webhooks;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list::list_events).service(stream::follow_events);
}
