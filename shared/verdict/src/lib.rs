#![doc = include_str!("../README.md")]

pub mod chain;
pub mod clue;
pub mod cluster;
pub mod evidence;
pub mod incident;
pub mod known;
pub mod matrix;
pub mod playbook;
pub mod reason;
pub mod state;
pub mod template;
pub mod trusted_time;
pub mod window;

#[cfg(test)]
mod stories;

pub use clue::Clue;
pub use evidence::{Facts, Observation, observe, signals};
pub use incident::{Move, decide, dedup_key};
pub use known::{Known, Provider};
pub use state::{Assessment, ClusterReport, State};
pub use window::Signal;
