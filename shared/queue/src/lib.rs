#![doc = include_str!("../README.md")]

mod hint;
mod queue;

pub use hint::{Hint, Kind};
pub use queue::{Queue, QueueError};
