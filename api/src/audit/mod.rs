//! Who changed what.

mod export;
mod list;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list::list_audit_entries).service(export::export_audit_entries);
}
