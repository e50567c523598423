//! What a drill plays: mails as they would come to the mailbox, and when somebody would look.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::drill::{Drill, DrillEpisode};
use daimon_domain::mailbox::{Checkpoint, Mailbox};
use daimon_domain::origin::Origin;
use daimon_domain::tenant::Tenant;
use daimon_domain::verdict::Verdict;
use daimon_episode::{Episode, Part, Rehearsal, Speed, rehearse};
use daimon_seal::KeyedHash;
use daimon_verdict::{Assessment, Provider};

use super::super::commit::Found;
use super::super::fleet::Troubles;
use super::super::mail::read_part;
use super::super::memory::Memory;
use super::super::outcome::WATCHED_INTERVAL_S;
use super::super::surroundings::Own;
use super::super::weigh::{Ground, History, Weighed, weigh};
use crate::judge::Place;
use crate::poll::{Mail, sent_mail};

/// So many owners and ways to do it are looked at for one that shows what is to be shown.
const MOST_VARIANTS: u32 = 8;

/// A drill's mails, and whose mailbox it takes itself for.
pub(super) struct Script {
    played: Rehearsal,
    verdict: Verdict,
    ground: Ground,
    /// How often the mailbox is read while nothing is wrong.
    interval_s: u32,
}

/// Whom it is played for.
pub(super) struct Cast<'a> {
    pub(super) drill: &'a Drill,
    pub(super) tenant: &'a Tenant,
    pub(super) mailbox: &'a Mailbox,
    pub(super) hash: &'a KeyedHash,
}

fn episode(word: DrillEpisode) -> Episode {
    match word {
        DrillEpisode::Takeover => Episode::Takeover(Speed::TwentyAnHour),
        DrillEpisode::SilentTakeover => Episode::SilentTakeover,
        DrillEpisode::JoeJob => Episode::JoeJob,
        DrillEpisode::Neighbour => Episode::Neighbour,
        DrillEpisode::ForgedColleague => Episode::ForgedColleague,
        DrillEpisode::WebScript => Episode::WebScript,
        DrillEpisode::BulkList => Episode::BulkList,
        DrillEpisode::AutoresponderStorm => Episode::AutoresponderStorm,
        DrillEpisode::ForwardingLoop => Episode::ForwardingLoop,
        DrillEpisode::Outage => Episode::Outage,
        DrillEpisode::ReputationBlock => Episode::ReputationBlock,
        DrillEpisode::TenantBlocked => Episode::TenantBlocked,
        DrillEpisode::FakeBounces => Episode::FakeBounces,
    }
}

const fn provider(of: Provider) -> daimon_episode::Provider {
    match of {
        Provider::Gmail => daimon_episode::Provider::Gmail,
        Provider::M365 => daimon_episode::Provider::Microsoft365,
        Provider::ImapHost | Provider::PopOnly => daimon_episode::Provider::ImapHost,
    }
}

impl Script {
    /// The mails of a variant. `None`: it can't happen there.
    pub(super) fn write(cast: &Cast<'_>, variant: u32) -> Option<Self> {
        let Cast { drill, tenant, mailbox, hash } = cast;
        let episode = episode(drill.episode);
        let part = Part {
            address: mailbox.address.as_str(),
            provider: provider(Provider::of_imap_host(mailbox.server.host.as_str())),
            language: tenant.language,
            episode,
            most_bounces: drill.bounces,
            ends_at: drill.started_at,
        };
        let random = u64::try_from(drill.id.as_uuid().as_u128() & u128::from(u64::MAX)).unwrap_or_default();
        let ground = Ground {
            mailbox: (*mailbox).clone(),
            tenant: tenant.id,
            hash: (*hash).clone(),
            own: Own { has_sent: true, has_correspondents: true },
            // What the tenant really sends is no part of it.
            campaigns: Vec::new().into(),
            posture: Arc::default(),
        };
        Some(Self {
            played: rehearse(random.wrapping_add(u64::from(variant)), &part)?,
            verdict: episode.verdict(),
            ground,
            interval_s: mailbox.poll_interval_s,
        })
    }

    /// Looks for a variant that shows what is to be shown: a drill is for what comes after the verdict, and not all that
    /// happens in the world is seen through at once. Where none does, one that opens an incident at all, or else any, is
    /// played as it comes. `None`: it can't happen there.
    pub(super) fn choose(cast: &Cast<'_>) -> Option<u32> {
        let mut second = None;
        for variant in 0..MOST_VARIANTS {
            let Some(script) = Self::write(cast, variant) else { continue };
            match script.shows() {
                Some(verdict) if verdict == script.verdict => return Some(variant),
                Some(_another) => second = second.filter(|(opens, _)| *opens).or(Some((true, variant))),
                None => second = second.or(Some((false, variant))),
            }
        }
        second.map(|(_opens, variant)| variant)
    }

    /// The verdict of the incident that it opens in the end, if it opens one and no wrong one before it.
    fn shows(&self) -> Option<Verdict> {
        let (mut memory, mut at) = self.life();
        if memory.state.assess(at).wants_incident {
            return None;
        }
        let mut seen = None;
        while let Some((weighed, assessment, now)) = self.next(memory, at) {
            if assessment.wants_incident {
                let is_right = [self.verdict, Verdict::Undetermined].contains(&assessment.verdict);
                seen = Some(assessment.verdict);
                if !is_right {
                    break;
                }
            }
            (memory, at) = (weighed.memory, now);
        }
        seen
    }

    /// What is remembered of the life before, and until when that is.
    pub(super) fn life(&self) -> (Memory, DateTime<Utc>) {
        let until = self.played.begins;
        let memory = self.wrote(Memory::default(), DateTime::UNIX_EPOCH, until);
        (self.weigh(memory, DateTime::UNIX_EPOCH, until).memory, until)
    }

    /// The next look at which there is something new, after one at `after`; `None`: all has come.
    pub(super) fn next(&self, memory: Memory, after: DateTime<Utc>) -> Option<(Weighed, Assessment, DateTime<Utc>)> {
        let next = self.played.received.iter().map(|mail| mail.at).find(|at| *at > after)?;
        let interval_s = if memory.wants_watching(after) { WATCHED_INTERVAL_S } else { self.interval_s };
        let every_ms = i64::from(interval_s.max(1)) * 1_000;
        let wait_ms = (next - after).num_milliseconds();
        let looks = (wait_ms + every_ms - 1) / every_ms;
        let now = after + TimeDelta::milliseconds(looks.max(1) * every_ms);
        let memory = self.wrote(memory, after, now);
        let weighed = self.weigh(memory, after, now);
        let assessment = weighed.memory.state.assess(now);
        Some((weighed, assessment, now))
    }

    /// Learns from what was filed in Sent.
    fn wrote(&self, mut memory: Memory, after: DateTime<Utc>, until: DateTime<Utc>) -> Memory {
        for mail in self.played.sent.iter().filter(|mail| mail.at > after && mail.at <= until) {
            let sent = sent_mail(mail.at, &mail.bytes);
            let written = Origin { message_id: sent.message_id, mailer: sent.mailer, ..Origin::default() };
            memory.learned.wrote(&written, &sent.language, mail.at);
        }
        memory.settle(until);
        memory
    }

    /// Reads and weighs what came, as a session does.
    fn weigh(&self, mut memory: Memory, after: DateTime<Utc>, until: DateTime<Utc>) -> Weighed {
        let history = self.history(until);
        let came = self.played.received.iter().zip(1_u32..).filter(|(mail, _)| mail.at > after && mail.at <= until);
        let mails: Vec<Mail> = came
            .map(|(mail, uid)| Mail {
                uid,
                internal_date: Some(mail.at),
                size: None,
                bytes: mail.bytes.clone(),
                is_cut: false,
                is_seen: None,
            })
            .collect();
        let mut unread = mails.into_iter();
        let (mut bounces, mut is_news) = (Vec::new(), false);
        while unread.len() > 0 {
            let part = read_part(&mut unread, &self.ground.hash);
            let found = Found {
                folder: "INBOX".to_owned(),
                place: Place::Inbox,
                checkpoint: Checkpoint { uid_validity: 1, last_uid: part.through_uid },
                mails: part.mails,
                quoted: Vec::new(),
                glanced: Vec::new(),
                counted: 0,
                put_aside: Vec::new(),
                again: None,
                then: None,
            };
            let weighed = weigh(&self.ground, &found, &history, memory, until);
            memory = weighed.memory;
            bounces.extend(weighed.bounces);
            is_news |= weighed.is_news;
        }
        // What others would suffer from, and what real mail would teach, goes nowhere.
        Weighed {
            memory,
            bounces,
            is_news,
            troubles: Troubles::new(),
            selectors: BTreeSet::new(),
            sendings: BTreeMap::new(),
        }
    }

    /// What the database would know by then.
    fn history(&self, until: DateTime<Utc>) -> History {
        let (mut sent, mut correspondents) = (HashSet::new(), HashMap::new());
        for mail in self.played.sent.iter().filter(|mail| mail.at <= until) {
            let filed = sent_mail(mail.at, &mail.bytes);
            sent.extend(filed.message_id.as_deref().map(|id| self.ground.sent_hash(id)));
            for address in &filed.recipients {
                correspondents.entry(self.ground.correspondent_hash(address)).or_insert(mail.at);
            }
        }
        History { sent, correspondents, stored: HashSet::new() }
    }
}

#[cfg(test)]
mod tests {
    use daimon_domain::drill::DrillState;
    use daimon_domain::id::{DrillId, MailboxId, MspId, TenantId};
    use daimon_domain::mailbox::{Connection, Idling, ImapServer, NewMail, Polling, TlsMode};
    use daimon_domain::tenant::Language;
    use daimon_seal::MasterKey;
    use uuid::Uuid;

    use super::*;

    fn shown(episode: DrillEpisode, host: &str) -> Option<Verdict> {
        let at = DateTime::from_timestamp(1_795_507_200, 0).unwrap();
        let tenant = Tenant {
            id: TenantId::from_uuid(Uuid::from_u128(1)),
            name: "Sakura Dental Clinic".parse().unwrap(),
            language: Language::Japanese,
            external_refs: BTreeMap::new(),
            groups: BTreeSet::new(),
            created_at: at,
            is_deleting: false,
            version: 1,
        };
        let mailbox = Mailbox {
            id: MailboxId::from_uuid(Uuid::from_u128(2)),
            tenant: tenant.id,
            address: "sato@sakura-dental.example".parse().unwrap(),
            server: ImapServer { host: host.parse().unwrap(), port: 993, tls: TlsMode::Implicit },
            username: "sato@sakura-dental.example".to_owned(),
            credential: None,
            polling: Polling::Active,
            connection: Connection::New,
            poll_interval_s: 300,
            new_mail: NewMail::Poll,
            idling: Idling::Starting,
            tidying: None,
            next_poll_at: at,
            last_polled_at: None,
            created_at: at,
            version: 1,
        };
        let drill = Drill {
            id: DrillId::from_uuid(Uuid::from_u128(3)),
            tenant: tenant.id,
            mailbox: mailbox.id,
            episode,
            bounces: 40,
            plays_response: true,
            state: DrillState::Playing,
            started_at: at,
            started_by: "key".to_owned(),
            ends_at: at + daimon_domain::drill::USUAL,
            ended_at: None,
            incident: None,
            told: Vec::new(),
            deliveries: 0,
            delivered: 0,
        };
        let hash = MasterKey::from_hex(&"07".repeat(32)).unwrap().keyed_hash(MspId::from_uuid(Uuid::from_u128(4)));
        let cast = Cast { drill: &drill, tenant: &tenant, mailbox: &mailbox, hash: &hash };
        Script::write(&cast, Script::choose(&cast)?)?.shows()
    }

    #[test]
    fn what_is_played_is_seen_through() {
        const OWN: &str = "imap.sakura-dental.example";
        for (word, host, verdict) in [
            (DrillEpisode::Takeover, OWN, Verdict::AccountTakeover),
            (DrillEpisode::Takeover, "imap.gmail.com", Verdict::AccountTakeover),
            (DrillEpisode::Takeover, "outlook.office365.com", Verdict::AccountTakeover),
            (DrillEpisode::JoeJob, OWN, Verdict::Backscatter),
            (DrillEpisode::WebScript, OWN, Verdict::WebScript),
            (DrillEpisode::BulkList, OWN, Verdict::BulkList),
        ] {
            assert_eq!(shown(word, host), Some(verdict), "{word} at {host}");
        }
        assert_eq!(shown(DrillEpisode::TenantBlocked, OWN), None, "it does not happen there");
    }
}
