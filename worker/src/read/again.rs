//! Mails that were judged before, looked at once more.
//!
//! A mail is known again by what was judged of it: the ids of its bounces are made of its header and its recipients.

use std::collections::{BTreeMap, HashMap};

use daimon_domain::id::BounceId;

use super::job::{PollError, Reader};
use super::mail::read_part;
use super::session::may_go_on;
use super::work::Work;
use crate::poll::{Ahead, Folder, Role, Selected, Session, SessionError};

/// What makes a bounce's id but its time, which a server that copies a mail may lose.
pub(super) fn mark(id: BounceId) -> u64 {
    id.as_uuid().as_u64_pair().1
}

/// The bounces that a mail tells of, by their marks, each with the address that bounced.
pub(super) type Told = HashMap<u64, String>;

/// Opens a folder for reading only.
pub(super) async fn look_into(session: &mut Session, name: &str) -> Result<Selected, SessionError> {
    let folder = Folder { name: name.to_owned(), role: Role::Other };
    session.examine(&folder, None).await
}

/// Reads messages of the open folder; what each tells of.
pub(super) async fn read(
    ctx: &Reader,
    work: &Work,
    session: &mut Session,
    uids: &[u32],
) -> Result<BTreeMap<u32, Told>, PollError> {
    let mut told = BTreeMap::new();
    let mut rest = uids.to_vec();
    while let (Some(first), Some(last)) = (rest.first().copied(), rest.last().copied()) {
        let ahead = Ahead { first_uid: first, uids: rest.clone(), through_uid: last, next_uid: None };
        let batch = session.reports(&ahead, None).await?;
        if let Some(fault) = batch.fault {
            return Err(fault.into());
        }
        let (hash, id) = (work.hash.clone(), work.id());
        let mut unread = batch.items.into_iter();
        let reading = move || {
            let mut read: Vec<(u32, Told)> = Vec::new();
            while unread.len() > 0 {
                for mail in read_part(&mut unread, &hash).mails {
                    let marked = |address: &String| (mark(mail.bounce_id(&hash, id, address)), address.clone());
                    read.push((mail.uid, mail.bounced().iter().map(|to| marked(&to.address)).collect()));
                }
            }
            read
        };
        told.extend(ctx.room.blocking(work.seat.is_alone(), reading).await?);
        let next = batch.next_uid.unwrap_or(u32::MAX);
        rest.retain(|uid| *uid >= next && *uid > first);
    }
    Ok(told)
}

/// A walk through the open folder, for mails that may lie under other numbers.
pub(super) struct Search {
    selected: Selected,
    next: Option<u32>,
}

impl Search {
    /// Begins at a UID.
    pub(super) fn from(selected: Selected, uid: u32) -> Self {
        Self { selected, next: (uid < selected.uid_next).then_some(uid) }
    }

    /// What the next messages tell of; `None`: there are no more.
    pub(super) async fn step(
        &mut self,
        ctx: &Reader,
        work: &Work,
        session: &mut Session,
    ) -> Result<Option<BTreeMap<u32, Told>>, PollError> {
        let Some(first) = self.next else { return Ok(None) };
        may_go_on(ctx.stop.is_cancelled(), session.ends())?;
        let ahead = session.ahead(self.selected, first, session.batch()).await?;
        let told = read(ctx, work, session, &ahead.uids).await?;
        self.next = ahead.next_uid;
        Ok(Some(told))
    }
}
