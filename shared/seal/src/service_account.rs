//! A Google service account: its key file, and the assertions it signs (RFC 7523).

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// How long an assertion holds. Google takes up to an hour; it is used at once.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// The text is no key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the JSON key file of a service account, with client_email, client_id, private_key and token_uri")]
pub struct MalformedServiceAccount;

#[derive(Deserialize, Zeroize)]
#[zeroize(drop)]
struct File {
    r#type: String,
    client_email: String,
    client_id: String,
    #[serde(default)]
    private_key_id: Option<String>,
    private_key: String,
    token_uri: String,
}

/// A service account that can sign.
pub struct ServiceAccount {
    email: String,
    client_id: String,
    token_url: String,
    header: Header,
    key: EncodingKey,
}

#[derive(Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    sub: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

impl ServiceAccount {
    /// Reads a key file.
    pub fn parse(text: &str) -> Result<Self, MalformedServiceAccount> {
        let mut file: File = serde_json::from_str(text).map_err(|_malformed| MalformedServiceAccount)?;
        let key = EncodingKey::from_rsa_pem(file.private_key.as_bytes()).map_err(|_no_key| MalformedServiceAccount)?;
        let is_named = !file.client_email.is_empty() && !file.client_id.is_empty();
        if file.r#type != "service_account" || !is_named {
            return Err(MalformedServiceAccount);
        }
        let mut header = Header::new(Algorithm::RS256);
        header.kid = file.private_key_id.take();
        let account = Self {
            email: std::mem::take(&mut file.client_email),
            client_id: std::mem::take(&mut file.client_id),
            token_url: std::mem::take(&mut file.token_uri),
            header,
            key,
        };
        // What only looks like a key would be found out at the first assertion.
        account.assertion("nobody", "nothing", DateTime::UNIX_EPOCH).map(|_signed| account)
    }

    /// Its address.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// Its numeric id, by which an administrator allows it to act for others.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Where its assertions are exchanged for access tokens.
    pub fn token_url(&self) -> &str {
        &self.token_url
    }

    /// An assertion that it acts for `subject`, to be exchanged for an access token.
    pub fn assertion(
        &self,
        subject: &str,
        scope: &str,
        now: DateTime<Utc>,
    ) -> Result<SecretString, MalformedServiceAccount> {
        let assertion = Assertion {
            iss: &self.email,
            sub: subject,
            scope,
            aud: &self.token_url,
            iat: now.timestamp(),
            exp: (now + LIFETIME).timestamp(),
        };
        let signed = jsonwebtoken::encode(&self.header, &assertion, &self.key);
        signed.map(SecretString::from).map_err(|_library| MalformedServiceAccount)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};

    use super::*;

    fn file() -> (Value, Vec<u8>) {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            BASE64_STANDARD.encode(der.as_ref())
        );
        let file = json!({
            "type": "service_account", "client_email": "daimon@sakura.iam.gserviceaccount.com", "client_id": "1234567890",
            "private_key_id": "k1", "private_key": pem, "token_uri": "https://oauth2.googleapis.com/token",
            "universe_domain": "googleapis.com"
        });
        (file, pair.public_key().as_ref().to_vec())
    }

    #[test]
    fn an_assertion_says_who_acts_for_whom_and_holds_under_the_key() {
        let (file, public) = file();
        let account = ServiceAccount::parse(&file.to_string()).ok().unwrap();
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let signed = account.assertion("sato@sakura.example", "https://mail.google.com/", now).unwrap();
        let (body, signature) = signed.expose_secret().rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(
            &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256,
            public.as_slice(),
        );
        key.verify(body.as_bytes(), &signature).unwrap();
        let parts: Vec<Value> = body
            .split('.')
            .map(|part| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        assert_eq!(parts[0], json!({"typ": "JWT", "alg": "RS256", "kid": "k1"}));
        assert_eq!(
            parts[1],
            json!({
                "iss": "daimon@sakura.iam.gserviceaccount.com", "sub": "sato@sakura.example",
                "scope": "https://mail.google.com/", "aud": "https://oauth2.googleapis.com/token",
                "iat": 1_790_000_000, "exp": 1_790_000_600
            })
        );
    }

    #[test]
    fn what_is_no_key_file_is_refused() {
        let (file, _) = file();
        assert!(ServiceAccount::parse("{}").is_err() && ServiceAccount::parse("not JSON").is_err());
        for (name, value) in [
            ("type", json!("authorized_user")),
            ("private_key", json!("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")),
            ("private_key", json!("hunter2")),
            ("client_email", json!("")),
            ("client_id", Value::Null),
            ("token_uri", Value::Null),
        ] {
            let mut file = file.clone();
            file[name] = value;
            assert!(ServiceAccount::parse(&file.to_string()).is_err(), "{name}");
        }
    }
}
