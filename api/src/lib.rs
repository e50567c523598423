#![doc = include_str!("../README.md")]

mod answer;
mod auth;
mod keys;
mod mailboxes;
mod tenants;
mod docs;
mod etag;
mod input;
mod page;
mod problem;
mod path;
mod caller;
mod idempotency;
mod service;
mod spec;
mod words;

pub use service::{Service, Sources};
