#![doc = include_str!("../README.md")]

mod api_key;
mod client_secret;
mod entropy;
mod envelope;
mod hash;
mod master;
mod service_account;
mod token;
mod webhook;

pub use api_key::{ApiKey, MalformedApiKey};
pub use client_secret::ClientSecret;
pub use entropy::SystemEntropy;
pub use envelope::{Aad, DataKey, SealError};
pub use hash::{KeyedHash, sha256};
pub use master::{MasterKey, MasterKeyError};
pub use service_account::{MalformedServiceAccount, ServiceAccount};
pub use token::{Claims, TOKEN_LIFETIME_S, TokenError, TokenIssuer};
pub use webhook::{MalformedWebhookSecret, WebhookSecret};
