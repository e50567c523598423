#![doc = include_str!("README.md")]

mod access;
mod answer;
mod refresh;
mod request;

pub(crate) use access::{Access, Grant, NoToken};
