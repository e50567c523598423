//! Which fields a credential of each kind has, and how its secrets are sealed.

use daimon_domain::credential::{Credential, CredentialKind};
use daimon_domain::id::TenantId;
use daimon_egress::{Guard, WebhookUrl};
use daimon_seal::{Aad, ClientSecret, ServiceAccount};
use daimon_store::{Sealed, tenant};
use secrecy::{ExposeSecret, SecretString};

use super::view::{NewCredential, Replacement};
use crate::caller::Caller;
use crate::problem::{FieldError, Problem};

/// What a service account may be allowed in place of the usual.
const GOOGLE_SCOPES: [&str; 2] = ["https://www.googleapis.com/auth/gmail.imap_admin", "https://mail.google.com/"];
/// Where Google exchanges assertions. Another place would be handed what Google would take.
const GOOGLE_TOKEN_HOST: &str = "oauth2.googleapis.com";

/// Everything that was sent of a credential and is not the same for all kinds.
pub(super) struct Material {
    directory_id: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    refresh_token: Option<SecretString>,
    service_account_key: Option<SecretString>,
    token_url: Option<String>,
    scope: Option<String>,
}

/// What it comes to.
#[derive(Debug)]
pub(super) struct Understood {
    pub(super) directory_id: Option<String>,
    pub(super) client_id: String,
    pub(super) token_url: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) account: Option<String>,
    pub(super) secret: Secret,
}

/// A secret without a `Debug` that shows it.
pub(super) struct Secret(ClientSecret);

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("<secret>")
    }
}

impl Material {
    pub(super) fn of_new(new: &mut NewCredential) -> Self {
        Self {
            directory_id: new.directory_id.take(),
            client_id: new.client_id.take(),
            client_secret: new.client_secret.take(),
            refresh_token: new.refresh_token.take(),
            service_account_key: new.service_account_key.take(),
            token_url: new.token_url.take(),
            scope: new.scope.take(),
        }
    }

    pub(super) fn of_replacement(new: Replacement) -> Self {
        Self {
            directory_id: new.directory_id,
            client_id: new.client_id,
            client_secret: new.client_secret,
            refresh_token: new.refresh_token,
            service_account_key: new.service_account_key,
            token_url: new.token_url,
            scope: new.scope,
        }
    }

    /// What a credential of that kind has: what is missing and what has no place is told at once.
    pub(super) fn understand(self, kind: CredentialKind, guard: &Guard) -> Result<Understood, Problem> {
        use Want::{Maybe, Must, Never};
        let (directory, client, secret, refresh, file, url, scope) = match kind {
            CredentialKind::MicrosoftClientCredentials => (Must, Must, Must, Never, Never, Never, Never),
            CredentialKind::MicrosoftRefreshToken => (Must, Must, Maybe, Must, Never, Never, Never),
            CredentialKind::GoogleRefreshToken => (Never, Must, Must, Must, Never, Never, Never),
            CredentialKind::GoogleServiceAccount => (Never, Never, Never, Never, Must, Never, Maybe),
            CredentialKind::OAuth2ClientCredentials => (Never, Must, Must, Never, Never, Must, Maybe),
            CredentialKind::OAuth2RefreshToken => (Never, Must, Maybe, Must, Never, Must, Maybe),
        };
        let wrong: Vec<FieldError> = [
            directory.judge(kind, "/directory_id", self.directory_id.is_some()),
            client.judge(kind, "/client_id", self.client_id.is_some()),
            secret.judge(kind, "/client_secret", self.client_secret.is_some()),
            refresh.judge(kind, "/refresh_token", self.refresh_token.is_some()),
            file.judge(kind, "/service_account_key", self.service_account_key.is_some()),
            url.judge(kind, "/token_url", self.token_url.is_some()),
            scope.judge(kind, "/scope", self.scope.is_some()),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !wrong.is_empty() {
            return Err(Problem::Invalid(wrong));
        }
        if self.token_url.as_ref().is_some_and(|url| WebhookUrl::parse(url, guard).is_err()) {
            let detail = "must be a URL of https with a public host name, in its normal form, at port 443 or one that the operator opened";
            return Err(Problem::invalid("/token_url", detail));
        }
        let account = self.service_account_key.as_ref().map(|file| service_account(file, guard)).transpose()?;
        if account.is_some() && self.scope.as_ref().is_some_and(|scope| !GOOGLE_SCOPES.contains(&scope.as_str())) {
            return Err(Problem::invalid("/scope", format!("must be one of: {}", GOOGLE_SCOPES.join(", "))));
        }
        let of_account = account.as_ref().map(|account| account.client_id().to_owned());
        Ok(Understood {
            directory_id: self.directory_id,
            client_id: self.client_id.or(of_account).unwrap_or_default(),
            token_url: self.token_url,
            scope: self.scope,
            account: account.map(|account| account.email().to_owned()),
            secret: Secret(ClientSecret {
                client_secret: self.client_secret,
                refresh_token: self.refresh_token,
                service_account: self.service_account_key,
            }),
        })
    }
}

fn service_account(file: &SecretString, guard: &Guard) -> Result<ServiceAccount, Problem> {
    const AT: &str = "/service_account_key";
    let account = ServiceAccount::parse(file.expose_secret())
        .map_err(|malformed| Problem::invalid(AT, format!("is {malformed}")))?;
    let url = WebhookUrl::parse(account.token_url(), guard).ok();
    if url.is_none_or(|url| url.host() != GOOGLE_TOKEN_HOST) {
        return Err(Problem::invalid(AT, format!("has a token_uri that does not lead to {GOOGLE_TOKEN_HOST}")));
    }
    Ok(account)
}

/// Whether a kind has a field.
#[derive(Clone, Copy)]
enum Want {
    Must,
    Maybe,
    Never,
}

impl Want {
    fn judge(self, kind: CredentialKind, at: &'static str, is_there: bool) -> Option<FieldError> {
        match (self, is_there) {
            (Self::Must, false) => Some(FieldError::at(at, format!("is missing: {kind} has it"))),
            (Self::Never, true) => Some(FieldError::at(at, format!("has no place here: {kind} has none"))),
            (Self::Must, true) | (Self::Never, false) | (Self::Maybe, _) => None,
        }
    }
}

/// Seals a credential's secret for its row. `None`: there is no such tenant within reach.
pub(super) async fn seal<P>(
    caller: &mut Caller<P>,
    credential: &Credential,
    secret: &Secret,
) -> Result<Option<Sealed>, Problem> {
    let tenant: TenantId = credential.tenant;
    let Some(wrapped) = tenant::data_key(&mut caller.tx, tenant).await? else { return Ok(None) };
    let key = caller.service.master.unwrap(&wrapped, &Aad::tenant_key(caller.msp, tenant))?;
    let bytes = key.seal(&Aad::credential_secret(caller.msp, tenant, credential.id), &secret.0.to_bytes())?;
    Ok(Some(Sealed { bytes, key_version: 1 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn material(fields: &[&str]) -> Material {
        let text = |name: &str, value: &str| fields.contains(&name).then(|| value.to_owned());
        let secret = |name: &str| fields.contains(&name).then(|| SecretString::from("hunter2"));
        Material {
            directory_id: text("directory_id", "contoso.example"),
            client_id: text("client_id", "c1"),
            client_secret: secret("client_secret"),
            refresh_token: secret("refresh_token"),
            service_account_key: secret("service_account_key"),
            token_url: text("token_url", "https://login.example.com/token"),
            scope: text("scope", "imap"),
        }
    }

    fn pointers(kind: CredentialKind, fields: &[&str]) -> Vec<String> {
        match material(fields).understand(kind, &Guard::default()) {
            Ok(_understood) => Vec::new(),
            Err(Problem::Invalid(errors)) => errors.into_iter().filter_map(|error| error.pointer).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn each_kind_says_what_it_lacks_and_what_it_has_no_use_for() {
        use CredentialKind as Kind;
        let all = ["directory_id", "client_id", "client_secret", "refresh_token", "service_account_key", "token_url"];
        for (kind, whole) in [
            (Kind::MicrosoftClientCredentials, vec!["directory_id", "client_id", "client_secret"]),
            (Kind::MicrosoftRefreshToken, vec!["directory_id", "client_id", "refresh_token"]),
            (Kind::GoogleRefreshToken, vec!["client_id", "client_secret", "refresh_token"]),
            (Kind::OAuth2ClientCredentials, vec!["client_id", "client_secret", "token_url", "scope"]),
            (Kind::OAuth2RefreshToken, vec!["client_id", "refresh_token", "token_url"]),
        ] {
            assert_eq!(pointers(kind, &whole), Vec::<String>::new(), "{kind}");
            for left_out in &whole {
                if *left_out != "scope" {
                    let rest: Vec<&str> = whole.iter().copied().filter(|one| one != left_out).collect();
                    assert_eq!(pointers(kind, &rest), [format!("/{left_out}")], "{kind}");
                }
            }
            let more: Vec<&str> = all.iter().copied().filter(|one| !whole.contains(one)).collect();
            let has_choice = kind != Kind::GoogleRefreshToken && kind.has_refresh_token();
            for one in more.into_iter().filter(|one| !(has_choice && *one == "client_secret")) {
                let with: Vec<&str> = whole.iter().copied().chain([one]).collect();
                assert_eq!(pointers(kind, &with), [format!("/{one}")], "{kind}");
            }
        }
        assert_eq!(pointers(Kind::GoogleServiceAccount, &[]), ["/service_account_key"]);
        assert_eq!(pointers(Kind::GoogleServiceAccount, &["service_account_key"]), ["/service_account_key"], "no file");
    }

    #[test]
    fn a_token_endpoint_is_somebody_elses_server() {
        for url in
            ["http://login.example.com/", "https://127.0.0.1/", "https://localhost/", "https://a@b.example/", "x"]
        {
            let mut material = material(&["client_id", "client_secret"]);
            material.token_url = Some(url.to_owned());
            let refused = material.understand(CredentialKind::OAuth2ClientCredentials, &Guard::default()).unwrap_err();
            let Problem::Invalid(errors) = refused else { panic!() };
            assert_eq!(errors[0].pointer.as_deref(), Some("/token_url"), "{url}");
        }
    }

    #[test]
    fn a_secret_is_not_shown_when_what_was_understood_is() {
        let fields = ["client_id", "client_secret", "token_url"];
        let understood = material(&fields).understand(CredentialKind::OAuth2ClientCredentials, &Guard::default());
        assert!(!format!("{:?}", understood.unwrap()).contains("hunter2"));
    }
}
