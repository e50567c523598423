//! The store against a real Postgres, a fresh database for each test.

#![expect(clippy::unwrap_used, reason = "what a test prepares must be there")]

mod audit;
mod bounces;
mod credentials;
mod digest;
mod endpoints;
mod events;
mod hosts;
mod idle;
mod in_hand;
mod incidents;
mod jobs;
mod keys;
mod leases;
mod partitions;
mod retention;
mod schema;
mod siblings;
mod support;
mod tidied;
mod troubles;
mod users;
mod versions;
mod wall;
mod watched;
