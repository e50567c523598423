//! Recognising a value without storing it.
//!
//! Message-IDs and correspondents of a mailbox are kept as keyed hashes: whoever steals the database can't test
//! guesses without the key, and two MSPs' hashes of one address differ.

use aws_lc_rs::{digest, hmac};
use daimon_domain::id::TenantId;
use secrecy::{ExposeSecret, SecretString};

/// HMAC-SHA256 under a key of one MSP.
#[derive(Clone)]
pub struct KeyedHash(hmac::Key);

impl KeyedHash {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The hash of a mailbox's password within its tenant: the same password of another tenant has another.
    pub fn password(&self, tenant: TenantId, password: &SecretString) -> [u8; 32] {
        self.hash(&[b"mailbox password", tenant.as_uuid().as_bytes(), password.expose_secret().as_bytes()])
    }

    /// The hash of these parts, in this order: `["ab", "c"]` differs from `["a", "bc"]`.
    pub fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        hash
    }
}

/// The SHA-256 of something that is no secret, for whoever wants to compare it with what he has.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()) {
        *to = *from;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let hash = KeyedHash::new(&[7; 32]);
        assert_ne!(hash.hash(&[b"ab", b"c"]), hash.hash(&[b"a", b"bc"]));
        assert_eq!(hash.hash(&[b"ab", b"c"]), hash.hash(&[b"ab", b"c"]));
        assert_ne!(hash.hash(&[b"ab", b"c"]), KeyedHash::new(&[8; 32]).hash(&[b"ab", b"c"]));
    }

    #[test]
    fn one_password_of_two_tenants_shows_no_likeness() {
        let hash = KeyedHash::new(&[7; 32]);
        let of = |tenant, password: &str| {
            hash.password(TenantId::from_uuid(uuid::Uuid::from_u128(tenant)), &SecretString::from(password))
        };
        assert_eq!(of(1, "Spring2026"), of(1, "Spring2026"));
        assert_ne!(of(1, "Spring2026"), of(2, "Spring2026"));
        assert_ne!(of(1, "Spring2026"), of(1, "spring2026"));
    }
}
