#![doc = include_str!("../README.md")]

mod follow;
pub mod internal;
pub mod logging;
pub mod metrics;
pub mod settings;
pub mod shutdown;
pub mod time;
