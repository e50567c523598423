//! What is remembered of a mailbox between two sessions, as one value that is stored with the checkpoint.
//!
//! Old and new workers run side by side during an upgrade, and each reads what the other wrote. So each part has a version of
//! its own: one that can't be read is a fresh start of that part only, and one that is newer than we know is not touched,
//! because to write it back would be to forget it.

use std::collections::{BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use daimon_domain::id::IncidentId;
use daimon_domain::incident::Incident;
use daimon_domain::verdict::{Tier, Verdict};
use daimon_store::mailbox::DetectorState;
use daimon_verdict::{Habits, State, life};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::judge::Learned;

/// The layout: a field for each thing, and `versions` for the parts. What has no version there is of the first.
const LAYOUT: i32 = 1;

/// The parts, the form in which we write each, and the oldest that we can read.
const PARTS: [(&str, u32, u32); 5] = [
    ("state", State::VERSION, State::OLDEST),
    ("learned", 2, 1),
    ("habits", Habits::VERSION, Habits::OLDEST),
    ("told", 1, 1),
    ("incidents", 1, 1),
];

/// How many messages that tell something beside bounces are known again.
const TOLD: usize = 256;

/// A newer program has written it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} is stored in form {found}, and only {known} is known here")]
pub(crate) struct Newer {
    part: String,
    found: u64,
    known: u32,
}

/// What is remembered of a mailbox.
#[derive(Clone, Debug, Default, Serialize)]
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
    /// The incident whose containment the detector knows of, and since when it is contained.
    contained_since: Option<(IncidentId, DateTime<Utc>)>,
    /// Beginnings of the header hashes of notices and answers that counted, oldest first.
    told: VecDeque<u64>,
}

/// Refuses what is newer, and takes out what is older than we can read.
fn current(fields: &mut Map<String, Value>) -> Result<(), Newer> {
    let versions = fields.remove("versions").unwrap_or_default();
    let newer = |part: &str, found, known| Err(Newer { part: part.to_owned(), found, known });
    for (part, found) in versions.as_object().into_iter().flatten() {
        if !PARTS.iter().any(|(known, ..)| known == part) {
            return newer(part, found.as_u64().unwrap_or(u64::MAX), 0);
        }
    }
    for (part, known, oldest) in PARTS {
        let within = match part {
            "state" => fields.get("state"),
            "habits" => fields.get("learned").and_then(|learned| learned.get("habits")),
            _ => None,
        };
        let within = within.and_then(|value| value.get("version"));
        let found = versions.get(part).or(within).and_then(Value::as_u64).unwrap_or(1);
        if found > u64::from(known) {
            return newer(part, found, known);
        }
        if found < u64::from(oldest) {
            match part {
                "habits" => fields.get_mut("learned").and_then(Value::as_object_mut).and_then(|all| all.remove(part)),
                _ => fields.remove(part),
            };
        }
    }
    Ok(())
}

/// One field; one that can't be read is a fresh start of it.
fn field<T: DeserializeOwned + Default>(fields: &mut Map<String, Value>, name: &str) -> T {
    let Some(value) = fields.remove(name) else { return T::default() };
    serde_json::from_value(value).unwrap_or_else(|error| {
        tracing::error!(name, error = %error, "what was remembered as {name} can't be read and begins anew");
        T::default()
    })
}

impl Memory {
    /// Reads what was stored; nothing is a fresh start.
    pub(crate) fn read(stored: Option<&DetectorState>) -> Result<Self, Newer> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        if stored.version > LAYOUT {
            let found = u64::try_from(stored.version).unwrap_or_default();
            return Err(Newer { part: "all".to_owned(), found, known: LAYOUT.unsigned_abs() });
        }
        let mut fields: Map<String, Value> = serde_json::from_slice(&stored.bytes).unwrap_or_default();
        current(&mut fields)?;
        Ok(Self {
            state: field(&mut fields, "state"),
            learned: field(&mut fields, "learned"),
            told_connected: field(&mut fields, "told_connected"),
            told_unreachable: field(&mut fields, "told_unreachable"),
            told_watched: field(&mut fields, "told_watched"),
            live: field(&mut fields, "live"),
            contained_since: field(&mut fields, "contained_since"),
            told: field(&mut fields, "told"),
        })
    }

    /// What to store.
    pub(crate) fn write(&self) -> DetectorState {
        let mut stored = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = stored.as_object_mut() {
            let versions = PARTS.into_iter().map(|(part, version, _)| (part.to_owned(), version.into()));
            fields.insert("versions".to_owned(), Value::Object(versions.collect()));
        }
        DetectorState { version: LAYOUT, bytes: serde_json::to_vec(&stored).unwrap_or_default() }
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
        if live.iter().any(life::is_confirmed) {
            self.state.confirm();
        }
        let contained =
            live.iter().find(|incident| incident.state.is_contained() && life::has_a_tail(incident.verdict));
        let since = contained.and_then(|incident| Some((incident.id, incident.contained_at?)));
        match (since, self.contained_since) {
            (Some((_, at)), known) if since != known => {
                self.state.contained(at);
                self.contained_since = since;
            }
            // One that was reopened lives, and what comes of mail from before is late all the same.
            (None, Some((id, _))) if !self.live.contains(&id) => {
                self.state.forget_containment();
                self.contained_since = None;
            }
            (Some(_) | None, _) => {}
        }
    }

    /// Learns how the mailbox is used from what is old enough by then, unless it is under suspicion.
    pub(crate) fn settle(&mut self, now: DateTime<Utc>) {
        let is_suspected = self.is_suspected(now);
        self.learned.settle(now, is_suspected);
    }

    /// Whether anything is thought of the mailbox.
    pub(crate) fn is_suspected(&self, now: DateTime<Utc>) -> bool {
        !self.live.is_empty() || self.state.standing(now) != (Verdict::Legit, Tier::None)
    }

    /// Whether it is settled what is going on, so that more of the same would make nobody surer. When the way in was shut, each
    /// bounce may show that it is not.
    pub(crate) fn is_settled(&self, now: DateTime<Utc>) -> bool {
        !self.live.is_empty() && self.contained_since.is_none() && self.state.standing(now).1 >= Tier::Probable
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
    use daimon_domain::id::{MailboxId, TenantId};
    use daimon_domain::incident::{IncidentState, Life};
    use daimon_domain::verdict::Severity;

    use super::*;

    fn read(stored: &DetectorState) -> Memory {
        Memory::read(Some(stored)).unwrap()
    }

    /// What another program would have written.
    fn changed(memory: &Memory, change: impl FnOnce(&mut Map<String, Value>)) -> DetectorState {
        let stored = memory.write();
        let mut fields: Map<String, Value> = serde_json::from_slice(&stored.bytes).unwrap();
        change(&mut fields);
        DetectorState { bytes: serde_json::to_vec(&fields).unwrap(), ..stored }
    }

    /// A memory with something in each part.
    fn full() -> Memory {
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let mut memory = Memory { told_connected: true, ..Memory::default() };
        memory.state.signal(daimon_verdict::Signal::CredentialRefused, at);
        memory.learned.answered(1, true, at);
        memory.opened(IncidentId::from_uuid(uuid::Uuid::from_u128(1)));
        memory.tells(&[2; 32]);
        memory
    }

    #[test]
    fn what_is_written_reads_back() {
        let memory = full();
        let again = read(&memory.write());
        assert_eq!((&again.state, &again.learned, &again.live), (&memory.state, &memory.learned, &memory.live));
        assert!(again.told_connected && again.has_told(&[2; 32]));
        assert!(!Memory::read(None).unwrap().told_connected);
    }

    #[test]
    fn what_a_newer_worker_wrote_is_not_touched_whichever_part_it_is() {
        for (part, known, _) in PARTS {
            let newer = changed(&full(), |fields| fields["versions"][part] = (known + 1).into());
            let refused = Memory::read(Some(&newer)).unwrap_err();
            assert_eq!(refused, Newer { part: part.to_owned(), found: u64::from(known) + 1, known });
        }
        let added = changed(&full(), |fields| fields["versions"]["senses"] = 1.into());
        assert!(Memory::read(Some(&added)).is_err());
        let layout = DetectorState { version: LAYOUT + 1, ..full().write() };
        assert!(Memory::read(Some(&layout)).is_err());
    }

    #[test]
    fn what_an_older_worker_wrote_is_read() {
        // It wrote no versions but those inside.
        let older = changed(&full(), |fields| {
            fields.remove("versions");
            fields["state"]["version"] = 1.into();
            fields.insert("contained".to_owned(), Value::Null);
        });
        let memory = read(&older);
        assert_eq!((&memory.state, &memory.learned), (&full().state, &full().learned));
        assert!(memory.told_connected);
        let newer = changed(&full(), |fields| {
            fields.remove("versions");
            fields["learned"]["habits"]["version"] = (Habits::VERSION + 1).into();
        });
        assert!(Memory::read(Some(&newer)).is_err());
    }

    #[test]
    fn a_part_that_cannot_be_read_costs_only_itself() {
        let odd = changed(&full(), |fields| fields["state"]["held"]["verdict"] = "a word of tomorrow".into());
        let memory = read(&odd);
        assert_eq!((&memory.state, &memory.learned), (&State::default(), &full().learned));
        assert!(memory.told_connected && memory.has_told(&[2; 32]) && !memory.live.is_empty());
        let older = changed(&full(), |fields| fields["versions"]["state"] = 0.into());
        assert_eq!((&read(&older).state, read(&older).told_connected), (&State::default(), true));
    }

    /// A takeover that was contained.
    fn contained(since: DateTime<Utc>) -> Incident {
        Incident {
            id: IncidentId::from_uuid(uuid::Uuid::from_u128(3)),
            tenant: TenantId::from_uuid(uuid::Uuid::from_u128(1)),
            mailbox: MailboxId::from_uuid(uuid::Uuid::from_u128(2)),
            drill: None,
            verdict: Verdict::AccountTakeover,
            tier: Tier::Probable,
            severity: Severity::Critical,
            state: IncidentState::Contained,
            score_db: 52.5,
            bounces: 40,
            unexpected_recipients: 38,
            evidence: Vec::new(),
            dedup_key: "key".to_owned(),
            sequence: 4,
            opened_at: since,
            updated_at: since,
            first_bounce_at: since,
            last_bounce_at: since,
            contained_at: Some(since),
            life: Life::default(),
        }
    }

    #[test]
    fn an_incident_counts_as_contained_since_it_was_and_a_closed_one_not_at_all() {
        let at = |minute: i64| DateTime::from_timestamp(1_700_000_000 + minute * 60, 0).unwrap();
        let mut incident = contained(at(0));
        let mut heard = Memory::default();
        heard.hear_of(std::slice::from_ref(&incident));
        let mut expected = State::default();
        expected.contained(at(0));
        assert_eq!(heard.state, expected);
        assert!(heard.wants_watching(at(1)));

        // It began again: mail from before is late all the same.
        (incident.state, incident.contained_at) = (IncidentState::Reopened, None);
        heard.hear_of(std::slice::from_ref(&incident));
        assert_eq!(heard.state, expected);

        // The same incident, contained a second time.
        (incident.state, incident.contained_at) = (IncidentState::Contained, Some(at(30)));
        heard.hear_of(std::slice::from_ref(&incident));
        expected.contained(at(30));
        assert_eq!(heard.state, expected);

        heard.hear_of(&[]);
        assert_eq!(heard.state, State::default());
        assert!(!heard.wants_watching(at(31)));
    }

    #[test]
    fn what_a_person_confirmed_stays_so_until_the_incident_is_over() {
        let at = |day: i64| DateTime::from_timestamp(1_700_000_000 + day * 86_400, 0).unwrap();
        let open = Incident { state: IncidentState::Open, contained_at: None, ..contained(at(0)) };
        let suspected = Incident { tier: Tier::Suspected, ..open.clone() };
        let confirmed = Incident { tier: Tier::Confirmed, ..open };
        let mut heard = Memory::default();
        heard.hear_of(&[suspected]);
        assert_eq!(heard.state.assess(at(0)).tier, Tier::None);
        heard.hear_of(std::slice::from_ref(&confirmed));
        for day in [0, 9, 99] {
            let assessment = heard.state.assess(at(day));
            assert_eq!((assessment.verdict, assessment.tier), (Verdict::AccountTakeover, Tier::Confirmed), "{day}");
        }
        heard.hear_of(&[]);
        assert_eq!(heard.state.assess(at(100)).tier, Tier::None);
    }

    #[test]
    fn where_nobody_was_shut_out_nothing_is_late() {
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let forged = Incident { verdict: Verdict::Backscatter, ..contained(at) };
        let mut heard = Memory::default();
        heard.hear_of(&[forged]);
        assert_eq!(heard.state, State::default());
    }

    #[test]
    fn a_notice_is_known_again_after_the_mailbox_was_put_away_and_only_so_many_are() {
        let hash =
            |n: usize| [u8::try_from(n % 256).unwrap(), u8::try_from(n / 256).unwrap()].repeat(16).try_into().unwrap();
        let mut memory = Memory::default();
        assert!(!memory.has_told(&hash(0)));
        memory.tells(&hash(0));
        assert!(read(&memory.write()).has_told(&hash(0)));
        (1..=TOLD).for_each(|n| memory.tells(&hash(n)));
        assert!(!memory.has_told(&hash(0)) && memory.has_told(&hash(1)));
        assert_eq!(memory.told.len(), TOLD);
    }
}
