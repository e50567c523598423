#![doc = include_str!("../README.md")]

mod deny;
mod dial;
mod error;
mod get;
mod guard;
mod handshake;
mod own_api;
mod post;
mod resolve;
#[cfg(test)]
mod scripted_dns;
#[cfg(test)]
mod stub;
mod url;

pub use deny::is_forbidden;
pub use dial::{Egress, Settings, TlsStream, Vetted};
pub use error::{DialError, SettingsError};
pub use guard::Guard;
pub use handshake::{Handshake, TlsFlaw, handshake};
pub use own_api::{NoOwnApi, OwnAnswer, OwnApi};
pub use post::{Answer, TokenAnswer};
pub use resolve::{NoAnswer, Resolver};
pub use url::{MalformedUrl, WebhookUrl};
