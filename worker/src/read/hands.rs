//! Which message ended a process, and what becomes of it.
//!
//! Before messages are fetched it is written down which. A session that ends, however badly, puts them down again, so
//! what still lies there was in the hands of a process that died. From then on the messages in question are read one by
//! one, so that the next death has a single name; the third puts that message aside unread, and no other.

use daimon_domain::clock::Clock;
use daimon_domain::mailbox::Checkpoint;
use daimon_store::in_hand::{self, InHand};
use daimon_store::mailbox;

use super::job::{PollError, Reader};
use super::work::Work;
use crate::poll::{Ahead, Folder, Selected};

/// So many processes may die with a message in hand before it is put aside.
const MOST_DEATHS: usize = 3;

/// What dead processes left behind.
#[derive(Debug, Default)]
pub(super) struct Hands(pub(super) Vec<InHand>);

impl Hands {
    fn of<'a>(&'a self, folder: &'a str, selected: Selected) -> impl Iterator<Item = &'a InHand> {
        self.0.iter().filter(move |one| one.folder == folder && one.uid_validity == selected.uid_validity)
    }

    /// How many messages may be in hand at a time, from UID `first` on.
    pub(super) fn most(&self, folder: &str, selected: Selected, first: u32) -> usize {
        if self.of(folder, selected).any(|one| one.last_uid >= first) { 1 } else { usize::MAX }
    }

    /// The message that is not to be touched any more, if it is the one that comes next.
    pub(super) fn culprit(&self, folder: &str, selected: Selected, ahead: &Ahead) -> Option<u32> {
        let [uid] = ahead.uids[..] else { return None };
        let deaths = self.of(folder, selected).filter(|one| (one.first_uid..=one.last_uid).contains(&uid)).count();
        (deaths >= MOST_DEATHS).then_some(uid)
    }

    /// Reading has come that far and nobody has died.
    pub(super) fn passed(&mut self, folder: &str, checkpoint: Checkpoint) {
        self.0.retain(|one| {
            one.folder != folder || one.uid_validity == checkpoint.uid_validity && one.last_uid > checkpoint.last_uid
        });
    }
}

/// Writes down what is about to be read.
pub(super) async fn take(
    ctx: &Reader,
    work: &Work,
    folder: &Folder,
    selected: Selected,
    ahead: &Ahead,
) -> Result<(), PollError> {
    let (Some(first_uid), Some(last_uid)) = (ahead.uids.first().copied(), ahead.uids.last().copied()) else {
        return Ok(());
    };
    let now = ctx.time.now();
    let messages = InHand { folder: folder.name.clone(), uid_validity: selected.uid_validity, first_uid, last_uid };
    let mut tx = ctx.db.begin(&work.wall).await?;
    if !mailbox::renew(&mut tx, work.id(), &work.lease, now + ctx.lease).await? {
        return Err(PollError::FencedOff);
    }
    in_hand::take(&mut tx, work.tenant.id, work.id(), &work.lease, &messages, now).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SELECTED: Selected = Selected { uid_validity: 7, uid_next: 200, exists: 199 };

    fn hand(folder: &str, uid_validity: u32, first_uid: u32, last_uid: u32) -> InHand {
        InHand { folder: folder.to_owned(), uid_validity, first_uid, last_uid }
    }

    fn ahead(uid: u32) -> Ahead {
        Ahead { first_uid: uid, uids: vec![uid], through_uid: uid, next_uid: Some(uid + 1) }
    }

    #[test]
    fn what_a_dead_process_had_in_hand_is_read_one_by_one_and_nothing_else_is() {
        let hands = Hands(vec![hand("INBOX", 7, 11, 60)]);
        assert_eq!(hands.most("INBOX", SELECTED, 11), 1);
        assert_eq!(hands.most("INBOX", SELECTED, 60), 1);
        assert_eq!(hands.most("INBOX", SELECTED, 61), usize::MAX);
        assert_eq!(hands.most("Junk", SELECTED, 11), usize::MAX);
        assert_eq!(hands.most("INBOX", Selected { uid_validity: 8, ..SELECTED }, 11), usize::MAX);
    }

    #[test]
    fn three_deaths_are_laid_to_the_message_that_was_there_each_time() {
        let mut hands = Hands(vec![hand("INBOX", 7, 11, 60), hand("INBOX", 7, 11, 11)]);
        assert_eq!(hands.culprit("INBOX", SELECTED, &ahead(11)), None);
        hands.0.push(hand("INBOX", 7, 11, 11));
        assert_eq!(hands.culprit("INBOX", SELECTED, &ahead(11)), Some(11));
        assert_eq!(hands.culprit("INBOX", SELECTED, &ahead(12)), None, "it was there once");
        assert_eq!(hands.culprit("Junk", SELECTED, &ahead(11)), None, "another folder's message has this number too");
        assert_eq!(hands.culprit("INBOX", Selected { uid_validity: 8, ..SELECTED }, &ahead(11)), None);
        let many = Ahead { uids: vec![11, 12], ..ahead(11) };
        assert_eq!(hands.culprit("INBOX", SELECTED, &many), None);
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
