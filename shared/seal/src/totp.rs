//! Codes of six digits that an authenticator app shows (RFC 6238), and the recovery codes for whoever has lost it.

use aws_lc_rs::{constant_time, hmac};
use chrono::{DateTime, Utc};
use daimon_domain::clock::Entropy;
use data_encoding::BASE32_NOPAD;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::hash::sha256;

/// How long a code is shown (RFC 6238, 4.1).
const STEP_S: i64 = 30;
/// 160 bits, as RFC 4226 (section 4, R6) advises.
const SECRET_LEN: usize = 20;
/// Codes of so many steps before and after hold too: phones' clocks differ, and people type slowly (RFC 6238, 5.2).
const TOLERATED_STEPS: i64 = 1;
/// How many recovery codes there are.
pub const RECOVERY_CODES: usize = 10;
/// 80 random bits: nothing that a slow hash could protect.
const RECOVERY_LEN: usize = 10;

/// What an authenticator app and we share.
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    /// A new one.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new(vec![0; SECRET_LEN]);
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// As it was stored.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// As it was shown; `None`: it is no base 32.
    pub fn from_text(text: &str) -> Option<Self> {
        Some(Self(Zeroizing::new(BASE32_NOPAD.decode(text.as_bytes()).ok()?)))
    }

    /// To be sealed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As it is typed into an app that can't read a picture: base 32.
    pub fn text(&self) -> SecretString {
        SecretString::from(BASE32_NOPAD.encode(&self.0))
    }

    /// What a picture for an app is made of (Google's "key URI format", which all of them read).
    pub fn uri(&self, issuer: &str, account: &str) -> SecretString {
        let (issuer, account) = (escaped(issuer), escaped(account));
        let secret = Zeroizing::new(BASE32_NOPAD.encode(&self.0));
        SecretString::from(format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", secret.as_str()))
    }

    /// The time step that a code is of, if it holds at `now` and is newer than the step of the last one that was used: a
    /// code is good once (RFC 6238, 5.2).
    pub fn step_of(&self, code: &str, now: DateTime<Utc>, last_used: Option<i64>) -> Option<i64> {
        let current = now.timestamp().div_euclid(STEP_S);
        let digits: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
        let mut found = None;
        for step in current - TOLERATED_STEPS..=current + TOLERATED_STEPS {
            let is_it = constant_time::verify_slices_are_equal(self.code(step).as_bytes(), digits.as_bytes()).is_ok();
            if is_it && last_used.is_none_or(|last| step > last) {
                found = found.or(Some(step));
            }
        }
        found
    }

    /// The code of that moment, as an app shows it.
    pub fn code_at(&self, at: DateTime<Utc>) -> String {
        self.code(at.timestamp().div_euclid(STEP_S))
    }

    /// RFC 4226, 5.3. SHA-1 is what apps know; its weakness is no weakness of HMAC.
    fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let bytes = tag.as_ref();
        let offset = usize::from(bytes.last().copied().unwrap_or_default() & 15);
        let chosen = bytes.get(offset..).and_then(<[u8]>::first_chunk::<4>).copied().unwrap_or_default();
        format!("{:06}", (u32::from_be_bytes(chosen) & 0x7fff_ffff) % 1_000_000)
    }
}

/// Recovery codes: as they are shown once, and the hashes that are stored.
pub fn recovery_codes(entropy: &dyn Entropy) -> (Vec<SecretString>, Vec<[u8; 32]>) {
    let one = |_number| {
        let mut bytes = Zeroizing::new([0; RECOVERY_LEN]);
        entropy.fill(bytes.as_mut_slice());
        let letters = Zeroizing::new(BASE32_NOPAD.encode(bytes.as_slice()).to_lowercase());
        let groups: Vec<&str> = [0, 4, 8, 12].iter().filter_map(|at| letters.get(*at..at + 4)).collect();
        (SecretString::from(groups.join("-")), sha256(letters.as_bytes()))
    };
    (0..RECOVERY_CODES).map(one).unzip()
}

/// The hash that a recovery code would be stored by, however it is typed.
pub fn recovery_hash(typed: &str) -> [u8; 32] {
    let letters: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
    sha256(letters.to_ascii_lowercase().as_bytes())
}

/// Percent-encoded (RFC 3986, 2.3).
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            // Writing into a text can't fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use daimon_domain::clock::SeededEntropy;
    use secrecy::ExposeSecret;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, the last six digits.
        let secret = TotpSecret::from_bytes(b"12345678901234567890");
        for (second, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (20_000_000_000, "353130")]
        {
            assert_eq!(secret.code_at(at(second)), code);
            assert_eq!(secret.step_of(code, at(second), None), Some(second / 30));
        }
        assert_eq!(secret.text().expose_secret(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let read = TotpSecret::from_text("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        assert_eq!(read.as_bytes(), secret.as_bytes());
    }

    #[test]
    fn a_code_holds_once_and_for_about_a_minute() {
        let secret = TotpSecret::generate(&SeededEntropy::new(1));
        let code = secret.code_at(at(3_000));
        for (second, holds) in [(2_969, false), (2_970, true), (3_000, true), (3_059, true), (3_060, false)] {
            assert_eq!(secret.step_of(&code, at(second), None).is_some(), holds, "{second}");
        }
        assert_eq!(secret.step_of(&code, at(3_010), Some(100)), None, "used");
        assert_eq!(secret.step_of(&code, at(3_010), Some(99)), Some(100));
        let (one, two) = code.split_at(3);
        assert_eq!(secret.step_of(&format!("{one} {two}"), at(3_000), None), Some(100));
        assert_eq!(secret.step_of("", at(3_000), None), None);
    }

    #[test]
    fn an_app_is_told_whose_it_is() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890");
        assert_eq!(
            secret.uri("Kestrel IT", "mori@kestrel.example").expose_secret(),
            "otpauth://totp/Kestrel%20IT:mori%40kestrel.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Kestrel%20IT"
        );
    }

    #[test]
    fn recovery_codes_differ_and_are_recognised_however_they_are_typed() {
        let (codes, hashes) = recovery_codes(&SeededEntropy::new(1));
        assert_eq!((codes.len(), hashes.len()), (RECOVERY_CODES, RECOVERY_CODES));
        let different: std::collections::BTreeSet<_> = hashes.iter().collect();
        assert_eq!(different.len(), RECOVERY_CODES);
        for (code, hash) in codes.iter().zip(&hashes) {
            let code = code.expose_secret();
            assert_eq!(code.len(), 19, "{code}");
            assert_eq!(recovery_hash(code), *hash);
            assert_eq!(recovery_hash(&format!(" {} ", code.to_uppercase().replace('-', " "))), *hash);
        }
    }
}
