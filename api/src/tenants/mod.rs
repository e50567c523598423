//! Tenants: the client companies.

mod create;
mod delete;
mod domains;
mod get;
mod list;
mod update;
mod view;
mod welcome;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) use create::store;
pub(crate) use domains::FindingView;
pub(crate) use view::NewTenant;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create_tenant)
        .service(list::list_tenants)
        .service(get::get_tenant)
        .service(domains::list_domains)
        .service(welcome::get_welcome)
        .service(update::update_tenant)
        .service(delete::delete_tenant);
}
