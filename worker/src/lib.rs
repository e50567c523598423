#![doc = include_str!("../README.md")]

pub mod classify;
pub mod deliver;
mod idle;
mod judge;
pub mod mail_files;
pub mod poll;
mod pool;
pub mod read;
pub mod run;
pub mod scan;
mod token;
mod upkeep;
