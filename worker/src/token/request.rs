//! What each provider is asked, and where.
//!
//! Four forms of one request (RFC 6749, 4.4 and 6; RFC 7523, 2.1). The client shows its secret in the form, which every
//! provider takes here.

use chrono::{DateTime, Utc};
use daimon_domain::credential::{Credential, CredentialKind};
use daimon_seal::{ClientSecret, ServiceAccount};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded::Serializer;

const GOOGLE: &str = "https://oauth2.googleapis.com/token";
/// What an administrator has allowed the application: `IMAP.AccessAsApp`.
const MICROSOFT_APP_SCOPE: &str = "https://outlook.office365.com/.default";
const MICROSOFT_USER_SCOPE: &str = "https://outlook.office365.com/IMAP.AccessAsUser.All offline_access";
/// IMAP for an administrator's service account, and nothing else.
const GOOGLE_SCOPE: &str = "https://www.googleapis.com/auth/gmail.imap_admin";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What goes to a token endpoint.
pub(super) struct Asked {
    /// Where to.
    pub(super) url: String,
    /// `application/x-www-form-urlencoded`.
    pub(super) form: Zeroizing<String>,
}

/// The sealed secret is not what the credential's kind wants.
#[derive(Debug, thiserror::Error)]
#[error("the credential's secret is incomplete")]
pub(super) struct Incomplete;

/// What to ask for a token; `subject` is whom the token is to name, where it names anybody.
pub(super) fn request(
    credential: &Credential,
    secret: &ClientSecret,
    subject: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Asked, Incomplete> {
    let scope = credential.scope.as_deref();
    let directory = credential.directory_id.as_deref();
    match credential.kind {
        CredentialKind::MicrosoftClientCredentials => {
            let url = microsoft(directory.ok_or(Incomplete)?);
            client_credentials(credential, secret, url, Some(scope.unwrap_or(MICROSOFT_APP_SCOPE)))
        }
        CredentialKind::MicrosoftRefreshToken => {
            let url = microsoft(directory.ok_or(Incomplete)?);
            refresh_token(credential, secret, url, Some(scope.unwrap_or(MICROSOFT_USER_SCOPE)))
        }
        CredentialKind::GoogleRefreshToken => refresh_token(credential, secret, GOOGLE.to_owned(), scope),
        CredentialKind::GoogleServiceAccount => {
            let file = secret.service_account.as_ref().ok_or(Incomplete)?;
            let account = ServiceAccount::parse(file.expose_secret()).map_err(|_malformed| Incomplete)?;
            let assertion = account
                .assertion(subject.ok_or(Incomplete)?, scope.unwrap_or(GOOGLE_SCOPE), now)
                .map_err(|_unsigned| Incomplete)?;
            let form = [("grant_type", JWT_BEARER), ("assertion", assertion.expose_secret())];
            Ok(Asked { url: account.token_url().to_owned(), form: encoded(&form) })
        }
        CredentialKind::OAuth2ClientCredentials => {
            client_credentials(credential, secret, credential.token_url.clone().ok_or(Incomplete)?, scope)
        }
        CredentialKind::OAuth2RefreshToken => {
            refresh_token(credential, secret, credential.token_url.clone().ok_or(Incomplete)?, scope)
        }
    }
}

fn microsoft(directory: &str) -> String {
    format!("https://login.microsoftonline.com/{directory}/oauth2/v2.0/token")
}

fn client_credentials(
    credential: &Credential,
    secret: &ClientSecret,
    url: String,
    scope: Option<&str>,
) -> Result<Asked, Incomplete> {
    let client_secret = secret.client_secret.as_ref().ok_or(Incomplete)?;
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", credential.client_id.as_str()),
        ("client_secret", client_secret.expose_secret()),
    ];
    form.extend(scope.map(|scope| ("scope", scope)));
    Ok(Asked { url, form: encoded(&form) })
}

fn refresh_token(
    credential: &Credential,
    secret: &ClientSecret,
    url: String,
    scope: Option<&str>,
) -> Result<Asked, Incomplete> {
    let token = secret.refresh_token.as_ref().ok_or(Incomplete)?;
    let mut form = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", token.expose_secret()),
        ("client_id", credential.client_id.as_str()),
    ];
    // A public client has none.
    form.extend(secret.client_secret.as_ref().map(|secret: &SecretString| ("client_secret", secret.expose_secret())));
    form.extend(scope.map(|scope| ("scope", scope)));
    Ok(Asked { url, form: encoded(&form) })
}

fn encoded(fields: &[(&str, &str)]) -> Zeroizing<String> {
    Zeroizing::new(Serializer::new(String::new()).extend_pairs(fields).finish())
}

#[cfg(test)]
mod tests {
    use daimon_domain::id::{CredentialId, TenantId};
    use uuid::Uuid;

    use super::*;

    fn credential(kind: CredentialKind) -> Credential {
        Credential {
            id: CredentialId::from_uuid(Uuid::from_u128(1)),
            tenant: TenantId::from_uuid(Uuid::from_u128(2)),
            name: "Mail".to_owned(),
            kind,
            imap_host: "imap.host.example".parse().unwrap(),
            directory_id: Some("0f1e2d3c-0000-4000-8000-000000000001".to_owned()),
            client_id: "c1".to_owned(),
            token_url: Some("https://login.example/token".to_owned()),
            scope: None,
            account: None,
            created_at: DateTime::UNIX_EPOCH,
            version: 1,
        }
    }

    fn secret() -> ClientSecret {
        ClientSecret {
            client_secret: Some(SecretString::from("s&=1")),
            refresh_token: Some(SecretString::from("r1")),
            service_account: None,
        }
    }

    fn asked(kind: CredentialKind) -> (String, String) {
        let asked = request(&credential(kind), &secret(), None, DateTime::UNIX_EPOCH).ok().unwrap();
        (asked.url, asked.form.to_string())
    }

    #[test]
    fn each_provider_is_asked_as_it_documents_it() {
        let microsoft =
            "https://login.microsoftonline.com/0f1e2d3c-0000-4000-8000-000000000001/oauth2/v2.0/token".to_owned();
        assert_eq!(
            asked(CredentialKind::MicrosoftClientCredentials),
            (
                microsoft.clone(),
                "grant_type=client_credentials&client_id=c1&client_secret=s%26%3D1\
                 &scope=https%3A%2F%2Foutlook.office365.com%2F.default"
                    .to_owned()
            )
        );
        assert_eq!(
            asked(CredentialKind::MicrosoftRefreshToken),
            (
                microsoft,
                "grant_type=refresh_token&refresh_token=r1&client_id=c1&client_secret=s%26%3D1\
                 &scope=https%3A%2F%2Foutlook.office365.com%2FIMAP.AccessAsUser.All+offline_access"
                    .to_owned()
            )
        );
        assert_eq!(
            asked(CredentialKind::GoogleRefreshToken),
            (
                "https://oauth2.googleapis.com/token".to_owned(),
                "grant_type=refresh_token&refresh_token=r1&client_id=c1&client_secret=s%26%3D1".to_owned()
            )
        );
        let (url, form) = asked(CredentialKind::OAuth2ClientCredentials);
        assert_eq!(url, "https://login.example/token");
        assert!(!form.contains("scope"), "{form}");
    }

    #[test]
    fn a_secret_that_lacks_what_its_kind_wants_asks_nobody() {
        for kind in CredentialKind::ALL {
            let asked = request(&credential(*kind), &ClientSecret::default(), Some("sato"), DateTime::UNIX_EPOCH);
            assert!(asked.is_err(), "{kind}");
        }
    }
}
