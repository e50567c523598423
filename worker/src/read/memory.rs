//! What is remembered of a mailbox between two sessions, as one value that is stored with the checkpoint.

use std::collections::{BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use daimon_domain::id::IncidentId;
use daimon_domain::incident::{Incident, IncidentState};
use daimon_store::mailbox::DetectorState;
use daimon_verdict::State;
use serde::{Deserialize, Serialize};

use super::surroundings::Learned;

/// The layout of [`Memory`]. One of another layout is a fresh start: the checkpoint keeps old mail from being read anew.
const VERSION: i32 = 1;

/// How many messages that tell something beside bounces are known again.
const TOLD: usize = 256;

/// What is remembered of a mailbox.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// The detector's own state.
    pub(crate) state: State,
    /// What was learnt of the mailbox's own servers.
    pub(crate) learned: Learned,
    /// It was told that the mailbox can be read.
    pub(crate) told_connected: bool,
    /// It was told that the mailbox can't be read, and not yet that it can again.
    pub(crate) told_unreachable: bool,
    /// It was told that the mailbox is looked at more closely.
    pub(crate) told_watched: bool,
    /// The incidents that were live last time.
    live: BTreeSet<IncidentId>,
    /// The incident whose containment the detector knows of.
    contained: Option<IncidentId>,
    /// Beginnings of the header hashes of notices and answers that counted, oldest first.
    told: VecDeque<u64>,
}

impl Memory {
    /// Reads what was stored; nothing, or another layout, is a fresh start.
    pub(crate) fn read(stored: Option<&DetectorState>) -> Self {
        stored
            .filter(|stored| stored.version == VERSION)
            .and_then(|stored| serde_json::from_slice(&stored.bytes).ok())
            .map(|stored: Self| Self { learned: stored.learned.current(), ..stored })
            .unwrap_or_default()
    }

    /// What to store.
    pub(crate) fn write(&self) -> DetectorState {
        DetectorState { version: VERSION, bytes: serde_json::to_vec(self).unwrap_or_default() }
    }

    /// Tells the detector what people did with the incidents since last time.
    ///
    /// People work through the API, which knows nothing of the detector: a closed or dismissed incident means that what
    /// was gathered counts no more, and a contained one that older mail is trailing from then on.
    pub(crate) fn hear_of(&mut self, live: &[Incident]) {
        let now_live: BTreeSet<IncidentId> = live.iter().map(|incident| incident.id).collect();
        if self.live.difference(&now_live).next().is_some() {
            self.state.reset();
        }
        self.live = now_live;
        let contained = live.iter().find(|incident| {
            matches!(incident.state, IncidentState::Contained | IncidentState::Monitoring | IncidentState::Recovered)
        });
        match contained {
            Some(incident) if self.contained != Some(incident.id) => {
                self.contained = Some(incident.id);
                self.state.contained(incident.updated_at);
            }
            Some(_) => {}
            None => self.contained = None,
        }
    }

    /// Whether what a message tells beside bounces has counted: nothing of it is stored that would know it again after
    /// a change of UIDVALIDITY or in another folder, and a notice that counts anew reopens what people have closed.
    pub(crate) fn has_told(&self, header_hash: &[u8; 32]) -> bool {
        self.told.contains(&beginning(header_hash))
    }

    /// Notes that it has.
    pub(crate) fn tells(&mut self, header_hash: &[u8; 32]) {
        if self.told.len() >= TOLD {
            self.told.pop_front();
        }
        self.told.push_back(beginning(header_hash));
    }

    /// Notes an incident that this session opened.
    pub(crate) fn opened(&mut self, incident: IncidentId) {
        self.live.insert(incident);
    }

    /// Whether to read the mailbox every minute.
    pub(crate) fn wants_watching(&self, now: DateTime<Utc>) -> bool {
        !self.live.is_empty() || self.state.assess(now).watch
    }
}

fn beginning(hash: &[u8; 32]) -> u64 {
    hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_what_is_not_is_a_fresh_start() {
        let memory = Memory { told_connected: true, ..Memory::default() };
        assert!(Memory::read(Some(&memory.write())).told_connected);
        let other = DetectorState { version: VERSION + 1, ..memory.write() };
        assert!(!Memory::read(Some(&other)).told_connected);
        assert!(!Memory::read(None).told_connected);
    }

    #[test]
    fn a_notice_is_known_again_after_the_mailbox_was_put_away_and_only_so_many_are() {
        let hash =
            |n: usize| [u8::try_from(n % 256).unwrap(), u8::try_from(n / 256).unwrap()].repeat(16).try_into().unwrap();
        let mut memory = Memory::default();
        assert!(!memory.has_told(&hash(0)));
        memory.tells(&hash(0));
        assert!(Memory::read(Some(&memory.write())).has_told(&hash(0)));
        (1..=TOLD).for_each(|n| memory.tells(&hash(n)));
        assert!(!memory.has_told(&hash(0)) && memory.has_told(&hash(1)));
        assert_eq!(memory.told.len(), TOLD);
    }
}
