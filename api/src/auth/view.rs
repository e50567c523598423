//! Wire shapes of signing in.

use daimon_domain::id::MspId;
use daimon_domain::mailbox::Address;
use garde::Validate;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::openapi::schema::{OneOfBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::password::Presented;
use crate::problem::Problem;

/// What somebody signs in with: a key, or all of the rest. Read as one, so that what is wrong can be named.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRequest {
    #[serde(default)]
    #[garde(skip)]
    api_key: Option<SecretString>,
    #[serde(default, deserialize_with = "crate::input::maybe_text")]
    #[garde(skip)]
    msp: Option<MspId>,
    #[serde(default, deserialize_with = "crate::input::maybe_text")]
    #[garde(skip)]
    email: Option<Address>,
    #[serde(default)]
    #[garde(skip)]
    password: Option<SecretString>,
    #[serde(default)]
    #[garde(skip)]
    totp: Option<SecretString>,
    #[serde(default)]
    #[garde(skip)]
    recovery_code: Option<SecretString>,
}

/// Who signs in.
pub(super) enum Presents {
    /// A program.
    Key(SecretString),
    /// A person.
    Person(Presented),
}

impl TokenRequest {
    /// Either of the two.
    pub(super) fn presents(self) -> Result<Presents, Problem> {
        let is_person = self.msp.is_some() || self.email.is_some() || self.password.is_some();
        let has_code = self.totp.is_some() || self.recovery_code.is_some();
        let missing = |pointer| Problem::invalid(pointer, "is missing");
        match self.api_key {
            Some(_) if is_person || has_code => {
                Err(Problem::invalid("/api_key", "is there besides what a person signs in with"))
            }
            Some(key) => Ok(Presents::Key(key)),
            None if !is_person && !has_code => Err(missing("/api_key")),
            None => Ok(Presents::Person(Presented {
                msp: self.msp.ok_or_else(|| missing("/msp"))?,
                email: self.email.ok_or_else(|| missing("/email"))?,
                password: self.password.ok_or_else(|| missing("/password"))?,
                totp: self.totp,
                recovery_code: self.recovery_code,
            })),
        }
    }
}

impl ToSchema for TokenRequest {
    fn name() -> std::borrow::Cow<'static, str> {
        "TokenRequest".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("ApiKeySignIn".to_owned(), ApiKeySignIn::schema()));
        schemas.push(("PasswordSignIn".to_owned(), PasswordSignIn::schema()));
    }
}

impl PartialSchema for TokenRequest {
    #[expect(deprecated, reason = "this member is what operations are shown with")]
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .description(Some("What somebody signs in with."))
            .item(Ref::from_schema_name("PasswordSignIn"))
            .item(Ref::from_schema_name("ApiKeySignIn"))
            .example(Some(json!({
                "msp": "msp_019ab1c2d3e47f508192a3b4c5d6e7f8", "email": "mori@kestrel-it.example",
                "password": "correct horse battery staple", "totp": "492039"
            })))
            .into()
    }
}

/// An API key, where it is not sent as `Authorization: Bearer`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeySignIn, example = json!({"api_key": "dmn_live_…"}))]
#[expect(dead_code, reason = "only describes one of the two bodies that `TokenRequest` reads")]
pub(crate) struct ApiKeySignIn {
    /// The key as it was shown once.
    #[schema(value_type = String, write_only)]
    api_key: SecretString,
}

/// What a person signs in with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordSignIn, example = json!({
    "msp": "msp_019ab1c2d3e47f508192a3b4c5d6e7f8", "email": "mori@kestrel-it.example",
    "password": "correct horse battery staple", "totp": "492039"
}))]
#[expect(dead_code, reason = "only describes one of the two bodies that `TokenRequest` reads")]
pub(crate) struct PasswordSignIn {
    /// The MSP: an address is somebody's within an MSP only.
    #[schema(schema_with = crate::words::msp_id)]
    msp: MspId,
    /// The user's address.
    #[serde(deserialize_with = "crate::input::text")]
    #[schema(value_type = String, max_length = 320)]
    email: Address,
    /// Their password.
    #[schema(value_type = String, write_only)]
    password: SecretString,
    /// The six digits that the authenticator app shows, where there is a second factor.
    #[schema(value_type = Option<String>, nullable = false, write_only)]
    totp: Option<SecretString>,
    /// One of the recovery codes in place of `totp`; it is used up.
    #[schema(value_type = Option<String>, nullable = false, write_only)]
    recovery_code: Option<SecretString>,
}

/// An invitation to be accepted.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Acceptance, example = json!({"invitation": "dmn_invite_…", "password": "correct horse battery staple"}))]
pub(crate) struct Acceptance {
    /// The invitation as it was shown once.
    #[garde(skip)]
    #[schema(value_type = String, write_only)]
    pub(crate) invitation: SecretString,
    /// The password to be: 12 to 256 characters of any kind.
    #[garde(skip)]
    #[schema(value_type = String, write_only, min_length = 12, max_length = 256)]
    pub(crate) password: SecretString,
    /// The six digits that the authenticator app shows, where there is a second factor already.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, write_only)]
    pub(crate) totp: Option<SecretString>,
    /// One of the recovery codes in place of `totp`; it is used up.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, write_only)]
    pub(crate) recovery_code: Option<SecretString>,
}

/// A session to go on with.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RefreshRequest, example = json!({"refresh_token": "dmn_refresh_…"}))]
pub(crate) struct RefreshRequest {
    /// The refresh token that came last. It is good once.
    #[garde(skip)]
    #[schema(value_type = String, write_only)]
    pub(crate) refresh_token: SecretString,
}

/// A session to be ended.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RevokeRequest, example = json!({"token": "dmn_refresh_…"}))]
pub(crate) struct RevokeRequest {
    /// A refresh token of it, or a token that holds.
    #[garde(skip)]
    #[schema(value_type = String, write_only)]
    pub(crate) token: SecretString,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token, example = json!({
    "access_token": "eyJ0eXAiOi…", "token_type": "Bearer", "expires_in": 900, "refresh_token": "dmn_refresh_…",
    "refresh_token_expires_in": 604_800
}))]
pub(crate) struct TokenView {
    /// To be sent as `Authorization: Bearer`.
    pub(crate) access_token: String,
    /// Always `Bearer`.
    pub(crate) token_type: &'static str,
    /// For how many seconds it holds.
    pub(crate) expires_in: i64,
    /// What to get the next token with, where a person has signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    pub(crate) refresh_token: Option<String>,
    /// For how many seconds that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    pub(crate) refresh_token_expires_in: Option<i64>,
}

/// The public keys (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Jwks, example = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "…", "x": "…"}]}))]
pub(crate) struct JwksView {
    /// One JWK each.
    #[schema(value_type = Vec<Object>)]
    pub(crate) keys: serde_json::Value,
}
