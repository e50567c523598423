//! Wire shapes of what concerns oneself.

use chrono::{DateTime, Utc};
use daimon_domain::id::{MspId, TenantId};
use daimon_domain::scope::Permission;
use daimon_domain::user::Role;
use daimon_domain::words;
use garde::Validate;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

words! {
    /// What stands behind a token.
    Kind {
        /// A program.
        ApiKey = "api_key",
        /// A person.
        User = "user",
    }
}

/// Who you are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Me, example = json!({
    "kind": "user", "id": "usr_019ab1c2d3e47f508192a3b4c5d6e7f8", "name": "Aiko Mori", "email": "mori@kestrel-it.example",
    "role": "operator", "permissions": ["tenants:read", "mailboxes:read"], "tenants": null,
    "msp": {"id": "msp_019ab1c2d3e47f508192a3b4c5d6e7f8", "name": "Kestrel IT"},
    "second_factor": {"since": "2026-11-24T08:00:00Z", "is_required": false, "recovery_codes_left": 10}
}))]
pub(crate) struct MeView {
    /// What you are.
    #[schema(schema_with = crate::words::kind_of_caller)]
    pub(crate) kind: Kind,
    /// The id of the API key or of the user: what the audit log calls you.
    pub(crate) id: String,
    /// What people call you, or the key.
    pub(crate) name: String,
    /// The address that a user signs in with.
    #[schema(required = true)]
    pub(crate) email: Option<String>,
    /// What a user is to the MSP.
    #[schema(schema_with = crate::words::role_or_null)]
    pub(crate) role: Option<Role>,
    /// What you may do.
    #[schema(schema_with = crate::words::permissions)]
    pub(crate) permissions: Vec<Permission>,
    /// The tenants within your reach; `null`: all, also those to come.
    #[schema(schema_with = crate::words::tenant_ids_or_null)]
    pub(crate) tenants: Option<Vec<TenantId>>,
    /// Whose you are.
    pub(crate) msp: MspOfMe,
    /// How it stands with a user's second factor.
    #[schema(required = true)]
    pub(crate) second_factor: Option<SecondFactorView>,
}

/// An MSP, in short.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MspInShort)]
pub(crate) struct MspOfMe {
    /// Its id: users sign in with it.
    #[schema(schema_with = crate::words::msp_id)]
    pub(crate) id: MspId,
    /// Its name.
    pub(crate) name: String,
}

/// How it stands with a second factor.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SecondFactor)]
pub(crate) struct SecondFactorView {
    /// Since when there is one.
    #[schema(required = true)]
    pub(crate) since: Option<DateTime<Utc>>,
    /// Whether your role needs one: without it you can do nothing but enrol it.
    pub(crate) is_required: bool,
    /// How many recovery codes are left.
    pub(crate) recovery_codes_left: u16,
}

/// Another password.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange, example = json!({"password": "correct horse battery staple", "new_password": "nine quiet herons wading"}))]
pub(crate) struct PasswordChange {
    /// The one that you have.
    #[garde(skip)]
    #[schema(value_type = String, write_only)]
    pub(crate) password: SecretString,
    /// The one to be: 12 to 256 characters of any kind.
    #[garde(skip)]
    #[schema(value_type = String, write_only, min_length = 12, max_length = 256)]
    pub(crate) new_password: SecretString,
}

/// What a change of your second factor needs.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecondFactorChange, example = json!({"password": "correct horse battery staple"}))]
pub(crate) struct TotpChange {
    /// Your password.
    #[garde(skip)]
    #[schema(value_type = String, write_only)]
    pub(crate) password: SecretString,
    /// The six digits that the app shows, where there is a second factor already.
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

/// A code.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TotpCode, example = json!({"totp": "492039"}))]
pub(crate) struct TotpCode {
    /// The six digits that the app shows.
    #[garde(skip)]
    #[schema(value_type = String, write_only)]
    pub(crate) totp: SecretString,
}

/// What an authenticator app is told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TotpEnrolment, example = json!({
    "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    "uri": "otpauth://totp/Daimon%20Kestrel%20IT:mori%40kestrel-it.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Daimon%20Kestrel%20IT"
}))]
pub(crate) struct TotpView {
    /// The secret in base 32, to be typed.
    pub(crate) secret: String,
    /// The same as a QR code holds it.
    pub(crate) uri: String,
}

/// Recovery codes, shown once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecoveryCodes, example = json!({"recovery_codes": ["k3vd-7qpa-x2mt-4h6c"]}))]
pub(crate) struct RecoveryCodesView {
    /// Each is good once. Keep them where the phone is not.
    pub(crate) recovery_codes: Vec<String>,
}

impl RecoveryCodesView {
    pub(crate) fn new(codes: &[SecretString]) -> Self {
        Self { recovery_codes: codes.iter().map(|code| code.expose_secret().to_owned()).collect() }
    }
}
