//! Who calls, and what they prove it with: each their own, whatever they may do.

mod get;
mod password;
mod person;
mod recovery;
mod totp;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) use self::view::Kind;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(get::get_me)
        .service(password::change_password)
        .service(totp::begin_totp)
        .service(totp::confirm_totp)
        .service(totp::disable_totp)
        .service(recovery::renew_recovery_codes);
}
