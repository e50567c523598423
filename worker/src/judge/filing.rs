//! Where bounces are first found: a thief's rule hides them, so that the owner learns nothing of what he sends.
//!
//! Hidden is what is first found in Trash or where nobody looks, or has been read before it is found, in a mailbox that
//! never did so before. Polling cannot see who did it, and an owner who sits at the desk reads and deletes within minutes
//! too. So Trash and read mail count only right after they came, a bounce that was read only where ordinary mail seldom is
//! so soon, and it takes three messages, and half of the day's, before anything is said. What was found for the first
//! time two days ago, and under no suspicion meanwhile, is what this mailbox does.
//!
//! An ordinary folder is none of it: owners file bounces away. They are told that their filter hides the warning.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_verdict::Signal;
use serde::{Deserialize, Serialize};

use crate::poll::Role;

/// What is younger is no habit.
const SETTLED: TimeDelta = TimeDelta::days(2);
/// So many messages within [`DAY`] have to be hidden.
const LEAST_HIDDEN: usize = 3;
const DAY: TimeDelta = TimeDelta::hours(24);
/// Messages of a day that are remembered.
const MOST_RECENT: usize = 128;
/// Fewer ordinary mails say nothing of how soon the owner reads.
const LEAST_ORDINARY: u32 = 10;
/// Where more than one in so many has been read by then, a bounce that has been read is nothing to wonder at.
const READ_SHARE: u32 = 4;
/// Beyond so many ordinary mails, old ones fade.
const MOST_ORDINARY: u32 = 400;
/// Most ordinary mails that wait to be learnt.
const MOST_WAITING: usize = 256;

/// What comes later than this after a message may have been done by anybody.
const SOON: TimeDelta = TimeDelta::minutes(30);
/// Servers' clocks are not ours.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// Where a message was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where mail arrives.
    #[default]
    Inbox,
    /// A folder of the owner's, or where a filter puts what it distrusts.
    Filed,
    /// Where mail is thrown away.
    Trash,
    /// Where nobody looks.
    Unwatched,
}

impl From<Role> for Place {
    fn from(role: Role) -> Self {
        match role {
            Role::Inbox => Self::Inbox,
            Role::Trash => Self::Trash,
            Role::Unwatched => Self::Unwatched,
            Role::Junk | Role::Sent | Role::Other => Self::Filed,
        }
    }
}

/// How a message was found for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Where.
    pub(crate) place: Place,
    /// Whether somebody had read it; `None` where that is not known.
    pub(crate) is_read: Option<bool>,
    /// Whether it had come only just before.
    pub(crate) is_prompt: bool,
}

/// Whether a message that came then is found right after it came. `looked_at`: when the whole mailbox was last read.
pub(crate) fn is_prompt(came_at: DateTime<Utc>, looked_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    looked_at.is_some_and(|looked_at| came_at >= looked_at - SKEW) && now - came_at <= SOON
}

/// In which way a bounce was out of sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    Read,
    Trash,
    Unwatched,
}

/// What this mailbox does with its bounces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Filing {
    /// Ordinary mail that was found right after it came, and how much of it had been read.
    ordinary: u32,
    ordinary_read: u32,
    /// The same, too young to be learnt.
    waiting: VecDeque<(i64, bool)>,
    /// What it does with bounces.
    usual: BTreeSet<Way>,
    /// What it did for the first time then.
    tried: BTreeMap<Way, i64>,
    /// The messages of the last day, and whether each was hidden.
    recent: VecDeque<(i64, bool)>,
}

impl Filing {
    /// Hears of ordinary mail.
    pub(crate) fn glanced(&mut self, is_read: bool, at: DateTime<Utc>) {
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back((at.timestamp(), is_read));
        }
    }

    /// Hears of a message with bounces that nobody here expected, found for the first time; says what that shows.
    pub(crate) fn bounced(&mut self, seen: Sight, at: DateTime<Utc>) -> Option<Signal> {
        let way = match seen.place {
            Place::Filed => return Some(Signal::FiledAway),
            Place::Unwatched => Some(Way::Unwatched),
            Place::Trash => Some(Way::Trash).filter(|_| seen.is_prompt),
            Place::Inbox => {
                Some(Way::Read).filter(|_| seen.is_prompt && seen.is_read == Some(true) && self.is_seldom_read())
            }
        };
        let since = (at - DAY).timestamp();
        self.recent.retain(|(seen_at, _)| *seen_at > since);
        if self.recent.len() >= MOST_RECENT {
            self.recent.pop_front();
        }
        let is_hidden = way.is_some_and(|way| !self.usual.contains(&way));
        self.recent.push_back((at.timestamp(), is_hidden));
        if let Some(way) = way {
            self.tried.entry(way).or_insert(at.timestamp());
        }
        let hidden = self.recent.iter().filter(|(_, is_hidden)| *is_hidden).count();
        (is_hidden && hidden >= LEAST_HIDDEN && hidden * 2 >= self.recent.len()).then_some(Signal::BouncesHidden)
    }

    /// Learns what has waited for two days; forgets what waits if the mailbox is under suspicion.
    pub(crate) fn settle(&mut self, now: DateTime<Utc>, is_suspected: bool) {
        if is_suspected {
            self.waiting.clear();
            self.tried.clear();
        }
        let settled = (now - SETTLED).timestamp();
        while let Some((_, is_read)) = self.waiting.pop_front_if(|(at, _)| *at <= settled) {
            self.ordinary += 1;
            self.ordinary_read += u32::from(is_read);
            if self.ordinary > MOST_ORDINARY {
                self.ordinary /= 2;
                self.ordinary_read /= 2;
            }
        }
        let learnt = self.tried.extract_if(.., |_, first| *first <= settled);
        self.usual.extend(learnt.map(|(way, _)| way));
    }

    /// Whether ordinary mail is seldom read so soon; `false` also while that is not known.
    fn is_seldom_read(&self) -> bool {
        self.ordinary >= LEAST_ORDINARY && self.ordinary_read * READ_SHARE <= self.ordinary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(100) + TimeDelta::minutes(minute)
    }

    const fn found(place: Place, is_read: bool) -> Sight {
        Sight { place, is_read: Some(is_read), is_prompt: true }
    }

    /// Ordinary mail of the days before; each `read`th had been read.
    fn lived(read: usize) -> Filing {
        let mut filing = Filing::default();
        (0..40).for_each(|n| filing.glanced(n % read == 0, at(-10_000 + i64::try_from(n).unwrap())));
        filing.settle(at(-5_000), false);
        filing
    }

    /// What is said when so many bounces are found in that way.
    fn said(filing: &mut Filing, sight: Sight, bounces: i64, from: i64) -> Vec<Option<Signal>> {
        (from..from + bounces).map(|minute| filing.bounced(sight, at(minute))).collect()
    }

    #[test]
    fn bounces_that_nobody_was_to_see_are_told_from_the_third_on() {
        for sight in [found(Place::Trash, false), found(Place::Unwatched, false), found(Place::Inbox, true)] {
            let hidden = Some(Signal::BouncesHidden);
            assert_eq!(said(&mut lived(20), sight, 4, 0), [None, None, hidden, hidden], "{sight:?}");
        }
        assert_eq!(said(&mut lived(20), found(Place::Inbox, false), 40, 0), [None; 40]);
    }

    #[test]
    fn one_deleted_among_many_hides_nothing() {
        let mut filing = lived(20);
        said(&mut filing, found(Place::Inbox, false), 20, 0);
        assert_eq!(said(&mut filing, found(Place::Trash, true), 10, 30), [None; 10]);
    }

    #[test]
    fn an_owner_who_reads_at_once_or_of_whom_nothing_is_known_hides_nothing() {
        for mut filing in [lived(3), Filing::default()] {
            assert_eq!(said(&mut filing, found(Place::Inbox, true), 10, 0), [None; 10]);
        }
    }

    #[test]
    fn what_was_done_later_may_have_been_anybody() {
        let late = |place| Sight { is_prompt: false, ..found(place, true) };
        assert_eq!(said(&mut lived(20), late(Place::Trash), 10, 0), [None; 10]);
        assert_eq!(said(&mut lived(20), late(Place::Inbox), 10, 0), [None; 10]);
        assert!(said(&mut lived(20), late(Place::Unwatched), 3, 0).contains(&Some(Signal::BouncesHidden)));
        assert!(is_prompt(at(5), Some(at(3)), at(8)) && !is_prompt(at(1), Some(at(3)), at(8)));
        assert!(!is_prompt(at(5), Some(at(3)), at(36)) && !is_prompt(at(5), None, at(8)));
    }

    #[test]
    fn what_this_mailbox_always_does_is_no_sign_unless_it_began_with_the_theft() {
        let sight = found(Place::Trash, true);
        let mut filing = lived(20);
        filing.bounced(sight, at(-5_000));
        filing.settle(at(0), false);
        assert_eq!(said(&mut filing, sight, 10, 0), [None; 10]);

        let mut stolen = lived(20);
        stolen.bounced(sight, at(-5_000));
        stolen.settle(at(-4_000), true);
        stolen.settle(at(0), false);
        assert!(said(&mut stolen, sight, 3, 0).contains(&Some(Signal::BouncesHidden)));
    }

    #[test]
    fn an_owners_folder_says_that_a_filter_hides_the_warning_and_nothing_more() {
        assert_eq!(said(&mut lived(20), found(Place::Filed, true), 5, 0), [Some(Signal::FiledAway); 5]);
    }

    #[test]
    fn only_so_much_is_remembered() {
        let mut filing = Filing::default();
        for n in 0..5_000 {
            filing.glanced(true, at(0));
            filing.bounced(found(Place::Inbox, false), at(n % 60));
        }
        assert_eq!((filing.waiting.len(), filing.recent.len()), (MOST_WAITING, MOST_RECENT));
    }
}
