#![doc = include_str!("../README.md")]
// The examples of the document are long.
#![recursion_limit = "256"]

mod answer;
mod audit;
mod auth;
mod bounces;
mod caller;
mod campaigns;
mod code;
mod credentials;
mod deletion;
mod deliveries;
mod digest;
mod docs;
mod drills;
mod endpoints;
mod etag;
mod events;
mod export;
mod head;
mod hex;
mod hourly;
mod idempotency;
mod incidents;
mod input;
mod jobs;
mod keys;
mod limits;
mod mailboxes;
mod maintenance;
mod me;
mod msp;
mod onboarding;
mod page;
mod path;
mod problem;
mod root;
mod routes;
mod service;
mod spec;
mod statistics;
mod tenants;
mod users;
mod words;

pub use self::hex::hex;
pub use auth::Hashing;
pub use events::Streams;
pub use limits::Limits;
pub use onboarding::table;
pub use routes::{app, document_json};
pub use service::{Service, Sources};
