#![doc = include_str!("README.md")]

mod commit;
mod diagnostic;
mod give_back;
mod hands;
mod incident;
mod job;
mod mail;
mod memory;
mod outcome;
mod session;
mod surroundings;
mod tell;
mod work;

pub use give_back::Left;
pub use job::{Reader, poll};
