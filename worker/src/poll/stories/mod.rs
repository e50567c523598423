//! What servers have done to others, against a scripted one.

mod folders;
mod idle;
mod limits;
mod moving;
mod reading;
mod sign_in;
mod token;
mod transport;
