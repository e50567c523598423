//! API keys: who may call, and what for.

mod create;
mod get;
mod list;
mod revoke;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(create::create_api_key).service(list::list_api_keys);
    config.service(get::get_api_key).service(revoke::revoke_api_key);
}
