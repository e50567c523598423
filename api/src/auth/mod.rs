//! From an API key to a token.

mod jwks;
mod token;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(token::create_token).service(jwks::get_jwks);
}
