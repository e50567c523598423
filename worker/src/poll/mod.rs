//! Reading mailboxes over IMAP.

mod checkpoint;
mod error;
mod folders;
mod limits;
mod mail;
mod session;

pub use checkpoint::{Checkpoint, Selected};
pub use error::SessionError;
pub use folders::{Folder, Role};
pub use limits::Limits;
pub use mail::{Batch, Mail, PutAside, SentMail, Unreadable};
pub use session::{Credentials, Session, Stream};
