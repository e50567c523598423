//! What an invitation looks like: `dmn_invite_<msp>_<user id>_<secret><checksum>`.

use std::fmt;

use daimon_domain::clock::Entropy;
use daimon_domain::id::{MspId, UserId};
use secrecy::SecretString;

use crate::shown_once::{ShownOnce, matches};

const PREFIX: &str = "dmn_invite_";

/// An invitation as somebody presents it. It is genuine when `matches` says so.
pub struct Invitation {
    /// Whose it says it is.
    pub msp: MspId,
    /// For whom.
    pub user: UserId,
    secret_sha256: [u8; 32],
}

impl Invitation {
    /// A new one: its text, which is shown once, and the hash that is stored.
    pub fn generate(msp: MspId, user: UserId, entropy: &dyn Entropy) -> (SecretString, [u8; 32]) {
        ShownOnce::generate(PREFIX, msp, user.as_uuid(), entropy)
    }

    /// Reads an invitation; `None`: it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let read = ShownOnce::parse(PREFIX, text)?;
        Some(Self { msp: read.msp, user: UserId::from_uuid(read.id), secret_sha256: read.secret_sha256 })
    }

    /// Whether the stored hash is this invitation's, in a time that does not tell how much of it is.
    pub fn matches(&self, stored_sha256: &[u8]) -> bool {
        matches(&self.secret_sha256, stored_sha256)
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Invitation").field("msp", &self.msp).field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use daimon_domain::clock::SeededEntropy;
    use daimon_domain::id::KeyId;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::ApiKey;

    #[test]
    fn an_invitation_reads_back_and_is_no_api_key() {
        let (entropy, at) = (SeededEntropy::new(1), DateTime::UNIX_EPOCH);
        let (msp, user) = (MspId::new(at, &entropy), UserId::new(at, &entropy));
        let (text, hash) = Invitation::generate(msp, user, &entropy);
        let read = Invitation::parse(text.expose_secret()).unwrap();
        assert_eq!((read.msp, read.user), (msp, user));
        assert!(read.matches(&hash) && !read.matches(&[0; 32]));
        assert!(ApiKey::parse(text.expose_secret()).is_err());
        let (key, _) = ApiKey::generate(msp, KeyId::new(at, &entropy), &entropy);
        assert!(Invitation::parse(key.expose_secret()).is_none());
    }
}
