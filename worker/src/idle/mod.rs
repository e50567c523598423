#![doc = include_str!("README.md")]

mod begin;
mod idlers;
mod keep;
mod seat;
mod wait;

pub(crate) use begin::{Begun, Wish, begin, record};
pub(crate) use idlers::{Idlers, News, Told};
pub(crate) use keep::{give_back, keep};
pub(crate) use seat::{Lent, Seat};
