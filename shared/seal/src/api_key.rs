//! What an API key looks like: `dmn_live_<msp>_<key id>_<secret><checksum>` ([`crate::shown_once`]).

use std::fmt;

use daimon_domain::clock::Entropy;
use daimon_domain::id::{KeyId, MspId};
use secrecy::SecretString;

use crate::shown_once::{ShownOnce, matches};

const PREFIX: &str = "dmn_live_";

/// The text is no API key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an API key")]
pub struct MalformedApiKey;

/// An API key as a caller presents it. It is genuine when `matches` says so.
pub struct ApiKey {
    /// Whose it says it is.
    pub msp: MspId,
    /// Which one.
    pub key: KeyId,
    /// What is compared with the stored hash.
    pub secret_sha256: [u8; 32],
}

impl ApiKey {
    /// A new key: its text, which is shown once, and the hash that is stored.
    pub fn generate(msp: MspId, key: KeyId, entropy: &dyn Entropy) -> (SecretString, [u8; 32]) {
        ShownOnce::generate(PREFIX, msp, key.as_uuid(), entropy)
    }

    /// Reads a key. One key has one spelling.
    pub fn parse(text: &str) -> Result<Self, MalformedApiKey> {
        let read = ShownOnce::parse(PREFIX, text).ok_or(MalformedApiKey)?;
        Ok(Self { msp: read.msp, key: KeyId::from_uuid(read.id), secret_sha256: read.secret_sha256 })
    }

    /// Whether the stored hash is this key's, in a time that does not tell how much of it is.
    pub fn matches(&self, stored_sha256: &[u8]) -> bool {
        matches(&self.secret_sha256, stored_sha256)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ApiKey").field("msp", &self.msp).field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use daimon_domain::clock::SeededEntropy;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    fn new_key(seed: u64) -> (MspId, KeyId, String, [u8; 32]) {
        let (entropy, at) = (SeededEntropy::new(seed), DateTime::UNIX_EPOCH);
        let (msp, key) = (MspId::new(at, &entropy), KeyId::new(at, &entropy));
        let (text, hash) = ApiKey::generate(msp, key, &entropy);
        (msp, key, text.expose_secret().to_owned(), hash)
    }

    #[test]
    fn a_key_reads_back_and_matches_its_hash_only() {
        let (msp, key, text, hash) = new_key(1);
        let read = ApiKey::parse(&text).unwrap();
        assert_eq!((read.msp, read.key), (msp, key));
        assert!(read.matches(&hash));
        let (.., another_hash) = new_key(2);
        assert!(!read.matches(&another_hash) && !read.matches(&[]) && !read.matches(&hash[..31]));
    }

    #[test]
    fn every_changed_letter_is_noticed_by_the_checksum() {
        let (.., text, _) = new_key(1);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
            assert!(ApiKey::parse(std::str::from_utf8(&changed).unwrap()).is_err(), "letter {at}");
        }
        assert!(ApiKey::parse(text.get(1..).unwrap()).is_err());
        assert!(ApiKey::parse(&format!("{text} ")).is_err());
    }

    #[test]
    fn neither_the_key_nor_its_hash_is_shown_by_debug() {
        let (.., text, _) = new_key(1);
        let shown = format!("{:?}", ApiKey::parse(&text).unwrap());
        assert!(shown.contains("msp_") && !shown.contains("sha256"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_text_is_refused_without_a_panic(text in "(dmn_live_)?\\PC{0,120}") {
            prop_assert!(ApiKey::parse(&text).is_err());
        }
    }
}
