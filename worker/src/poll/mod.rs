#![doc = include_str!("README.md")]
#![expect(clippy::wildcard_enum_match_arm, reason = "imap-proto knows more of IMAP than is asked for here")]

mod candidate;
mod checked;
mod checkpoint;
mod door;
pub(crate) mod error;
mod fetch;
mod folders;
mod frame;
mod guard;
mod hint;
mod idle;
mod limits;
mod mail;
mod moving;
mod reports;
mod sample;
#[cfg(test)]
mod scripted;
mod sent_mail;
mod session;
mod sign_in;
#[cfg(test)]
mod stories;

pub use checkpoint::{Checkpoint, Selected};
pub use door::{Door, Offers, TurnedAway};
pub use error::SessionError;
pub(crate) use folders::role_by_name;
pub(crate) use folders::title;
pub use folders::{Folder, Role};
pub use hint::Hint;
pub use idle::Idle;
pub use limits::Limits;
pub(crate) use mail::header_block;
pub use mail::{Ahead, Answer, Batch, Glance, Mail, PutAside, SentMail, Unreadable};
pub use moving::{Called, Moves, Went};
pub use sample::Sample;
pub(crate) use sent_mail::{language, sent_mail};
pub use session::{Credentials, Secret, Session, Stream};
