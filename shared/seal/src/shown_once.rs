//! Secrets that are shown once, when they are made: `<prefix><msp>_<id>_<secret><checksum>`.
//!
//! The MSP is in the text, because row-level security needs it before the row can be read. The checksum (CRC-32 in base
//! 62) is not secret: it lets a typing error, and any scanner's guess, be refused before the database is asked, and
//! tells secret scanners that a text really is one. We keep a plain SHA-256 of the secret: it has 190 random bits, so
//! there is nothing a slow hash could protect.

use aws_lc_rs::constant_time;
use daimon_domain::clock::Entropy;
use daimon_domain::id::MspId;
use secrecy::SecretString;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::hash::sha256;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62³² is more than 2¹⁹⁰.
const SECRET_LEN: usize = 32;
/// 62⁶ is more than 2³².
const CHECKSUM_LEN: usize = 6;

/// Such a secret as somebody presents it.
pub(crate) struct ShownOnce {
    /// Whose it says it is.
    pub(crate) msp: MspId,
    /// Of what.
    pub(crate) id: Uuid,
    /// What is compared with the stored hash.
    pub(crate) secret_sha256: [u8; 32],
}

impl ShownOnce {
    /// A new one: its text, and the hash that is stored.
    pub(crate) fn generate(prefix: &str, msp: MspId, id: Uuid, entropy: &dyn Entropy) -> (SecretString, [u8; 32]) {
        let secret = random_base62(entropy);
        let body = Zeroizing::new(format!("{prefix}{}_{}_{}", msp.as_uuid().simple(), id.simple(), secret.as_str()));
        let text = format!("{}{}", body.as_str(), checksum(&body));
        (SecretString::from(text), sha256(secret.as_bytes()))
    }

    /// Reads one. It has one spelling.
    pub(crate) fn parse(prefix: &str, text: &str) -> Option<Self> {
        let (body, check) = text.len().checked_sub(CHECKSUM_LEN).and_then(|at| text.split_at_checked(at))?;
        let mut parts = body.strip_prefix(prefix)?.split('_');
        let (Some(msp), Some(id), Some(secret), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return None;
        };
        let is_secret = secret.len() == SECRET_LEN && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_secret || check != checksum(body) {
            return None;
        }
        Some(Self {
            msp: MspId::from_uuid(simple_uuid(msp)?),
            id: simple_uuid(id)?,
            secret_sha256: sha256(secret.as_bytes()),
        })
    }
}

/// Whether the stored hash is this one, in a time that does not tell how much of it is.
pub(crate) fn matches(secret_sha256: &[u8; 32], stored_sha256: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(secret_sha256, stored_sha256).is_ok()
}

fn simple_uuid(hex: &str) -> Option<Uuid> {
    Some(hex)
        .filter(|hex| hex.len() == 32 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
        .and_then(|hex| Uuid::try_parse(hex).ok())
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
