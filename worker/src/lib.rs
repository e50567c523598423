#![doc = include_str!("../README.md")]

pub mod classify;
mod coverage;
pub mod deliver;
pub mod mail_files;
pub mod poll;
mod pool;
pub mod read;
pub mod run;
pub mod scan;
mod upkeep;
