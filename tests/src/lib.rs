#![doc = include_str!("../README.md")]
#![expect(clippy::format_collect, reason = "a few short lines; what reads best")]

pub mod authority;
pub mod catcher;
pub mod client;
pub mod clock;
pub mod corpus;
pub mod counting_imap;
pub mod dovecot;
pub mod identity;
pub mod imap;
pub mod keep;
pub mod life;
pub mod name_server;
pub mod place;
pub mod postfix;
pub mod postgres;
pub mod program;
pub mod redis_server;
pub mod remote;
pub mod scripted_imap;
pub mod servers;
pub mod smtp;
#[cfg(feature = "world")]
pub mod stage;
#[cfg(feature = "world")]
pub mod world;
