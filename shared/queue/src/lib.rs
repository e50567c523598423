#![doc = include_str!("../README.md")]

mod bucket;
mod hint;
mod queue;

pub use bucket::{Level, Quota, Taken};
pub use hint::{Hint, Kind};
pub use queue::{Queue, QueueError};
