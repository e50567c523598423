//! Moving messages to another folder: the only thing here that writes.
//!
//! MOVE (RFC 6851) where it is offered. Otherwise the messages are copied, and what is known to have arrived is marked as deleted and
//! expunged by UID (UIDPLUS, RFC 4315). A plain EXPUNGE would remove what the owner has marked too, so without either nothing is
//! moved. Only UIDs that the caller names are touched, and no flag but `\Deleted`.

use std::collections::BTreeMap;

use async_imap::imap_proto::{MailboxDatum, Response, StatusAttribute};
use daimon_domain::mutf7;

use super::checked::{Copied, Outcome};
use super::fetch::{search, set};
use super::folders::{self, Folder, Role};
use super::sign_in::quoted;
use super::{Selected, Session, SessionError};

/// How a server moves messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// In one step.
    AtOnce,
    /// It copies them, and then they are removed.
    ByCopy,
}

/// What a folder of that title is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    /// It is there, under that name, and of nobody.
    There(String),
    /// It is there and for something else.
    InUse,
    /// It is not there. These are the names to try.
    Nowhere(Vec<String>),
}

/// Where messages went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Went {
    /// UIDVALIDITY of the folder that they went to; 0 when the server does not say.
    pub uid_validity: u32,
    /// The new UID of each, as far as the server says.
    pub uids: BTreeMap<u32, u32>,
}

impl Went {
    /// What the server says of the messages that were asked for. What does not fit together is not believed.
    fn of(copied: Option<&Copied>, asked: &[u32]) -> Self {
        let Some(copied) = copied else { return Self::default() };
        let most = asked.len() + 1;
        let from: Vec<u32> = copied.from.iter().cloned().flatten().take(most).collect();
        let to: Vec<u32> = copied.to.iter().cloned().flatten().take(most).collect();
        let uids: BTreeMap<u32, u32> = from.iter().copied().zip(to.iter().copied()).collect();
        let is_sound = from.len() == to.len()
            && uids.len() == from.len()
            && copied.uid_validity > 0
            && from.iter().all(|uid| asked.contains(uid));
        if is_sound { Self { uid_validity: copied.uid_validity, uids } } else { Self::default() }
    }
}

impl Session {
    /// How messages can be moved; `None`: not without removing others.
    pub fn moves(&self) -> Option<Moves> {
        if self.capabilities.has("MOVE") { Some(Moves::AtOnce) } else { self.removes().then_some(Moves::ByCopy) }
    }

    /// Whether messages can be removed by UID.
    pub fn removes(&self) -> bool {
        self.capabilities.has("UIDPLUS")
    }

    /// Opens a folder to change what lies in it.
    pub async fn open_to_write(&mut self, name: &str) -> Result<Selected, SessionError> {
        let (selected, is_read_only) = self.open_folder("SELECT", name, None).await?;
        if is_read_only { Err(SessionError::NoFolder) } else { Ok(selected) }
    }

    /// Whether there is a folder that people read as `title`, in the place where this server has its folders.
    pub async fn called(&mut self, title: &str) -> Result<Called, SessionError> {
        let mut listed: Vec<(Folder, Option<String>)> = Vec::new();
        let answer = self.wire.command(r#"LIST "" "*""#, |response| {
            if let Response::MailboxData(MailboxDatum::List(data)) = response
                && let Some((folder, _)) = folders::listed(data)
            {
                listed.push((folder, data.delimiter.as_deref().map(str::to_owned)));
            }
        });
        answer.await?.ok()?;
        let wanted = daimon_domain::folder::plain(title);
        let is_it = |(folder, delimiter): &&(Folder, Option<String>)| {
            folders::bare(&folder.name, delimiter.as_deref()) == wanted
        };
        if let Some((folder, _)) = listed.iter().find(is_it) {
            return Ok(if folder.role == Role::Other { Called::There(folder.name.clone()) } else { Called::InUse });
        }
        let name = mutf7::encode(title).ok_or(SessionError::Unsendable)?;
        let Some(delimiter) = listed.iter().find_map(|(_, delimiter)| delimiter.as_ref()) else {
            return Ok(Called::Nowhere(vec![name]));
        };
        // Some servers have all folders below INBOX, and some call them so beside.
        let below = format!("INBOX{delimiter}");
        let mut others = listed.iter().filter(|(folder, _)| folder.role != Role::Inbox).peekable();
        let is_below = others.peek().is_some() && others.all(|(folder, _)| folder.name.starts_with(&below));
        let names = [name.clone(), format!("{below}{name}")];
        Ok(Called::Nowhere(if is_below { names.into_iter().rev().collect() } else { names.into() }))
    }

    /// Makes a folder under the first of these names that the server takes, and lets the owner's programs show it.
    pub async fn make_folder(&mut self, names: &[String]) -> Result<String, SessionError> {
        for name in names {
            let answer = self.wire.command(&format!("CREATE {}", *quoted(name)), |_| {}).await?;
            if answer.is_busy() {
                answer.ok()?;
            }
            if answer.outcome == Outcome::Ok || answer.code == "ALREADYEXISTS" {
                // Whether that is remembered does not matter.
                self.wire.command(&format!("SUBSCRIBE {}", *quoted(name)), |_| {}).await?;
                return Ok(name.clone());
            }
        }
        Err(SessionError::NoFolder)
    }

    /// UIDVALIDITY of a folder that is not open, and a UID that what comes next does not fall short of.
    pub async fn next_in(&mut self, name: &str) -> Result<(u32, u32), SessionError> {
        let (mut uid_validity, mut uid_next) = (0, 1);
        let command = format!("STATUS {} (UIDVALIDITY UIDNEXT)", *quoted(name));
        let answer = self.wire.command(&command, |response| {
            if let Response::MailboxData(MailboxDatum::Status { status, .. }) = response {
                for told in status {
                    match told {
                        StatusAttribute::UidValidity(value) => uid_validity = *value,
                        StatusAttribute::UidNext(value) => uid_next = (*value).max(1),
                        _ => {}
                    }
                }
            }
        });
        let answer = answer.await?;
        if answer.outcome == Outcome::No && !answer.is_busy() {
            return Err(SessionError::NoFolder);
        }
        answer.ok()?;
        Ok((uid_validity, uid_next))
    }

    /// Which of these are in the open folder.
    pub async fn present(&mut self, uids: &[u32]) -> Result<Vec<u32>, SessionError> {
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = search(&mut self.wire, &format!("UID {}", set(uids))).await?;
        found.retain(|uid| uids.contains(uid));
        Ok(found)
    }

    /// Moves messages of the open folder, or copies them where the server can't move: then [`Session::remove`] what has arrived.
    /// `uids` are in order.
    pub async fn take_to(&mut self, uids: &[u32], name: &str) -> Result<Went, SessionError> {
        let verb = match self.moves().ok_or(SessionError::NoFolder)? {
            Moves::AtOnce => "MOVE",
            Moves::ByCopy => "COPY",
        };
        let command = format!("UID {verb} {} {}", set(uids), *quoted(name));
        let mut untagged = None;
        let answer = self.wire.command(&command, |response| {
            // MOVE tells it before the messages vanish (RFC 6851, 4.3).
            if let Response::Data { outcome, .. } = response {
                untagged = outcome.code.as_ref().and_then(Copied::told).or_else(|| untagged.take());
            }
        });
        let answer = answer.await?;
        answer.ok()?;
        Ok(Went::of(answer.copied.as_ref().or(untagged.as_ref()), uids))
    }

    /// Removes messages of the open folder for good, and no others. `uids` are in order.
    pub async fn remove(&mut self, uids: &[u32]) -> Result<(), SessionError> {
        if uids.is_empty() || !self.removes() {
            return Ok(());
        }
        let which = set(uids);
        let marked = self.wire.command(&format!(r"UID STORE {which} +FLAGS.SILENT (\Deleted)"), |_| {}).await?;
        marked.ok()?;
        self.wire.command(&format!("UID EXPUNGE {which}"), |_| {}).await?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(from: &[(u32, u32)], to: &[(u32, u32)]) -> Copied {
        let ranges = |set: &[(u32, u32)]| set.iter().map(|(first, last)| *first..=*last).collect();
        Copied { uid_validity: 9, from: ranges(from), to: ranges(to) }
    }

    #[test]
    fn where_messages_went_is_believed_only_as_far_as_it_fits() {
        let went = |copied: Copied| Went::of(Some(&copied), &[4, 5, 9]).uids.into_iter().collect::<Vec<_>>();
        assert_eq!(went(copied(&[(4, 5), (9, 9)], &[(1, 3)])), [(4, 1), (5, 2), (9, 3)]);
        assert_eq!(went(copied(&[(9, 9)], &[(7, 7)])), [(9, 7)], "the others had vanished");
        assert_eq!(went(copied(&[(4, 5)], &[(1, 3)])), [], "another number of copies");
        assert_eq!(went(copied(&[(4, 6)], &[(1, 3)])), [], "of what nobody asked for");
        assert_eq!(went(copied(&[(4, 4), (4, 4)], &[(1, 2)])), [], "one twice");
        assert_eq!(went(copied(&[(1, u32::MAX)], &[(1, u32::MAX)])), [], "more than there is");
        assert_eq!(Went::of(None, &[4]), Went::default());
    }
}
