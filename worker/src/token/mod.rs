#![doc = include_str!("README.md")]

mod access;
mod answer;
mod claims;
mod refresh;
mod request;

pub(crate) use access::{Access, Grant, NoToken, Token};
pub(crate) use claims::lacks_permission;
