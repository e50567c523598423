#![doc = include_str!("../README.md")]

pub mod access_token;
pub mod api_key;
pub mod attempt;
pub mod audit;
pub mod bounce;
pub mod campaign;
pub mod correspondent;
pub mod credential;
pub mod deletion;
pub mod delivery;
pub mod digest;
pub mod dkim_selector;
pub mod domain_posture;
pub mod drill;
pub mod endpoint;
mod error;
pub mod event;
mod fleet;
pub mod folder;
pub mod host;
pub mod idempotency;
pub mod idle_worker;
pub mod in_hand;
pub mod incident;
pub mod job;
pub mod mailbox;
pub mod maintenance;
pub mod msp;
pub mod old_credential;
mod page;
pub mod quarantine;
pub mod recipient;
pub mod refusal;
mod row;
pub mod sent;
pub mod sibling;
pub mod statistics;
pub mod tenant;
pub mod tidied;
pub mod trouble;
mod tx;
pub mod user;
pub mod user_session;
pub mod watched;

pub use error::StoreError;
pub use fleet::{Busy, Due, Fleet};
pub use page::{Listed, Page};
pub use tx::{Db, MspTx, Owner};

/// Every migration, in order.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// Something encrypted, and the version of the key that encrypted it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Nonce, ciphertext and tag, as the seal room wrote them.
    pub bytes: Vec<u8>,
    /// Which version of the key.
    pub key_version: i32,
}

impl Sealed {
    /// What stands in place of a password where a credential takes its place.
    pub const fn nothing() -> Self {
        Self { bytes: Vec::new(), key_version: 1 }
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "<sealed by key version {}>", self.key_version)
    }
}
