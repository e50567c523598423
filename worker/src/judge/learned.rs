//! What a mailbox's own servers are called and how it sends, learnt and not asked for.
//!
//! Who delivers is read from the topmost Received lines of mail that lies in the mailbox: its servers wrote those last,
//! so nobody outside can have.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use daimon_domain::bounce::Report;
use daimon_domain::origin::Origin;
use daimon_verdict::language::Written;
use daimon_verdict::{Habits, Known, Observation, Provider, Signal, arrival, hosts, shows_neighbours, submission};
use serde::{Deserialize, Serialize};

use super::coverage::{Answered, Coverage};
use super::filing::{Filing, Sight};

/// More hosts than a provider needs mean that something is misread.
const MOST_HOSTS: usize = 8;

/// What was learnt so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Learned {
    /// Servers that deliver to the mailbox, and those beside them where that is safe; those that they took mail from in a network
    /// of their own.
    delivering: BTreeSet<String>,
    coverage: Coverage,
    habits: Habits,
    filing: Filing,
    /// Others than the tenant sign in at the same hosts.
    has_neighbours: bool,
}

impl Learned {
    /// Learns who delivered a message to the mailbox.
    pub(crate) fn delivered(&mut self, report: &Report) {
        for by in arrival::delivered_by(&report.envelope.received).filter(|by| by.contains('.')) {
            if self.delivering.len() < MOST_HOSTS {
                self.delivering.insert(hosts::provider(by));
            }
        }
    }

    /// Learns whether the provider's lines say who signed in, and that others do; and what its servers are called that are
    /// known by their addresses.
    pub(crate) fn shown(&mut self, report: &Report, known: &Known) {
        for relay in arrival::relays(&report.envelope.received, known) {
            if self.delivering.len() < MOST_HOSTS {
                self.delivering.insert(relay.to_lowercase());
            }
        }
        if let Some(submission) = submission(report, known) {
            self.habits.saw(&submission);
        }
        self.has_neighbours |= shows_neighbours(report, known);
    }

    /// Hears of an answer to an own message. `message`: a hash of its Message-ID.
    pub(crate) fn answered(&mut self, message: u64, is_in_sent: bool, at: DateTime<Utc>) {
        self.coverage.hear(Answered { message, is_in_sent, at: at.timestamp() });
    }

    /// Hears of a mail in Sent.
    pub(crate) fn wrote(&mut self, sent: &Origin, language: &Written, at: DateTime<Utc>) {
        self.habits.wrote(sent, at);
        self.habits.wrote_in(language, at);
    }

    /// Learns what is old enough by then, unless the mailbox is under suspicion.
    pub(crate) fn settle(&mut self, now: DateTime<Utc>, is_suspected: bool) {
        self.coverage.settle(now, is_suspected);
        self.habits.settle(now, is_suspected);
        self.filing.settle(now, is_suspected);
    }

    /// Hears of ordinary mail that was found right after it came.
    pub(crate) fn glanced(&mut self, is_read: bool, at: DateTime<Utc>) {
        self.filing.glanced(is_read, at);
    }

    /// Learns how a message with such bounces was found for the first time; says what that shows. It counts where nobody
    /// expected them.
    pub(crate) fn found<'o>(
        &mut self,
        mut bounces: impl Iterator<Item = &'o Observation>,
        sight: Sight,
        at: DateTime<Utc>,
    ) -> Option<Signal> {
        bounces.any(|seen| seen.is_unexpected).then(|| self.filing.bounced(sight, at)).flatten()
    }

    /// Learns from a bounce of the owner's own mail how the mailbox sends.
    pub(crate) fn bounced(&mut self, seen: &Observation) {
        if let Some(submission) = seen.submission.as_ref().filter(|_| seen.is_in_sent()) {
            self.habits.submitted(submission, seen.bounced_at);
        }
    }

    /// How the mailbox sends.
    pub(crate) fn habits(&self) -> &Habits {
        &self.habits
    }

    /// Servers that deliver to the mailbox.
    pub(crate) fn delivering(&self) -> impl Iterator<Item = &String> {
        self.delivering.iter()
    }

    /// Whether others than the tenant sign in at the same hosts.
    pub(crate) const fn has_neighbours(&self) -> bool {
        self.has_neighbours
    }

    /// Which share of the mailbox's mail is in Sent.
    pub(crate) fn coverage(&self, provider: Option<Provider>) -> Option<f64> {
        self.coverage.share().or_else(|| provider.is_some_and(Provider::files_all).then_some(0.9))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_files_all_that_is_submitted_needs_no_measure() {
        assert_eq!(Learned::default().coverage(Some(Provider::Gmail)), Some(0.9));
        assert_eq!(Learned::default().coverage(Some(Provider::ImapHost)), None);
    }
}
