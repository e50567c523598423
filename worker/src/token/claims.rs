//! What an access token says of itself.
//!
//! A token is the mail server's to read, and nothing is decided by it here. But Microsoft gives a token also for an application
//! that nobody has allowed anything, and its mail server then says no more than that signing in failed. Whoever tests a
//! connection wants to know which of the two it is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use daimon_domain::credential::CredentialKind;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Claims {
    /// Of an application.
    roles: Vec<String>,
    /// Of a user's consent, with spaces between.
    scp: String,
}

/// Whether a token says that it is not for reading mail. `false` also where it says nothing that can be read.
pub(crate) fn lacks_permission(kind: CredentialKind, token: &SecretString) -> bool {
    let Some(claims) = claims(token.expose_secret()) else { return false };
    match kind {
        CredentialKind::MicrosoftClientCredentials => !claims.roles.iter().any(|role| role == "IMAP.AccessAsApp"),
        CredentialKind::MicrosoftRefreshToken => !claims.scp.split(' ').any(|scope| scope == "IMAP.AccessAsUser.All"),
        CredentialKind::GoogleRefreshToken
        | CredentialKind::GoogleServiceAccount
        | CredentialKind::OAuth2ClientCredentials
        | CredentialKind::OAuth2RefreshToken => false,
    }
}

fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let payload = parts.nth(1)?;
    (parts.count() == 1).then_some(())?;
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    serde_json::from_value(object.into()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks(kind: CredentialKind, payload: &str) -> bool {
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        lacks_permission(kind, &SecretString::from(token))
    }

    #[test]
    fn a_token_of_an_application_that_was_allowed_nothing_is_told_from_one_that_may_read_mail() {
        let app = CredentialKind::MicrosoftClientCredentials;
        assert!(lacks(app, r#"{"aud": "https://outlook.office365.com"}"#));
        assert!(lacks(app, r#"{"roles": ["SMTP.SendAsApp"]}"#));
        assert!(!lacks(app, r#"{"roles": ["SMTP.SendAsApp", "IMAP.AccessAsApp"]}"#));
        let user = CredentialKind::MicrosoftRefreshToken;
        assert!(lacks(user, r#"{"scp": "User.Read"}"#) && !lacks(user, r#"{"scp": "openid IMAP.AccessAsUser.All"}"#));
    }

    #[test]
    fn what_can_not_be_read_lacks_nothing() {
        let app = CredentialKind::MicrosoftClientCredentials;
        for token in ["", "opaque", "a.b", "a.b.c", "a.b.c.d", "a.e30=.c", "a.W10.c"] {
            assert!(!lacks_permission(app, &SecretString::from(token)), "{token}");
        }
        assert!(!lacks(CredentialKind::OAuth2ClientCredentials, "{}"));
    }
}
