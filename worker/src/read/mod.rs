#![doc = include_str!("README.md")]

mod again;
mod alone;
mod asked;
mod commit;
mod connection_test;
mod diagnostic;
mod drill;
mod errand;
mod fleet;
mod give_back;
mod hands;
mod host;
mod incident;
mod infrastructure;
mod job;
mod mail;
mod memory;
mod outcome;
mod posture;
mod recipients;
mod reports;
mod session;
mod siblings;
mod surroundings;
mod tell;
mod tend;
mod tidying;
mod weigh;
mod work;

pub use alone::Room;
pub use asked::do_job;
pub use drill::play;
pub use give_back::Left;
pub(crate) use job::note;
pub use job::{Reader, poll};
pub use tend::tend;
