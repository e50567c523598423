#![doc = include_str!("README.md")]

mod commit;
mod incident;
mod job;
mod mail;
mod memory;
mod outcome;
mod session;
mod surroundings;
mod tell;
mod work;

pub use job::{Reader, poll};
