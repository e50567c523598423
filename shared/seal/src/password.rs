//! Passwords of people, kept as argon2id (RFC 9106), and what makes a new one too easy to guess.
//!
//! The rules are those of NIST SP 800-63B: long enough, not one of those that everybody tries first, nothing about
//! capitals and digits. A password is written in one form (NFKC) before it is hashed, because the same keys make
//! different bytes on different systems.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// How long a password is at least, in characters.
pub const PASSWORD_MIN: usize = 12;
/// How long it is at most.
pub const PASSWORD_MAX: usize = 256;

/// 19 MiB twice over: the least that OWASP advises, so that a burst of sign-ins does not take a server's memory.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// What is compared where there is no password, so that it takes as long: a hash under the parameters above, of a
/// password that nobody has.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$ZGFpbW9uLW5vYm9keXMtcw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// How long the rest of a password is at least from which everything is taken that is tried first.
const UNKNOWN_MIN: usize = 8;
/// Parts of passwords that are tried first.
const COMMON: [&str; 26] = [
    "password",
    "passwort",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "letmein",
    "welcome",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "administrator",
    "admin",
    "changeme",
    "default",
    "secret",
    "monkey",
    "dragon",
    "master",
    "qwerty",
    "qwertz",
    "asdfgh",
    "zxcvbn",
    "1q2w3e4r",
    "abc123",
];

/// Why a password is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too short or too long.
    #[error("must have 12 to 256 characters")]
    Length,
    /// Everybody tries it first.
    #[error(
        "is one that is tried first: choose something that says nothing of you and of us, such as four unrelated words"
    )]
    Common,
}

/// A password that is hard enough to guess.
pub struct NewPassword(Zeroizing<String>);

impl NewPassword {
    /// Accepts a password. `about`: what anybody would try for this person, such as their address and their MSP's name.
    pub fn new(text: &SecretString, about: &[&str]) -> Result<Self, WeakPassword> {
        if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&text.expose_secret().chars().count()) {
            return Err(WeakPassword::Length);
        }
        let folded = Zeroizing::new(normal(text).to_lowercase());
        let known = about.iter().flat_map(|text| words(text));
        let known = known.chain(COMMON.iter().map(|word| (*word).to_owned())).chain(["daimon".to_owned()]);
        let rest = Zeroizing::new(known.fold(folded.to_string(), |rest, word| rest.replace(&word, "")));
        if is_monotonous(&folded) || (*rest != *folded && rest.chars().count() < UNKNOWN_MIN) {
            return Err(WeakPassword::Common);
        }
        Ok(Self(normal(text)))
    }

    /// What is stored (a PHC string) with a salt of its own. Takes tens of milliseconds of a processor: not for a thread
    /// that answers others.
    pub fn hash(&self, salt: &[u8; 16]) -> Result<String, PasswordFailure> {
        let hash = argon2()?.hash_password_with_salt(self.0.as_bytes(), salt).map_err(|_library| PasswordFailure)?;
        Ok(hash.to_string())
    }
}

/// The password can't be hashed: out of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password could not be hashed")]
pub struct PasswordFailure;

/// Whether the password is the one of this hash; without a hash it never is, and takes as long. Not for a thread that
/// answers others.
pub fn verify_password(text: &SecretString, stored: Option<&str>) -> bool {
    let Ok(argon2) = argon2() else { return false };
    // Longer than any that was ever accepted: what is hashed must not be the caller's choice of a megabyte.
    let is_short = text.expose_secret().chars().count() <= PASSWORD_MAX;
    let password = if is_short { normal(text) } else { Zeroizing::new(String::new()) };
    let Ok(hash) = PasswordHash::new(stored.unwrap_or(NOBODYS)) else { return false };
    let is_right = argon2.verify_password(password.as_bytes(), &hash).is_ok();
    is_right && is_short && stored.is_some()
}

fn argon2() -> Result<Argon2<'static>, PasswordFailure> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_library| PasswordFailure)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn normal(text: &SecretString) -> Zeroizing<String> {
    Zeroizing::new(text.expose_secret().nfkc().collect())
}

/// The words of a text that are long enough to be recognised.
fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| word.chars().count() >= 4)
        .map(ToOwned::to_owned)
        .collect()
}

/// A few letters again and again, or a row such as `abcdef` and `654321`.
fn is_monotonous(password: &str) -> bool {
    let letters: Vec<char> = password.chars().collect();
    let different: std::collections::BTreeSet<&char> = letters.iter().collect();
    let next = |step: i64| {
        let pairs = letters.iter().zip(letters.iter().skip(1));
        pairs.filter(|(one, next)| i64::from(u32::from(**next)) - i64::from(u32::from(**one)) == step).count()
    };
    different.len() < 5 || next(1).max(next(-1)) * 3 > letters.len() * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Option<WeakPassword> {
        let about = ["mori@kestrel-it.example", "Kestrel IT"];
        NewPassword::new(&SecretString::from(text), &about).err()
    }

    #[test]
    fn a_password_is_as_long_as_it_has_to_be_and_not_what_everybody_tries() {
        for text in
            ["correct horse battery staple", "tr0ub4dor&3 no", "さくらさくやよいのそらはみわたす", "x9fk2lq0vbna"]
        {
            assert_eq!(judged(text), None, "{text}");
        }
        for text in ["elevenchars", "", &"ab1 ".repeat(65)] {
            assert_eq!(judged(text), Some(WeakPassword::Length), "{text}");
        }
        for text in [
            "password1234",
            "Password2026!",
            "passwordpassword",
            "123456789012",
            "abcdefghijkl",
            "aaaaaaaaaaaaaaa",
            "abababababab",
            "Kestrel-2026!!",
            "mori@kestrel",
            "mori-at-kestrel",
            "daimondaimon",
            "qwertyqwerty1",
        ] {
            assert_eq!(judged(text), Some(WeakPassword::Common), "{text}");
        }
    }

    #[test]
    fn a_hash_holds_for_its_password_however_that_was_typed() {
        let hash = |text: &str, salt| {
            let password = NewPassword::new(&SecretString::from(text), &[]).ok().unwrap();
            password.hash(&[salt; 16]).unwrap()
        };
        let stored = hash("caf\u{e9} au lait sans sucre", 1);
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, hash("caf\u{e9} au lait sans sucre", 2));
        let holds = |text: &str| verify_password(&SecretString::from(text), Some(&stored));
        assert!(holds("caf\u{e9} au lait sans sucre") && holds("cafe\u{301} au lait sans sucre"));
        assert!(!holds("cafe au lait sans sucre") && !holds("") && !holds(&"x".repeat(1_000_000)));
    }

    #[test]
    fn where_there_is_no_password_none_holds_and_a_real_one_is_compared_with() {
        assert!(PasswordHash::new(NOBODYS).is_ok(), "it takes as long only if it can be read");
        assert!(!verify_password(&SecretString::from("correct horse battery staple"), None));
        assert!(!verify_password(&SecretString::from("x"), Some("nonsense")));
    }
}
