#![doc = include_str!("../README.md")]

mod api_key;
mod client_secret;
mod entropy;
mod envelope;
mod hash;
mod invitation;
mod master;
mod password;
mod refresh;
mod service_account;
mod shown_once;
mod token;
mod totp;
mod webhook;

pub use api_key::{ApiKey, MalformedApiKey};
pub use client_secret::ClientSecret;
pub use entropy::SystemEntropy;
pub use envelope::{Aad, DataKey, SealError};
pub use hash::{KeyedHash, sha256};
pub use invitation::Invitation;
pub use master::{MasterKey, MasterKeyError};
pub use password::{NewPassword, PASSWORD_MAX, PASSWORD_MIN, PasswordFailure, WeakPassword, verify_password};
pub use refresh::Refresh;
pub use service_account::{MalformedServiceAccount, ServiceAccount};
pub use token::{Bearer, Claims, TOKEN_LIFETIME_S, TokenError, TokenIssuer};
pub use totp::{RECOVERY_CODES, TotpSecret, recovery_codes, recovery_hash};
pub use webhook::{MalformedWebhookSecret, WebhookSecret};
