//! What a credential asks for access tokens with, as it is sealed: JSON, so that it can grow.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// The secrets of a credential. What its kind has no use for is `None`.
#[derive(Clone, Default)]
pub struct ClientSecret {
    /// The application's own.
    pub client_secret: Option<SecretString>,
    /// A user's consent.
    pub refresh_token: Option<SecretString>,
    /// The key file of a service account, as it was handed in.
    pub service_account: Option<SecretString>,
}

#[derive(Serialize, Deserialize, Zeroize)]
#[zeroize(drop)]
struct Wire {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    client_secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    service_account: Option<String>,
}

impl ClientSecret {
    /// To be sealed.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let text = |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        let wire = Wire {
            client_secret: text(&self.client_secret),
            refresh_token: text(&self.refresh_token),
            service_account: text(&self.service_account),
        };
        // Three texts: there is nothing that could fail.
        Zeroizing::new(serde_json::to_vec(&wire).unwrap_or_default())
    }

    /// What was sealed; `None`: something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut wire: Wire = serde_json::from_slice(bytes).ok()?;
        Some(Self {
            client_secret: wire.client_secret.take().map(SecretString::from),
            refresh_token: wire.refresh_token.take().map(SecretString::from),
            service_account: wire.service_account.take().map(SecretString::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_read_back_as_they_were_written() {
        let secret = ClientSecret {
            client_secret: Some(SecretString::from("a\"b\\")),
            refresh_token: None,
            service_account: Some(SecretString::from("{\"private_key\": \"…\"}")),
        };
        let read = ClientSecret::from_bytes(&secret.to_bytes()).unwrap();
        assert_eq!(read.client_secret.unwrap().expose_secret(), "a\"b\\");
        assert!(read.refresh_token.is_none());
        assert_eq!(read.service_account.unwrap().expose_secret(), "{\"private_key\": \"…\"}");
        assert!(ClientSecret::from_bytes(b"hunter2").is_none());
    }
}
