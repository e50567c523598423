#![doc = include_str!("../README.md")]

mod answer;
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
