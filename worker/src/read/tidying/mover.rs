//! Mails from folder to folder, so that a process may die at any moment and nothing is lost or doubled.
//!
//! Before mails are moved their rows say where to, and which UID they can't fall short of there. After it the rows say where they
//! lie. What a process that died leaves is looked for at both ends: what has arrived has arrived, and if it still lies where it was,
//! copied and not yet removed, it is removed there; what has not arrived stays.

use std::collections::{BTreeSet, HashMap, HashSet};

use daimon_domain::clock::Clock;
use daimon_domain::tidying::Left;
use daimon_store::tidied::{self, Spot, TidiedMail, TidyState, Way};
use daimon_store::{MspTx, job};

use super::walk::of_one_place;
use crate::poll::{Moves, Selected, Session, SessionError};
use crate::read::again::{Search, Tells, look_into, mark, read};
use crate::read::asked::Held;
use crate::read::errand::NotDone;
use crate::read::job::{PollError, Reader};
use crate::read::session::may_go_on;
use crate::read::work::Work;

/// Where numbers may have moved, a mail is looked for from so many before.
const AGAIN: u32 = 50;

/// A session that moves mails.
pub(super) struct Mover<'a> {
    pub(super) ctx: &'a Reader,
    pub(super) work: &'a Work,
    pub(super) held: &'a Held,
    pub(super) session: Session,
}

/// What became of mails since they were judged.
#[derive(Default)]
pub(super) struct Checked {
    /// They lie where they lay and say what they said.
    pub(super) good: Vec<TidiedMail>,
    /// The same under another number.
    pub(super) moved: Vec<(TidiedMail, Spot)>,
    /// They are not there.
    pub(super) gone: Vec<TidiedMail>,
    /// Something else is there.
    pub(super) another: Vec<TidiedMail>,
}

fn uids(mails: &[TidiedMail]) -> Vec<u32> {
    mails.iter().map(|mail| mail.at.uid).collect()
}

impl Mover<'_> {
    /// A transaction in which mailbox and job are ours until it ends.
    pub(super) async fn begin(&self) -> Result<MspTx, PollError> {
        self.held.begin(self.ctx, self.work).await
    }

    /// Opens a folder for reading only.
    pub(super) async fn look_into(&mut self, name: &str) -> Result<Selected, SessionError> {
        look_into(&mut self.session, name).await
    }

    /// Clears up behind a process that died.
    pub(super) async fn settle(&mut self) -> Result<(), NotDone> {
        loop {
            may_go_on(self.ctx.stop.is_cancelled(), self.session.ends())?;
            let mut tx = self.begin().await?;
            let mails = tidied::on_their_way(&mut tx, self.work.id(), self.session.batch()).await?;
            tx.commit().await.map_err(PollError::from)?;
            let mails = of_one_place(mails);
            let Some((first, Way(to))) = mails.first().and_then(|mail| Some((mail.clone(), mail.way.clone()?))) else {
                return Ok(());
            };
            let arrived = match self.look_into(&to.folder).await {
                Ok(selected) => {
                    let from = if selected.uid_validity == to.uid_validity { to.uid } else { 1 };
                    self.find(selected, from, &to.folder, &mails).await?
                }
                Err(SessionError::NoFolder) => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            let source = match self.session.open_to_write(&first.at.folder).await {
                Ok(selected) => Some(selected),
                // With all that was in it.
                Err(SessionError::NoFolder) => None,
                Err(error) => return Err(error.into()),
            };
            let is_same = source.is_none_or(|selected| selected.uid_validity == first.at.uid_validity);
            let present = match source {
                Some(_) if is_same => self.session.present(&uids(&mails)).await?,
                _ => Vec::new(),
            };
            self.session.remove(&those_at(&arrived, &present)).await?;
            let has_arrived: HashSet<_> = arrived.iter().map(|(mail, _)| mail.from.clone()).collect();
            let rest: Vec<_> = mails.into_iter().filter(|mail| !has_arrived.contains(&mail.from)).collect();
            let is_known = |mail: &TidiedMail| present.contains(&mail.at.uid) || !is_same;
            let (stay, gone): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_known);
            self.record(arrived, &stay, &gone).await?;
        }
    }

    /// Moves mails that lie in one place to a folder.
    pub(super) async fn carry(&mut self, mails: Vec<TidiedMail>, to: &str) -> Result<(), NotDone> {
        let Some(first) = mails.first().cloned() else { return Ok(()) };
        let from = first.at.folder.as_str();
        let selected = match self.session.open_to_write(from).await {
            // The owner has deleted the folder that we made.
            Err(SessionError::NoFolder) if first.state == TidyState::Away => {
                return self.leave(&mails, Left::Gone).await;
            }
            opened => opened?,
        };
        if selected.uid_validity != first.at.uid_validity {
            return self.renumbered(selected, mails).await;
        }
        let Checked { good, moved, gone, another } = self.check(selected, mails).await?;
        self.leave(&gone, Left::Gone).await?;
        self.leave(&another, Left::Another).await?;
        self.lie_at(&moved).await?;
        if good.is_empty() {
            return Ok(());
        }

        let (uid_validity, uid) = self.session.next_in(to).await?;
        let destination = Spot { folder: to.to_owned(), uid_validity, uid };
        let mut tx = self.begin().await?;
        tidied::set_out(&mut tx, self.work.id(), &good, &destination, self.ctx.time.now()).await?;
        tx.commit().await.map_err(PollError::from)?;
        let went = self.session.take_to(&uids(&good), to).await?;

        let place = |uid: u32| Spot { folder: to.to_owned(), uid_validity: went.uid_validity, uid };
        let (mut arrived, mut untold) = (Vec::new(), Vec::new());
        for mail in good {
            match went.uids.get(&mail.at.uid) {
                Some(uid) => arrived.push((mail, place(*uid))),
                None => untold.push(mail),
            }
        }
        if !untold.is_empty() {
            let there = self.look_into(to).await?;
            arrived.extend(self.find(there, uid, to, &untold).await?);
            self.session.open_to_write(from).await?;
        }
        if self.session.moves() == Some(Moves::ByCopy) {
            let all: Vec<_> = arrived.iter().map(|(mail, _)| mail.at.uid).collect();
            self.session.remove(&those_at(&arrived, &all)).await?;
        }
        let has_arrived: HashSet<_> = arrived.iter().map(|(mail, _)| mail.from.clone()).collect();
        untold.retain(|mail| !has_arrived.contains(&mail.from));
        let present = self.session.present(&uids(&untold)).await?;
        let (stay, gone): (Vec<_>, Vec<_>) = untold.into_iter().partition(|mail| present.contains(&mail.at.uid));
        let has_moved = !arrived.is_empty() || stay.is_empty();
        self.record(arrived, &stay, &gone).await?;
        if has_moved { Ok(()) } else { Err(SessionError::Busy("it moves nothing").into()) }
    }

    /// Looks whether mails of the open folder still say what they said.
    pub(super) async fn check(&mut self, selected: Selected, mails: Vec<TidiedMail>) -> Result<Checked, NotDone> {
        let present = self.session.present(&uids(&mails)).await?;
        let told = read(self.ctx, self.work, &mut self.session, &present).await?;
        let mut checked = Checked::default();
        for mail in mails {
            let says = |told: &Tells| mail.bounces.iter().any(|id| told.contains_key(&mark(*id)));
            if told.get(&mail.at.uid).is_some_and(says) {
                checked.good.push(mail);
            } else if present.contains(&mail.at.uid) {
                checked.another.push(mail);
            } else {
                checked.gone.push(mail);
            }
        }
        // Servers that number new mail anew each time it is only looked at.
        if !selected.tells_uid_next {
            let mut missed = std::mem::take(&mut checked.gone);
            missed.append(&mut checked.another);
            if let Some(first) = missed.iter().map(|mail| mail.at.uid).min() {
                let from = first.saturating_sub(AGAIN).max(1);
                let folder = missed.first().map(|mail| mail.at.folder.clone()).unwrap_or_default();
                checked.moved = self.find(selected, from, &folder, &missed).await?;
                let found: HashSet<_> = checked.moved.iter().map(|(mail, _)| mail.from.clone()).collect();
                checked.gone = missed.into_iter().filter(|mail| !found.contains(&mail.from)).collect();
            }
        }
        Ok(checked)
    }

    /// The folder has other numbers than it had. In one that is the owner's nothing is touched then; in ours the mails are looked
    /// for.
    async fn renumbered(&mut self, selected: Selected, mails: Vec<TidiedMail>) -> Result<(), NotDone> {
        let Some(first) = mails.first().filter(|mail| mail.state == TidyState::Away).cloned() else {
            return self.leave(&mails, Left::Renumbered).await;
        };
        let found = self.find(selected, 1, &first.at.folder, &mails).await?;
        let has_been_found: HashSet<_> = found.iter().map(|(mail, _)| mail.from.clone()).collect();
        let gone: Vec<_> = mails.into_iter().filter(|mail| !has_been_found.contains(&mail.from)).collect();
        self.lie_at(&found).await?;
        self.leave(&gone, Left::Gone).await
    }

    /// Finds mails in the open folder, from a UID on, by what was judged of them.
    async fn find(
        &mut self,
        selected: Selected,
        from: u32,
        folder: &str,
        mails: &[TidiedMail],
    ) -> Result<Vec<(TidiedMail, Spot)>, NotDone> {
        let mut wanted: HashMap<u64, &TidiedMail> = HashMap::new();
        for mail in mails {
            wanted.extend(mail.bounces.iter().map(|id| (mark(*id), mail)));
        }
        let mut found = Vec::new();
        let mut search = Search::begin(self.ctx, self.work, &mut self.session, (folder, selected), from).await?;
        while !wanted.is_empty()
            && let Some(told) = search.step(self.ctx, self.work, &mut self.session).await?
        {
            for (uid, told) in told {
                let Some(mail) = told.keys().find_map(|mark| wanted.get(mark).copied()) else { continue };
                for id in &mail.bounces {
                    wanted.remove(&mark(*id));
                }
                let (folder, uid_validity) = (folder.to_owned(), selected.uid_validity);
                found.push((mail.clone(), Spot { folder, uid_validity, uid }));
            }
        }
        Ok(found)
    }

    /// Writes down what became of mails that were on their way.
    async fn record(
        &self,
        arrived: Vec<(TidiedMail, Spot)>,
        stay: &[TidiedMail],
        gone: &[TidiedMail],
    ) -> Result<(), NotDone> {
        let (now, id) = (self.ctx.time.now(), self.work.id());
        let mut tx = self.begin().await?;
        let (planned, away): (Vec<_>, Vec<_>) =
            arrived.into_iter().partition(|(mail, _)| mail.state == TidyState::Planned);
        tidied::lie_at(&mut tx, id, &planned, Some(TidyState::Away), now).await?;
        tidied::lie_at(&mut tx, id, &away, Some(TidyState::Back), now).await?;
        tidied::stay(&mut tx, id, stay, now).await?;
        tidied::leave(&mut tx, id, gone, Left::Gone, now).await?;
        job::go_on(&mut tx, self.held.job.id, None, now).await?;
        tx.commit().await.map_err(PollError::from)?;
        Ok(())
    }

    async fn lie_at(&self, found: &[(TidiedMail, Spot)]) -> Result<(), NotDone> {
        if !found.is_empty() {
            let mut tx = self.begin().await?;
            tidied::lie_at(&mut tx, self.work.id(), found, None, self.ctx.time.now()).await?;
            tx.commit().await.map_err(PollError::from)?;
        }
        Ok(())
    }

    async fn leave(&self, mails: &[TidiedMail], because: Left) -> Result<(), NotDone> {
        if !mails.is_empty() {
            let mut tx = self.begin().await?;
            tidied::leave(&mut tx, self.work.id(), mails, because, self.ctx.time.now()).await?;
            tx.commit().await.map_err(PollError::from)?;
        }
        Ok(())
    }
}

/// The UIDs under which mails that have arrived still lie where they were, in order.
fn those_at(arrived: &[(TidiedMail, Spot)], present: &[u32]) -> Vec<u32> {
    let uids: BTreeSet<_> = arrived.iter().map(|(mail, _)| mail.at.uid).collect();
    uids.into_iter().filter(|uid| present.contains(uid)).collect()
}
