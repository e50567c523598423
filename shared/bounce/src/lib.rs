#![doc = include_str!("../README.md")]

mod address;
mod bounds;
mod encoded_word;
mod fields;
mod forms;
mod judge;
mod lexicon;
mod mime;
mod notes;
mod notice;
mod origin;
mod parameter;
mod phrases;
mod read;
mod received;
mod recognise;
mod report;
mod rules;
mod search;
mod status;
mod step;
mod text;
mod transfer;

use daimon_domain::bounce::Report;

pub use rules::{BadRules, check_rules, shipped_rules};

/// What a message says of a delivery, and of each recipient.
///
/// Never fails: what cannot be read is a note in the answer. LF, CRLF and CR line ends give the same answer.
pub fn read(message: &[u8]) -> Report {
    read::read(message)
}
