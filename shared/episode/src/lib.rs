#![doc = include_str!("../README.md")]

mod client;
mod clock;
mod episode;
mod fleet;
mod hosting;
mod letter;
mod life;
mod message;
mod mta;
mod network;
mod owner;
mod random;
mod receiver;
mod rehearsal;
mod reply;
mod server;
mod words;
mod world;

use chrono::{DateTime, Utc};

pub use episode::{Episode, Speed};
pub use fleet::{Fleet, Happening, Known, Plan, Simulated, Truth};
pub use rehearsal::{Part, Rehearsal, rehearse};
pub use server::Marks;

/// The kind of host a mailbox lives at, as an MSP would name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// Any host with IMAP and SMTP.
    ImapHost,
    /// Gmail and Google Workspace.
    Gmail,
    /// Microsoft 365.
    Microsoft365,
    /// Mail is fetched by POP; there is no Sent folder.
    PopOnly,
}

/// A mail as it lies in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// When it got there.
    pub at: DateTime<Utc>,
    /// The message, lines ended as on the wire.
    pub bytes: Vec<u8>,
    /// Whether a mail system wrote it of a mail that it could not deliver.
    pub is_bounce: bool,
    /// Whether the episode brought it.
    pub of_episode: bool,
    /// Whether a thief's rule moved it to Trash, read.
    pub is_hidden: bool,
}

impl Mail {
    fn new(at: DateTime<Utc>, bytes: Vec<u8>) -> Self {
        Self { at, bytes, is_bounce: false, of_episode: false, is_hidden: false }
    }
}
