//! Standard Webhooks 1.0.0: `v1,` and the base 64 of HMAC-SHA256 over `id.timestamp.body`.

use std::str::FromStr;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use daimon_domain::clock::Entropy;
use daimon_domain::id::{EndpointId, MspId};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::envelope::{Aad, SealError};
use crate::master::MasterKey;

const PREFIX: &str = "whsec_";

/// The text is no webhook secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a webhook secret is whsec_ and the base 64 of 24 to 64 bytes")]
pub struct MalformedWebhookSecret;

/// What a webhook is signed with.
#[derive(Clone)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

impl WebhookSecret {
    /// A new secret of 32 bytes.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new(vec![0; 32]);
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedWebhookSecret> {
        if !(24..=64).contains(&bytes.len()) {
            return Err(MalformedWebhookSecret);
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Sealed for its endpoint's row.
    pub fn seal(&self, master: &MasterKey, msp: MspId, endpoint: EndpointId) -> Result<Vec<u8>, SealError> {
        master.seal(&Aad::webhook_secret(msp, endpoint), self.as_bytes())
    }

    /// Opened from its endpoint's row.
    pub fn open(master: &MasterKey, msp: MspId, endpoint: EndpointId, sealed: &[u8]) -> Result<Self, SealError> {
        let bytes = master.open(&Aad::webhook_secret(msp, endpoint), sealed)?;
        Self::from_bytes(&bytes).map_err(|MalformedWebhookSecret| SealError::Damaged)
    }

    /// `whsec_…`, to be shown once.
    pub fn reveal(&self) -> SecretString {
        SecretString::from(format!("{PREFIX}{}", BASE64_STANDARD.encode(self.as_bytes())))
    }

    /// The signature of one attempt; a rotating secret adds a second one, after a space.
    ///
    /// `at` is the time of the attempt, as in `webhook-timestamp`: receivers refuse what is older than five minutes.
    pub fn sign(&self, id: &str, at: DateTime<Utc>, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.as_bytes()));
        context.update(id.as_bytes());
        context.update(format!(".{}.", at.timestamp()).as_bytes());
        context.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
    }
}

impl FromStr for WebhookSecret {
    type Err = MalformedWebhookSecret;

    fn from_str(text: &str) -> Result<Self, MalformedWebhookSecret> {
        text.strip_prefix(PREFIX)
            .and_then(|encoded| BASE64_STANDARD.decode(encoded).ok())
            .map(Zeroizing::new)
            .ok_or(MalformedWebhookSecret)
            .and_then(|bytes| Self::from_bytes(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use daimon_domain::clock::SeededEntropy;
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn an_independent_implementation_signs_the_same() {
        let at = DateTime::from_timestamp(1_782_000_000, 999_999_000).unwrap();
        let body = br#"{"type":"incident.opened","data":{"name":"sakura \u6843"}}"#;
        for seed in 0..50 {
            let secret = WebhookSecret::generate(&SeededEntropy::new(seed));
            let theirs = standardwebhooks::Webhook::new(secret.reveal().expose_secret()).unwrap();
            assert_eq!(secret.sign("evt_1", at, body), theirs.sign("evt_1", at.timestamp(), body).unwrap());
        }
    }

    #[test]
    fn the_example_of_the_standard_holds() {
        // https://github.com/standard-webhooks/standard-webhooks, the vector its libraries share
        let secret: WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().ok().unwrap();
        let at = DateTime::from_timestamp(1_614_265_330, 0).unwrap();
        assert_eq!(
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_secret_opens_for_its_own_endpoint_only() {
        let (entropy, at) = (SeededEntropy::new(1), DateTime::UNIX_EPOCH);
        let master = MasterKey::from_hex(&"ab".repeat(32)).ok().unwrap();
        let (msp, one, two) = (MspId::new(at, &entropy), EndpointId::new(at, &entropy), EndpointId::new(at, &entropy));
        let secret = WebhookSecret::generate(&entropy);
        let sealed = secret.seal(&master, msp, one).unwrap();
        assert_eq!(WebhookSecret::open(&master, msp, one, &sealed).ok().unwrap().as_bytes(), secret.as_bytes());
        assert_eq!(WebhookSecret::open(&master, msp, two, &sealed).err(), Some(SealError::Damaged));
    }

    #[test]
    fn a_secret_reads_back_and_what_is_none_is_refused() {
        let secret = WebhookSecret::generate(&SeededEntropy::new(1));
        let read: WebhookSecret = secret.reveal().expose_secret().parse().ok().unwrap();
        assert_eq!(read.as_bytes(), secret.as_bytes());
        for text in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!"] {
            assert!(text.parse::<WebhookSecret>().is_err(), "{text}");
        }
    }
}
