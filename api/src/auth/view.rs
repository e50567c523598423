//! Wire shapes of signing in.

use garde::Validate;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An API key, where it is not sent as `Authorization: Bearer`.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TokenRequest, example = json!({"api_key": "dmn_live_…"}))]
pub(crate) struct TokenRequest {
    /// The key as it was shown once.
    #[garde(skip)]
    #[schema(value_type = String, write_only)]
    pub(crate) api_key: SecretString,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token, example = json!({"access_token": "eyJ0eXAiOi…", "token_type": "Bearer", "expires_in": 900}))]
pub(crate) struct TokenView {
    /// To be sent as `Authorization: Bearer`.
    pub(crate) access_token: String,
    /// Always `Bearer`.
    pub(crate) token_type: &'static str,
    /// For how many seconds it holds.
    pub(crate) expires_in: i64,
}

/// The public keys (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Jwks, example = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "…", "x": "…"}]}))]
pub(crate) struct JwksView {
    /// One JWK each.
    #[schema(value_type = Vec<Object>)]
    pub(crate) keys: serde_json::Value,
}
