#![doc = include_str!("../README.md")]

pub mod arrival;
pub mod assessment;
pub mod campaign;
pub mod chain;
mod cloud;
pub mod clue;
pub mod cluster;
pub mod evidence;
pub mod filing;
pub mod fleet;
pub mod habits;
pub mod hosts;
pub mod incident;
pub mod known;
pub mod language;
pub mod life;
pub mod matrix;
mod past;
pub mod playbook;
pub mod reason;
pub mod site;
pub mod state;
pub mod submission;
pub mod telling;
pub mod template;
pub mod trusted_time;
pub mod window;

#[cfg(test)]
mod stories;

pub use assessment::{Assessment, ClusterReport};
pub use clue::Clue;
pub use evidence::{Facts, Observation, observe, signals};
pub use habits::Habits;
pub use incident::{Move, decide, dedup_key, updated};
pub use known::{Known, Provider};
pub use state::State;
pub use submission::{Submission, shows_neighbours, submission};
pub use window::Signal;
