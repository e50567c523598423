//! Credentials: what mailboxes sign in with in place of a password. Their secrets go in and never come out.

mod consent;
mod create;
mod delete;
mod get;
mod list;
mod material;
mod replace;
mod retry;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create_credential)
        .service(list::list_credentials)
        .service(get::get_credential)
        .service(replace::replace_credential)
        .service(delete::delete_credential)
        .service(retry::retry_credential)
        .service(consent::get_credential_consent);
}
