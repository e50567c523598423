#![doc = include_str!("../README.md")]

pub mod cause;
pub mod connection_test;
pub mod consent;
pub mod evidence;
pub mod filing;
mod foreign;
pub mod handed_in;
pub mod incident_report;
pub mod job;
pub mod moment;
pub mod notice;
pub mod reason;
pub mod receiver;
mod said;
pub mod strength;
mod template;
pub mod welcome;

pub use incident_report::IncidentReport;
pub use said::Said;
