//! Refresh tokens: what a session goes on with when its token has expired.
//!
//! Each is good once and brings the next one. One that comes a second time was stolen, by whoever came first or by
//! whoever came last, and the session ends (RFC 9700, 4.14.2). A token is signed and names its session and its number in
//! it, so an old one is told from a guess without anything being kept of either: the row has the number that is next.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use daimon_domain::id::{MspId, SessionId};
use secrecy::SecretString;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::envelope::derive;
use crate::master::MasterKey;

const PREFIX: &str = "dmn_refresh_";
const NAMED_LEN: usize = 16 + 16 + 8;

/// What a refresh token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// The MSP.
    pub msp: MspId,
    /// The session.
    pub session: SessionId,
    /// The how-manieth of the session it is, from 1.
    pub number: i64,
}

impl Refresh {
    /// Its text.
    pub fn issue(&self, master: &MasterKey) -> SecretString {
        let named = self.bytes();
        let mut bytes = Zeroizing::new(named.to_vec());
        if let Some(key) = keys(master).next() {
            bytes.extend_from_slice(hmac::sign(&key, &named).as_ref());
        }
        SecretString::from(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    /// What a text says, if it is a token of ours.
    pub fn verify(text: &str, master: &MasterKey) -> Option<Self> {
        let encoded = text.strip_prefix(PREFIX).filter(|encoded| encoded.len() <= 128)?;
        let bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?);
        let (named, tag) = bytes.split_first_chunk::<NAMED_LEN>()?;
        if !keys(master).any(|key| hmac::verify(&key, named, tag).is_ok()) {
            return None;
        }
        let (msp, rest) = named.split_first_chunk::<16>()?;
        let (session, number) = rest.split_first_chunk::<16>()?;
        Some(Self {
            msp: MspId::from_uuid(Uuid::from_bytes(*msp)),
            session: SessionId::from_uuid(Uuid::from_bytes(*session)),
            number: i64::from_be_bytes(*number.first_chunk()?),
        })
    }

    fn bytes(&self) -> [u8; NAMED_LEN] {
        let mut bytes = [0; NAMED_LEN];
        let parts = [self.msp.as_uuid().into_bytes(), self.session.as_uuid().into_bytes()];
        let from = parts.into_iter().flatten().chain(self.number.to_be_bytes());
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = from);
        bytes
    }
}

fn keys(master: &MasterKey) -> impl Iterator<Item = hmac::Key> {
    master.keys().map(|key| hmac::Key::new(hmac::HMAC_SHA256, derive(key, &[b"refresh token"]).as_slice()))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use daimon_domain::clock::SeededEntropy;
    use secrecy::ExposeSecret;

    use super::*;

    fn master(digits: &str) -> MasterKey {
        MasterKey::from_hex(digits).ok().unwrap()
    }

    fn refresh() -> Refresh {
        let (entropy, at) = (SeededEntropy::new(1), DateTime::UNIX_EPOCH);
        Refresh { msp: MspId::new(at, &entropy), session: SessionId::new(at, &entropy), number: 7 }
    }

    #[test]
    fn a_token_reads_back_also_after_the_key_was_rotated() {
        let (old, new) = ("a".repeat(64), "b".repeat(64));
        let text = refresh().issue(&master(&old));
        assert_eq!(Refresh::verify(text.expose_secret(), &master(&format!("{new}\n{old}"))), Some(refresh()));
        assert_eq!(Refresh::verify(text.expose_secret(), &master(&new)), None);
        let next = Refresh { number: 8, ..refresh() };
        assert_ne!(next.issue(&master(&old)).expose_secret(), text.expose_secret());
    }

    #[test]
    fn whatever_was_changed_is_no_token() {
        let master = master(&"a".repeat(64));
        let text = refresh().issue(&master).expose_secret().to_owned();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(Refresh::verify(std::str::from_utf8(&changed).unwrap(), &master), None, "letter {at}");
        }
        for text in ["", "dmn_refresh_", text.strip_suffix(|_last| true).unwrap(), &"A".repeat(300)] {
            assert_eq!(Refresh::verify(text, &master), None, "{text}");
        }
    }
}
