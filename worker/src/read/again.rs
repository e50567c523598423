//! Mails that were judged before, looked at once more.
//!
//! A mail is known again by what was judged of it: the ids of its bounces are made of its header and its recipients.

use std::collections::{BTreeMap, HashMap};

use daimon_domain::bounce::Recipient;
use daimon_domain::id::BounceId;
use daimon_store::quarantine;

use super::job::{PollError, Reader};
use super::mail::read_part;
use super::session::may_go_on;
use super::work::Work;
use crate::judge::written_to;
use crate::poll::{Ahead, Folder, Role, Selected, Session, SessionError};

/// What makes a bounce's id but its time, which a server that copies a mail may lose.
pub(super) fn mark(id: BounceId) -> u64 {
    id.as_uuid().as_u64_pair().1
}

/// The bounces that a mail tells of, by their marks, each with the address that was written to.
pub(super) type Tells = HashMap<u64, String>;

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
) -> Result<BTreeMap<u32, Tells>, PollError> {
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
            let mut read: Vec<(u32, Tells)> = Vec::new();
            while unread.len() > 0 {
                for mail in read_part(&mut unread, &hash).mails {
                    let marked =
                        |to: &Recipient| (mark(mail.bounce_id(&hash, id, &to.address)), written_to(to).to_owned());
                    read.push((mail.uid, mail.bounced().iter().map(marked).collect()));
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
    /// Begins at a UID of the folder that is open. It passes over what processes died of.
    pub(super) async fn begin(
        ctx: &Reader,
        work: &Work,
        session: &mut Session,
        (folder, selected): (&str, Selected),
        uid: u32,
    ) -> Result<Self, PollError> {
        let mut tx = ctx.db.begin(&work.wall).await?;
        let deadly = quarantine::died_of(&mut tx, work.id(), folder, selected.uid_validity, uid).await?;
        tx.commit().await?;
        session.pass_over(deadly);
        Ok(Self { selected, next: (uid < selected.uid_next).then_some(uid) })
    }

    /// The UID that it goes on with; `None`: it has come to the end.
    pub(super) const fn next(&self) -> Option<u32> {
        self.next
    }

    /// What the next messages tell of; `None`: there are no more.
    pub(super) async fn step(
        &mut self,
        ctx: &Reader,
        work: &Work,
        session: &mut Session,
    ) -> Result<Option<BTreeMap<u32, Tells>>, PollError> {
        let Some(first) = self.next else { return Ok(None) };
        may_go_on(ctx.stop.is_cancelled(), session.ends())?;
        let ahead = session.ahead(self.selected, first, session.batch()).await?;
        let told = read(ctx, work, session, &ahead.uids).await?;
        self.next = ahead.next_uid;
        Ok(Some(told))
    }
}
