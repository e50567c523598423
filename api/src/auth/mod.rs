//! From an API key or a password to a token, and how long that goes on.

mod accept;
mod hashing;
mod jwks;
mod password;
mod proof;
mod refresh;
mod revoke;
mod session;
mod token;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub use self::hashing::Hashing;
pub(crate) use self::proof::{Code, check_code, new_password, prove_password};

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(token::create_token)
        .service(refresh::refresh_token)
        .service(revoke::revoke_token)
        .service(accept::accept_invitation)
        .service(jwks::get_jwks);
}
