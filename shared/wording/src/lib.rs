#![doc = include_str!("../README.md")]

pub mod cause;
pub mod evidence;
pub mod handed_in;
mod said;
pub mod strength;

pub use said::Said;
