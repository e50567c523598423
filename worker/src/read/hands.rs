//! What ended a process, and what becomes of it.
//!
//! While a session lasts it is written down what it has in hand: the messages it fetches, or none. A session that ends,
//! however badly, puts that down again, so what still lies there was in the hands of a process that died. That says little:
//! all its sessions look alike. So what is suspected is read alone (`alone.rs`), a few messages at a time and then one by one,
//! and only a death in which nothing else was being read counts. The third puts that message aside unread and no other, or,
//! when no message was in hand, the mailbox.

use std::future::Future;

use daimon_domain::clock::Clock;
use daimon_domain::mailbox::{Checkpoint, Connection};
use daimon_store::in_hand::{self, InHand};
use daimon_store::mailbox;
use daimon_store::quarantine::{self, Quarantined};

use super::alone;
use super::job::{PollError, Reader};
use super::work::Work;
use crate::poll::{Ahead, Folder, Selected};

/// So many processes may die with nothing else in hand.
const MOST_DEATHS: usize = 3;
/// So many messages are read alone at a time: others are waiting.
const A_FEW: usize = 20;

/// What dead processes left behind.
#[derive(Debug, Default)]
pub(super) struct Hands(pub(super) Vec<InHand>);

impl Hands {
    /// Whether no process has died of the mailbox.
    pub(super) const fn are_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of<'a>(&'a self, folder: &'a str, selected: Selected) -> impl Iterator<Item = &'a InHand> {
        self.0
            .iter()
            .filter(move |one| !one.is_nothing() && one.folder == folder && one.uid_validity == selected.uid_validity)
    }

    /// How many messages may be in hand at a time, from UID `first` on.
    pub(super) fn most(&self, folder: &str, selected: Selected, first: u32, connection: &Connection) -> usize {
        let before = || self.of(folder, selected).filter(|one| one.last_uid >= first);
        let is_slow = matches!(connection, Connection::Unreachable { .. });
        if before().next().is_none() {
            usize::MAX
        } else if is_slow || before().any(|one| one.alone) {
            1
        } else {
            A_FEW
        }
    }

    /// Whether a process died with one of these in hand.
    fn are_suspect(&self, folder: &str, selected: Selected, ahead: &Ahead) -> bool {
        let mut uids = ahead.uids.iter();
        uids.any(|uid| self.of(folder, selected).any(|one| (one.first_uid..=one.last_uid).contains(uid)))
    }

    /// The message that is not to be touched any more, if it is the one that comes next.
    pub(super) fn culprit(&self, folder: &str, selected: Selected, ahead: &Ahead) -> Option<u32> {
        let [uid] = ahead.uids[..] else { return None };
        let alone = self.of(folder, selected).filter(|one| one.alone);
        let deaths = alone.filter(|one| (one.first_uid..=one.last_uid).contains(&uid)).count();
        (deaths >= MOST_DEATHS).then_some(uid)
    }

    /// Whether a process died that had no message of this mailbox in hand, but a session.
    fn is_mailbox_suspect(&self) -> bool {
        self.0.iter().any(InHand::is_nothing)
    }

    /// Whether the mailbox is not to be touched any more.
    pub(super) fn is_mailbox_culprit(&self) -> bool {
        self.0.iter().filter(|one| one.alone && one.is_nothing()).count() >= MOST_DEATHS
    }

    /// Reading has come that far and nobody has died.
    pub(super) fn passed(&mut self, folder: &str, checkpoint: Checkpoint) {
        self.0.retain(|one| {
            one.is_nothing()
                || one.folder != folder
                || one.uid_validity == checkpoint.uid_validity && one.last_uid > checkpoint.last_uid
        });
    }
}

/// What is in hand while these are fetched and read; `None`: nothing.
pub(super) fn of(folder: &Folder, selected: Selected, ahead: &Ahead) -> Option<InHand> {
    let (first_uid, last_uid) = (*ahead.uids.first()?, *ahead.uids.last()?);
    let (folder, uid_validity) = (folder.name.clone(), selected.uid_validity);
    Some(InHand { folder, uid_validity, first_uid, last_uid, alone: false })
}

/// Writes down what is about to be read, and sees to it that nothing else is if a process has died of it.
pub(super) async fn take(
    ctx: &Reader,
    work: &mut Work,
    folder: &Folder,
    selected: Selected,
    ahead: &Ahead,
) -> Result<(), PollError> {
    let Some(in_hand) = of(folder, selected, ahead) else { return among_others(ctx, work).await };
    let alone = work.hands.are_suspect(&folder.name, selected, ahead);
    if alone {
        work.seat.alone(&ctx.room).await;
    }
    write(ctx, work, &InHand { alone, ..in_hand }, None).await?;
    if !alone {
        work.seat.among_others();
    }
    Ok(())
}

/// The same for a message that was put aside and that somebody asks for: its one chance is used up with this.
pub(super) async fn take_again(ctx: &Reader, work: &mut Work, message: &Quarantined) -> Result<(), PollError> {
    work.seat.alone(&ctx.room).await;
    let (folder, uid) = (message.folder.clone(), message.uid);
    let in_hand = InHand { folder, uid_validity: message.uid_validity, first_uid: uid, last_uid: uid, alone: true };
    write(ctx, work, &in_hand, Some(message)).await
}

/// What comes next is done without a message in hand. If a process has died so, nothing else is done meanwhile.
pub(super) async fn apart(ctx: &Reader, work: &mut Work, folder: &str) -> Result<(), PollError> {
    if !work.hands.is_mailbox_suspect() {
        return Ok(());
    }
    work.seat.alone(&ctx.room).await;
    write(ctx, work, &InHand::nothing_of(folder, true), None).await
}

/// Ends [`apart`].
pub(super) async fn among_others(ctx: &Reader, work: &mut Work) -> Result<(), PollError> {
    if work.seat.is_alone() {
        // First, or a death of somebody else would be laid to us.
        write(ctx, work, &InHand::nothing_of("", false), None).await?;
        work.seat.among_others();
    }
    Ok(())
}

/// A step that keeps the others waiting while it is taken alone.
pub(super) async fn within<T, E>(work: &Work, step: impl Future<Output = Result<T, E>>) -> Result<T, PollError>
where
    PollError: From<E>,
{
    alone::within(work.seat.longest(), step).await
}

async fn write(ctx: &Reader, work: &Work, in_hand: &InHand, again: Option<&Quarantined>) -> Result<(), PollError> {
    let now = ctx.time.now();
    let mut tx = ctx.db.begin(&work.wall).await?;
    if !mailbox::renew(&mut tx, work.id(), &work.lease, now + ctx.lease).await? {
        return Err(PollError::FencedOff);
    }
    in_hand::take(&mut tx, work.tenant.id, work.id(), &work.lease, in_hand, now).await?;
    if let Some(message) = again {
        quarantine::try_again(&mut tx, work.id(), message, now).await?;
    }
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SELECTED: Selected = Selected { uid_validity: 7, uid_next: 200, tells_uid_next: true, exists: 199 };
    const OTHER: Selected = Selected { uid_validity: 8, ..SELECTED };

    fn hand(folder: &str, uid_validity: u32, first_uid: u32, last_uid: u32) -> InHand {
        InHand { folder: folder.to_owned(), uid_validity, first_uid, last_uid, alone: false }
    }

    fn alone(first_uid: u32, last_uid: u32) -> InHand {
        InHand { alone: true, ..hand("INBOX", 7, first_uid, last_uid) }
    }

    fn ahead(uid: u32) -> Ahead {
        Ahead { first_uid: uid, uids: vec![uid], through_uid: uid, next_uid: Some(uid + 1) }
    }

    #[test]
    fn what_a_dead_process_had_in_hand_is_read_in_small_parts_and_after_a_death_alone_one_by_one() {
        let most = |hands: &Hands, folder, selected, first| hands.most(folder, selected, first, &Connection::New);
        let mut hands = Hands(vec![hand("INBOX", 7, 11, 60), InHand::nothing_of("INBOX", true)]);
        assert_eq!(most(&hands, "INBOX", SELECTED, 11), A_FEW);
        assert_eq!(most(&hands, "INBOX", SELECTED, 61), usize::MAX);
        assert_eq!(most(&hands, "Junk", SELECTED, 11), usize::MAX);
        assert_eq!(most(&hands, "INBOX", OTHER, 11), usize::MAX);
        let slow =
            Connection::New.failed(daimon_domain::mailbox::ConnectionFault::Unreachable, chrono::DateTime::UNIX_EPOCH);
        assert_eq!(hands.most("INBOX", SELECTED, 11, &slow), 1, "so that each comes to its end");
        hands.0.push(alone(11, 30));
        assert_eq!(most(&hands, "INBOX", SELECTED, 11), 1);
        assert_eq!(most(&hands, "INBOX", SELECTED, 31), A_FEW);
    }

    #[test]
    fn what_was_in_hand_is_read_alone_and_nothing_else_is() {
        let hands = Hands(vec![hand("INBOX", 7, 11, 60)]);
        assert!(hands.are_suspect("INBOX", SELECTED, &Ahead { uids: vec![9, 11], ..ahead(9) }));
        assert!(!hands.are_suspect("INBOX", SELECTED, &ahead(61)));
        assert!(!hands.are_suspect("Junk", SELECTED, &ahead(11)));
        assert!(!hands.are_suspect("INBOX", OTHER, &ahead(11)));
    }

    #[test]
    fn three_deaths_alone_are_laid_to_the_message_and_deaths_among_others_to_none() {
        let mut hands = Hands(vec![hand("INBOX", 7, 11, 60), hand("INBOX", 7, 11, 11), hand("INBOX", 7, 11, 11)]);
        assert_eq!(hands.culprit("INBOX", SELECTED, &ahead(11)), None);
        hands.0.extend([alone(11, 30), alone(11, 11)]);
        assert_eq!(hands.culprit("INBOX", SELECTED, &ahead(11)), None);
        hands.0.push(alone(11, 11));
        assert_eq!(hands.culprit("INBOX", SELECTED, &ahead(11)), Some(11));
        assert_eq!(hands.culprit("INBOX", SELECTED, &ahead(12)), None, "it was there once");
        assert_eq!(hands.culprit("Junk", SELECTED, &ahead(11)), None, "another folder's message has this number too");
        assert_eq!(hands.culprit("INBOX", OTHER, &ahead(11)), None);
        let many = Ahead { uids: vec![11, 12], ..ahead(11) };
        assert_eq!(hands.culprit("INBOX", SELECTED, &many), None);
        assert!(!hands.is_mailbox_suspect() && !hands.is_mailbox_culprit());
    }

    #[test]
    fn three_deaths_alone_without_a_message_are_laid_to_the_mailbox() {
        let mut hands = Hands(vec![InHand::nothing_of("", false); 9]);
        assert!(hands.is_mailbox_suspect() && !hands.is_mailbox_culprit());
        hands.0.extend([InHand::nothing_of("", true), InHand::nothing_of("INBOX", true)]);
        assert!(!hands.is_mailbox_culprit());
        hands.0.push(InHand::nothing_of("", true));
        assert!(hands.is_mailbox_culprit());
    }

    #[test]
    fn what_was_read_speaks_against_nobody() {
        let mut hands = Hands(vec![hand("INBOX", 7, 11, 60), hand("INBOX", 7, 12, 12), hand("Junk", 3, 1, 5)]);
        hands.passed("INBOX", Checkpoint { uid_validity: 7, last_uid: 12 });
        assert_eq!(hands.0, [hand("INBOX", 7, 11, 60), hand("Junk", 3, 1, 5)]);
        hands.passed("INBOX", Checkpoint { uid_validity: 8, last_uid: 0 });
        assert_eq!(hands.0, [hand("Junk", 3, 1, 5)]);
    }
}
