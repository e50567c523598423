//! Wire shapes of credentials. What goes in and what comes out are different types: the secrets are in the first only.

use chrono::{DateTime, Utc};
use daimon_domain::credential::{Condition, CredentialKind, TokenFault};
use daimon_domain::id::{CredentialId, TenantId};
use daimon_domain::mailbox::HostName;
use daimon_domain::tenant::Language;
use daimon_store::credential::Known;
use garde::Validate;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::input::is_plain;

/// A credential to be kept. Which of the fields it has is said by its kind.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOAuthCredential, example = json!({
    "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8", "name": "Microsoft 365",
    "kind": "microsoft_client_credentials", "directory_id": "0f1e2d3c-4b5a-4697-8879-6a5b4c3d2e1f",
    "client_id": "1a2b3c4d-5e6f-4708-9192-a3b4c5d6e7f8", "client_secret": "4Kq8Q~gV3…"
}))]
pub(crate) struct NewCredential {
    /// Whose it is. May be left out by a key that is limited to one tenant.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::tenant_id, required = false)]
    pub(crate) tenant_id: Option<TenantId>,
    /// What people call it.
    #[garde(length(chars, min = 1, max = 200), custom(is_plain))]
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) name: String,
    /// How access tokens are asked for, and of whom. It can't be changed afterwards.
    #[garde(skip)]
    #[schema(schema_with = crate::words::credential_kind)]
    pub(crate) kind: CredentialKind,
    /// The only IMAP server that its tokens are sent to, for the kinds `oauth2_…`; Microsoft's and Google's are known. It can't
    /// be changed afterwards.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, nullable = false, format = Hostname)]
    pub(crate) imap_host: Option<HostName>,
    /// Microsoft's "Directory (tenant) ID", for the kinds `microsoft_…`.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 128), custom(is_directory)))]
    #[schema(nullable = false, min_length = 1, max_length = 128)]
    pub(crate) directory_id: Option<String>,
    /// The application's id at the provider, for all kinds but `google_service_account`, whose key file has it.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 500), custom(is_plain)))]
    #[schema(nullable = false, min_length = 1, max_length = 500)]
    pub(crate) client_id: Option<String>,
    /// The application's secret. It is sealed and never shown again. A public client with a refresh token has none.
    #[serde(default)]
    #[garde(inner(custom(is_secret)))]
    #[schema(value_type = Option<String>, nullable = false, format = Password, write_only, min_length = 1, max_length = 8_192)]
    pub(crate) client_secret: Option<SecretString>,
    /// A user's consent, for the kinds `…_refresh_token`. It is sealed and never shown again, and replaced by itself when the
    /// provider gives another one.
    #[serde(default)]
    #[garde(inner(custom(is_secret)))]
    #[schema(value_type = Option<String>, nullable = false, format = Password, write_only, min_length = 1, max_length = 8_192)]
    pub(crate) refresh_token: Option<SecretString>,
    /// The text of a service account's JSON key file, for the kind `google_service_account`. It is sealed and never shown again.
    #[serde(default)]
    #[garde(inner(custom(is_file)))]
    #[schema(value_type = Option<String>, nullable = false, format = Password, write_only, min_length = 1, max_length = 16_384)]
    pub(crate) service_account_key: Option<SecretString>,
    /// The token endpoint, for the kinds `oauth2_…`: https, at port 443 or one that the operator opened.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 2_048)))]
    #[schema(nullable = false, min_length = 1, max_length = 2_048)]
    pub(crate) token_url: Option<String>,
    /// What is asked for: for the kinds `oauth2_…` whatever the provider wants, or nothing; for `google_service_account`
    /// `https://mail.google.com/` in place of `https://www.googleapis.com/auth/gmail.imap_admin`.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 1_000), custom(is_plain)))]
    #[schema(nullable = false, min_length = 1, max_length = 1_000)]
    pub(crate) scope: Option<String>,
}

/// Everything of a credential anew but its kind and its server. A secret never follows to another token endpoint, so all of
/// them come again.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OAuthCredentialReplacement, example = json!({
    "name": "Microsoft 365", "directory_id": "0f1e2d3c-4b5a-4697-8879-6a5b4c3d2e1f",
    "client_id": "1a2b3c4d-5e6f-4708-9192-a3b4c5d6e7f8", "client_secret": "4Kq8Q~gV3…"
}))]
pub(crate) struct Replacement {
    /// What people call it.
    #[garde(length(chars, min = 1, max = 200), custom(is_plain))]
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) name: String,
    /// Microsoft's "Directory (tenant) ID", for the kinds `microsoft_…`.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 128), custom(is_directory)))]
    #[schema(nullable = false, min_length = 1, max_length = 128)]
    pub(crate) directory_id: Option<String>,
    /// The application's id at the provider, for all kinds but `google_service_account`, whose key file has it.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 500), custom(is_plain)))]
    #[schema(nullable = false, min_length = 1, max_length = 500)]
    pub(crate) client_id: Option<String>,
    /// The application's secret. It is sealed and never shown again. A public client with a refresh token has none.
    #[serde(default)]
    #[garde(inner(custom(is_secret)))]
    #[schema(value_type = Option<String>, nullable = false, format = Password, write_only, min_length = 1, max_length = 8_192)]
    pub(crate) client_secret: Option<SecretString>,
    /// A user's consent, for the kinds `…_refresh_token`. It is sealed and never shown again.
    #[serde(default)]
    #[garde(inner(custom(is_secret)))]
    #[schema(value_type = Option<String>, nullable = false, format = Password, write_only, min_length = 1, max_length = 8_192)]
    pub(crate) refresh_token: Option<SecretString>,
    /// The text of a service account's JSON key file, for the kind `google_service_account`. It is sealed and never shown again.
    #[serde(default)]
    #[garde(inner(custom(is_file)))]
    #[schema(value_type = Option<String>, nullable = false, format = Password, write_only, min_length = 1, max_length = 16_384)]
    pub(crate) service_account_key: Option<SecretString>,
    /// The token endpoint, for the kinds `oauth2_…`: https, at port 443 or one that the operator opened.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 2_048)))]
    #[schema(nullable = false, min_length = 1, max_length = 2_048)]
    pub(crate) token_url: Option<String>,
    /// What is asked for, where it is not the usual.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 1_000), custom(is_plain)))]
    #[schema(nullable = false, min_length = 1, max_length = 1_000)]
    pub(crate) scope: Option<String>,
}

/// A GUID or a domain: it becomes a part of a path.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as garde calls it")]
fn is_directory(text: &str, _context: &()) -> garde::Result {
    let is_sound = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    if is_sound { Ok(()) } else { Err(garde::Error::new("is neither a GUID nor a domain")) }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as garde calls it")]
fn is_secret(secret: &SecretString, _context: &()) -> garde::Result {
    let text = secret.expose_secret();
    if !matches!(text.len(), 1..=8_192) || text.chars().any(char::is_control) {
        return Err(garde::Error::new("has not 1 to 8,192 bytes, or a control character"));
    }
    Ok(())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as garde calls it")]
fn is_file(secret: &SecretString, _context: &()) -> garde::Result {
    if matches!(secret.expose_secret().len(), 1..=16_384) {
        return Ok(());
    }
    Err(garde::Error::new("has not 1 to 16,384 bytes"))
}

/// What mailboxes of a tenant sign in with in place of a password.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OAuthCredential, example = json!({
    "id": "crd_019ab1c2d3e47f508192a3b4c5d6e7f8", "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8",
    "name": "Microsoft 365", "kind": "microsoft_client_credentials", "imap_host": "outlook.office365.com",
    "directory_id": "0f1e2d3c-4b5a-4697-8879-6a5b4c3d2e1f", "client_id": "1a2b3c4d-5e6f-4708-9192-a3b4c5d6e7f8",
    "token_url": null, "scope": null, "account": null, "mailboxes": 100,
    "condition": {
        "state": "ready", "since": "2026-11-24T07:00:00Z", "expires_at": "2026-11-24T08:00:00Z", "next_try_at": null,
        "fault": null, "advice": null
    },
    "created_at": "2026-11-24T07:00:00Z"
}))]
pub(crate) struct CredentialView {
    /// Its id, to be named by mailboxes.
    #[schema(schema_with = crate::words::credential_id)]
    id: CredentialId,
    /// Whose it is. Mailboxes of other tenants can't use it.
    #[schema(schema_with = crate::words::tenant_id)]
    tenant_id: TenantId,
    /// What people call it.
    name: String,
    /// How access tokens are asked for, and of whom.
    #[schema(schema_with = crate::words::credential_kind)]
    kind: CredentialKind,
    /// The only IMAP server that its tokens are sent to, and so the server of its mailboxes.
    imap_host: String,
    /// Microsoft's "Directory (tenant) ID".
    #[schema(required = true)]
    directory_id: Option<String>,
    /// The application's id at the provider; of a service account, the numeric id that an administrator allows.
    client_id: String,
    /// The token endpoint, where the provider is none that we know.
    #[schema(required = true)]
    token_url: Option<String>,
    /// What is asked for, where it is not the usual.
    #[schema(required = true)]
    scope: Option<String>,
    /// The address of a service account.
    #[schema(required = true)]
    account: Option<String>,
    /// How many mailboxes sign in with it.
    mailboxes: i64,
    /// How asking for access tokens went, the last time.
    condition: ConditionView,
    /// When it was created.
    created_at: DateTime<Utc>,
}

/// How asking for a credential's access tokens went, the last time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CredentialCondition)]
pub(crate) struct ConditionView {
    /// `new` (nobody has asked yet), `ready`, `cooling_down` (asked again at `next_try_at`) or `refused` (not asked again until
    /// the credential is replaced, or a retry is asked for).
    #[schema(example = "ready")]
    state: &'static str,
    /// When the last token was given, or since when none is.
    #[schema(required = true)]
    since: Option<DateTime<Utc>>,
    /// Until when the last token holds. Another one is asked for before that.
    #[schema(required = true)]
    expires_at: Option<DateTime<Utc>>,
    /// When the provider is asked again.
    #[schema(required = true)]
    next_try_at: Option<DateTime<Utc>>,
    /// Why no token was given.
    #[schema(schema_with = crate::words::token_fault_or_null)]
    fault: Option<TokenFault>,
    /// What somebody can do about it.
    #[schema(required = true)]
    advice: Option<&'static str>,
}

impl From<Condition> for ConditionView {
    fn from(condition: Condition) -> Self {
        let plain = Self { state: "new", since: None, expires_at: None, next_try_at: None, fault: None, advice: None };
        let (state, fault) = match condition {
            Condition::New => return plain,
            Condition::Ready { issued_at, expires_at } => {
                return Self { state: "ready", since: Some(issued_at), expires_at: Some(expires_at), ..plain };
            }
            Condition::CoolingDown { fault, .. } => ("cooling_down", fault),
            Condition::Refused { fault, .. } => ("refused", fault),
        };
        let (since, next_try_at) = match condition {
            Condition::CoolingDown { next_try_at, .. } => (None, Some(next_try_at)),
            Condition::Refused { since, .. } => (Some(since), None),
            Condition::New | Condition::Ready { .. } => (None, None),
        };
        Self { state, since, next_try_at, fault: Some(fault), advice: Some(fault.advice()), ..plain }
    }
}

impl From<Known> for CredentialView {
    fn from(known: Known) -> Self {
        let Known { credential, condition, mailboxes } = known;
        Self {
            id: credential.id,
            tenant_id: credential.tenant,
            name: credential.name,
            kind: credential.kind,
            imap_host: credential.imap_host.to_string(),
            directory_id: credential.directory_id,
            client_id: credential.client_id,
            token_url: credential.token_url,
            scope: credential.scope,
            account: credential.account,
            mailboxes,
            condition: condition.into(),
            created_at: credential.created_at,
        }
    }
}

/// Which credentials, and which page.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListCredentials {
    /// Of this tenant only.
    #[garde(skip)]
    #[param(schema_with = crate::words::tenant_id, required = false)]
    pub(crate) tenant_id: Option<TenantId>,
    /// `next` of the page before.
    #[garde(skip)]
    pub(crate) cursor: Option<String>,
    /// How many at most: 50 when left out.
    #[garde(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
}

/// In which language.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConsentQuery {
    /// In this language; in the tenant's when left out.
    #[garde(skip)]
    #[param(schema_with = crate::words::language, required = false)]
    pub(crate) language: Option<Language>,
}

/// What an administrator does before the credential works, step by step.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CredentialConsent, example = json!({
    "credential_id": "crd_019ab1c2d3e47f508192a3b4c5d6e7f8", "language": "en", "steps": [{
        "title": "Delegate domain-wide authority to the service account",
        "text": "In the Google Admin console, as a super administrator: Security → Access and data control → API controls → …",
        "url": "https://admin.google.com/ac/owl/domainwidedelegation",
        "code": "103456789012345678901\nhttps://www.googleapis.com/auth/gmail.imap_admin"
    }]
}))]
pub(crate) struct ConsentView {
    /// Of which credential.
    #[schema(schema_with = crate::words::credential_id)]
    pub(super) credential_id: CredentialId,
    /// In which language.
    #[schema(schema_with = crate::words::language)]
    pub(super) language: Language,
    /// In this order. None for the kinds `oauth2_…`, whose provider we don't know.
    pub(super) steps: Vec<StepView>,
}

/// One step of a consent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConsentStep)]
pub(crate) struct StepView {
    /// What it is.
    pub(super) title: String,
    /// What to do.
    pub(super) text: String,
    /// Where to do it.
    #[schema(required = true)]
    pub(super) url: Option<String>,
    /// What to paste there or to run, with the ids and the mailboxes filled in.
    #[schema(required = true)]
    pub(super) code: Option<String>,
}
