//! Campaigns: what tenants send on purpose, so that it raises no alarm.

mod create;
mod delete;
mod get;
mod list;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create_campaign)
        .service(list::list_campaigns)
        .service(get::get_campaign)
        .service(delete::delete_campaign);
}
