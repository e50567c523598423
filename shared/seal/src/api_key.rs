//! What an API key looks like: `dmn_live_<msp>_<key id>_<secret><checksum>`.
//!
//! The MSP is in the key, because row-level security needs it before the row can be read. The checksum (CRC-32 in base
//! 62) is not secret: it lets a typing error, and any scanner's guess, be refused before the database is asked, and
//! tells secret scanners that a text really is a key. We keep a plain SHA-256 of the secret: it has 190 random bits, so
//! there is nothing a slow hash could protect.

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use daimon_domain::clock::Entropy;
use daimon_domain::id::{KeyId, MspId};
use secrecy::SecretString;
use uuid::Uuid;
use zeroize::Zeroizing;

const PREFIX: &str = "dmn_live_";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62³² is more than 2¹⁹⁰.
const SECRET_LEN: usize = 32;
/// 62⁶ is more than 2³².
const CHECKSUM_LEN: usize = 6;

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
        let secret = random_base62(entropy);
        let body = Zeroizing::new(format!(
            "{PREFIX}{}_{}_{}",
            msp.as_uuid().simple(),
            key.as_uuid().simple(),
            secret.as_str()
        ));
        let text = format!("{}{}", body.as_str(), checksum(&body));
        (SecretString::from(text), sha256(secret.as_bytes()))
    }

    /// Reads a key. One key has one spelling.
    pub fn parse(text: &str) -> Result<Self, MalformedApiKey> {
        let (body, check) =
            text.len().checked_sub(CHECKSUM_LEN).and_then(|at| text.split_at_checked(at)).ok_or(MalformedApiKey)?;
        let mut parts = body.strip_prefix(PREFIX).ok_or(MalformedApiKey)?.split('_');
        let (Some(msp), Some(key), Some(secret), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(MalformedApiKey);
        };
        let is_secret = secret.len() == SECRET_LEN && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_secret || check != checksum(body) {
            return Err(MalformedApiKey);
        }
        Ok(Self {
            msp: MspId::from_uuid(simple_uuid(msp)?),
            key: KeyId::from_uuid(simple_uuid(key)?),
            secret_sha256: sha256(secret.as_bytes()),
        })
    }

    /// Whether the stored hash is this key's, in a time that does not tell how much of it is.
    pub fn matches(&self, stored_sha256: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.secret_sha256, stored_sha256).is_ok()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ApiKey").field("msp", &self.msp).field("key", &self.key).finish_non_exhaustive()
    }
}

fn simple_uuid(hex: &str) -> Result<Uuid, MalformedApiKey> {
    Some(hex)
        .filter(|hex| hex.len() == 32 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
        .and_then(|hex| Uuid::try_parse(hex).ok())
        .ok_or(MalformedApiKey)
}

/// Bytes from 248 on are drawn again, since 256 is no multiple of 62 and some letters would be likelier.
fn random_base62(entropy: &dyn Entropy) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(SECRET_LEN));
    let mut bytes = Zeroizing::new([0_u8; SECRET_LEN]);
    while text.len() < SECRET_LEN {
        entropy.fill(bytes.as_mut_slice());
        let fair = bytes.iter().filter(|byte| **byte < 248).filter_map(|byte| digit(u32::from(*byte)));
        let missing = SECRET_LEN - text.len();
        text.extend(fair.take(missing));
    }
    text
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = ['0'; CHECKSUM_LEN];
    for place in digits.iter_mut().rev() {
        *place = digit(rest).unwrap_or('0');
        rest /= 62;
    }
    digits.iter().collect()
}

fn digit(value: u32) -> Option<char> {
    BASE62.get(usize::try_from(value % 62).ok()?).copied().map(char::from)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()) {
        *to = *from;
    }
    hash
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
