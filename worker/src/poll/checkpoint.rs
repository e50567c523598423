//! Where reading a folder resumes.
//!
//! IMAP UIDs only grow while UIDVALIDITY stays the same (RFC 9051, 2.3.1.1). When it changes, every UID we remember
//! means some other message, so the folder is read again from the start. That is safe because a bounce is stored once
//! however often it is read.

pub use daimon_domain::mailbox::Checkpoint;

/// What the server answered when the folder was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Never 0: a server without UIDVALIDITY is an error, because nothing could be remembered about it.
    pub uid_validity: u32,
    /// Above every UID in the folder. Found by a search where the server doesn't say.
    pub uid_next: u32,
    /// Whether the server said so. Those that don't (Courier) number new mail anew each time, until somebody opens the folder
    /// to write.
    pub tells_uid_next: bool,
    /// How many messages there are.
    pub exists: u32,
}

/// Where numbers may have moved, so many messages are looked at again: more than come between two looks in one second, whose
/// order is not that of their coming.
const AGAIN: u32 = 50;

impl Selected {
    /// The first UID to read, or `None` when nothing is new.
    ///
    /// Fetching `last_uid + 1:*` without asking would return the newest message on every poll: `*` stands for the
    /// largest UID there is, and IMAP accepts ranges that run backwards.
    pub fn first_new_uid(self, checkpoint: Option<Checkpoint>) -> Option<u32> {
        let first = match checkpoint {
            Some(known) if known.uid_validity == self.uid_validity => known.last_uid.saturating_add(1),
            Some(_) | None => 1,
        };
        (first < self.uid_next).then_some(first)
    }

    /// Where to begin reading, which is further back where numbers may have moved. What is read again is stored once.
    pub fn first_to_read(self, checkpoint: Option<Checkpoint>) -> Option<u32> {
        match checkpoint {
            Some(known) if !self.tells_uid_next && !self.starts_over(checkpoint) => {
                let first = known.last_uid.saturating_add(1).min(self.uid_next).saturating_sub(AGAIN).max(1);
                (first < self.uid_next).then_some(first)
            }
            Some(_) | None => self.first_new_uid(checkpoint),
        }
    }

    /// Whether everything that was remembered about the folder means something else now.
    pub fn starts_over(self, checkpoint: Option<Checkpoint>) -> bool {
        checkpoint.is_some_and(|known| known.uid_validity != self.uid_validity)
    }

    /// The checkpoint after everything up to `last_uid` was stored.
    pub const fn checkpoint(self, last_uid: u32) -> Checkpoint {
        Checkpoint { uid_validity: self.uid_validity, last_uid }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(uid_validity: u32, uid_next: u32) -> Selected {
        Selected { uid_validity, uid_next, tells_uid_next: true, exists: uid_next.saturating_sub(1) }
    }

    #[test]
    fn where_numbers_may_have_moved_the_last_ones_are_read_again() {
        let known = Some(Checkpoint { uid_validity: 7, last_uid: 200 });
        let untold = |uid_validity, uid_next| Selected { tells_uid_next: false, ..selected(uid_validity, uid_next) };
        assert_eq!(untold(7, 201).first_to_read(known), Some(151), "nothing more");
        assert_eq!(untold(7, 210).first_to_read(known), Some(151), "nine more");
        assert_eq!(untold(7, 110).first_to_read(known), Some(60), "the owner has deleted a hundred");
        assert_eq!(untold(7, 20).first_to_read(known), Some(1));
        assert_eq!(untold(7, 1).first_to_read(known), None, "the folder is empty");
        assert_eq!(untold(8, 210).first_to_read(known), Some(1), "all numbers are new");
        assert_eq!(selected(7, 201).first_to_read(known), None);
        assert_eq!(selected(7, 210).first_to_read(known), Some(201));
    }

    #[test]
    fn a_changed_uid_validity_starts_the_folder_over() {
        let known = Checkpoint { uid_validity: 7, last_uid: 40 };
        assert_eq!(selected(8, 12).first_new_uid(Some(known)), Some(1));
        assert!(selected(8, 12).starts_over(Some(known)));
    }

    #[test]
    fn nothing_new_is_nothing_to_fetch() {
        let known = Checkpoint { uid_validity: 7, last_uid: 40 };
        assert_eq!(selected(7, 41).first_new_uid(Some(known)), None);
        assert_eq!(selected(7, 42).first_new_uid(Some(known)), Some(41));
        assert_eq!(selected(7, 1).first_new_uid(None), None);
    }

    #[test]
    fn the_largest_uid_has_no_successor() {
        let known = Checkpoint { uid_validity: 7, last_uid: u32::MAX };
        assert_eq!(selected(7, u32::MAX).first_new_uid(Some(known)), None);
    }
}
