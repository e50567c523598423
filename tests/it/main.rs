//! Stories: the real programs on real servers, one file each.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod arrows;
mod autodiscover;
mod classify;
mod confirmed;
mod crash;
mod deliver;
mod destinations;
mod domains;
mod drill;
mod fleet;
mod flood;
mod hidden;
mod host_budget;
mod hostile;
mod hostile_servers;
mod hosts;
mod idle;
mod incident_life;
mod learnt;
mod maintenance;
mod mistakes;
mod oauth;
mod on_disk;
mod reading;
mod readme;
mod renumbered;
mod report;
mod servers;
mod settings;
mod siblings;
mod sign_in;
mod starttls;
mod takeover;
mod tenancy;
mod wall;
