//! Stories: the real programs on real servers, one file each.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod arrows;
mod deliver;
mod reading;
mod servers;
mod takeover;
mod wall;
