#![doc = include_str!("../README.md")]

pub mod bounce;
pub mod clock;
pub mod delivery;
pub mod event;
pub mod id;
pub mod incident;
pub mod job;
pub mod mailbox;
pub mod origin;
pub mod playbook;
pub mod reason;
pub mod scope;
pub mod status;
pub mod tenant;
pub mod verdict;
pub mod words;
