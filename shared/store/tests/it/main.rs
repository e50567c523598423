//! The store against a real Postgres, a fresh database for each test.

mod audit;
mod bounces;
mod events;
mod incidents;
mod leases;
mod partitions;
mod schema;
mod support;
mod versions;
mod wall;
