#![doc = include_str!("../README.md")]

mod answer;
mod docs;
mod etag;
mod input;
mod page;
mod problem;
mod service;
mod spec;
mod words;

pub use service::Sources;
