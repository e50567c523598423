//! What a batch of messages says of a mailbox: rows to store and a memory that has moved on.
//!
//! Nothing here waits for anything. A stranger decides how much there is to weigh, so it is done on the blocking pool.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use daimon_domain::bounce::{Kind, Recipient};
use daimon_domain::campaign::Marks;
use daimon_domain::id::{BounceId, CampaignId, MailboxId, TenantId};
use daimon_domain::mailbox::Mailbox;
use daimon_domain::origin::Origin;
use daimon_posture::Posture;
use daimon_seal::KeyedHash;
use daimon_store::bounce::Bounce;
use daimon_verdict::campaign::belongs;
use daimon_verdict::fleet::trouble;
use daimon_verdict::{Known, Observation};
use serde::Serialize;

use super::commit::Found;
use super::diagnostic;
use super::fleet::Troubles;
use super::mail::ReadMail;
use super::memory::Memory;
use super::surroundings::{Own, known};
use crate::judge::{self, Learned, Place, Sight, answered, is_prompt, own_ids, said, written_to};

/// A domain has a few selectors.
const MOST_SELECTORS: usize = 8;

/// Of which mailbox it is, and what is there of its own mail.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) mailbox: Mailbox,
    pub(super) tenant: TenantId,
    pub(super) hash: KeyedHash,
    pub(super) own: Own,
    /// What marks the sendings that its owner did on purpose.
    pub(super) campaigns: Arc<[(CampaignId, Marks)]>,
    /// How the mailbox's domain stands, as last asked of DNS.
    pub(super) posture: Arc<Posture>,
}

/// What has to be known of the database first.
pub(super) struct Asked {
    pub(super) sent: Vec<[u8; 32]>,
    pub(super) correspondents: Vec<[u8; 32]>,
    pub(super) bounces: Vec<BounceId>,
}

/// What the database knows of it.
pub(super) struct History {
    pub(super) sent: HashSet<[u8; 32]>,
    /// Since when it has written to whom.
    pub(super) correspondents: HashMap<[u8; 32], DateTime<Utc>>,
    pub(super) stored: HashSet<BounceId>,
}

/// What is to be recorded.
pub(super) struct Weighed {
    pub(super) memory: Memory,
    pub(super) bounces: Vec<Bounce>,
    /// What others may suffer from too.
    pub(super) troubles: Troubles,
    /// With which selectors the owner's mail is signed.
    pub(super) selectors: BTreeSet<String>,
    /// How the mails of campaigns are made, as far as that is new.
    pub(super) sendings: BTreeMap<CampaignId, BTreeSet<String>>,
    /// Something beside bounces has counted.
    pub(super) is_news: bool,
}

impl Ground {
    const fn id(&self) -> MailboxId {
        self.mailbox.id
    }

    /// The campaigns that a returned mail belongs to by what was declared, and how it is made, where they don't know yet.
    fn made_anew<'a>(
        &'a self,
        original: &'a Origin,
        bounces: &'a [Observation],
    ) -> impl Iterator<Item = (CampaignId, String)> + 'a {
        let made = bounces.iter().find_map(|seen| seen.fingerprint.as_ref());
        let knows_not = move |marks: &Marks| made.is_some_and(|made| !marks.fingerprints.contains(made));
        let declared = self.campaigns.iter().filter(move |(_, marks)| knows_not(marks) && belongs(original, marks));
        declared.filter_map(move |(id, _)| Some((*id, made?.clone())))
    }

    /// A keyed hash of a Message-ID of this mailbox.
    pub(super) fn sent_hash(&self, message_id: &str) -> [u8; 32] {
        self.hash.hash(&[b"message-id", self.id().as_uuid().as_bytes(), message_id.as_bytes()])
    }

    /// A keyed hash of somebody this mailbox writes with.
    pub(super) fn correspondent_hash(&self, address: &str) -> [u8; 32] {
        self.hash.hash(&[b"correspondent", self.id().as_uuid().as_bytes(), address.as_bytes()])
    }
}

impl Asked {
    pub(super) fn of(work: &Ground, found: &Found) -> Self {
        // Whose mail an answer is of depends on nothing that is learnt.
        let known = known(&work.mailbox, &Learned::default(), work.own, &work.posture);
        let mut sent: Vec<_> = answers_to(&known, found).map(|(id, _)| work.sent_hash(id)).collect();
        let (mut correspondents, mut bounces) = (Vec::new(), Vec::new());
        for mail in &found.mails {
            sent.extend(mail.report.origin.message_id.as_deref().map(|id| work.sent_hash(id)));
            sent.extend(own_ids(&mail.report, &known).map(|id| work.sent_hash(id)));
            correspondents.extend(mail.bounced().iter().map(|one| work.correspondent_hash(written_to(one))));
            bounces.extend(mail.bounced().iter().map(|one| mail.bounce_id(&work.hash, work.id(), &one.address)));
        }
        Self { sent, correspondents, bounces }
    }
}

/// The history of one mailbox.
struct Past<'a> {
    work: &'a Ground,
    history: &'a History,
}

impl judge::History for Past<'_> {
    fn is_in_sent(&self, message_id: &str) -> Option<bool> {
        self.work.own.has_sent.then(|| self.history.sent.contains(&self.work.sent_hash(message_id)))
    }

    fn first_written_to(&self, address: &str) -> Option<DateTime<Utc>> {
        self.history.correspondents.get(&self.work.correspondent_hash(address)).copied()
    }

    fn has_correspondents(&self) -> bool {
        self.work.own.has_correspondents
    }

    fn is_campaign(&self, original: &Origin) -> bool {
        self.work.campaigns.iter().any(|(_, marks)| belongs(original, marks))
    }

    fn recipient_key(&self, recipient: &Recipient) -> String {
        let hash = recipient_hash(&self.work.hash, recipient);
        uuid::Uuid::from_slice(hash.get(..16).unwrap_or_default()).unwrap_or_default().to_string()
    }
}

fn recipient_hash(hash: &KeyedHash, recipient: &Recipient) -> [u8; 32] {
    hash.hash(&[b"recipient", recipient.address.as_bytes()])
}

/// Weighs what was found.
pub(super) fn weigh(
    work: &Ground,
    found: &Found,
    history: &History,
    mut memory: Memory,
    now: DateTime<Utc>,
) -> Weighed {
    for mail in &found.mails {
        memory.learned.delivered(&mail.report);
    }
    let before = known(&work.mailbox, &memory.learned, work.own, &work.posture);
    for mail in &found.mails {
        memory.learned.shown(&mail.report, &before);
    }
    let mut known = known(&work.mailbox, &memory.learned, work.own, &work.posture);
    let past = Past { work, history };
    let mut answers: Vec<(&str, DateTime<Utc>)> = Vec::new();
    if work.own.has_sent {
        answers.extend(answers_to(&before, found).map(|(id, at)| (id, at.unwrap_or(now).min(now))));
        answers.sort_by_key(|(_, at)| *at);
    }
    let mut answers = answers.into_iter().peekable();
    let hear = |memory: &mut Memory, (id, at): (&str, DateTime<Utc>)| {
        let hash = work.sent_hash(id);
        let message = hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        memory.learned.answered(message, history.sent.contains(&hash), at);
    };

    let looked_at = work.mailbox.last_polled_at;
    for glance in found.glanced.iter().filter(|one| found.place == Place::Inbox && is_prompt(one.at, looked_at, now)) {
        memory.learned.glanced(glance.is_seen, glance.at.min(now));
    }
    let mut bounces = Vec::new();
    let mut ids = HashSet::new();
    let mut is_news = false;
    let mut troubles = Troubles::new();
    let mut selectors = BTreeSet::new();
    let mut sendings: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for mail in &found.mails {
        // Judged by what was known before, whatever else this batch brings.
        let at = mail.received_at.min(now);
        while let Some(answer) = answers.next_if(|(_, answered_at)| *answered_at <= at) {
            hear(&mut memory, answer);
        }
        memory.settle(at);
        known.sent_coverage = memory.learned.coverage(known.provider);
        let said = said(&mail.report, &known, memory.learned.habits(), &past, at);
        let told: Vec<_> =
            said.bounces.into_iter().map(|(to, seen)| (row(work, found, mail, to, &seen), to, seen)).collect();
        let is_seen_before = !told.is_empty() && told.iter().all(|(bounce, ..)| history.stored.contains(&bounce.id));
        if !is_seen_before && !memory.has_told(&mail.header_hash) {
            if !said.signals.is_empty() || said.is_answer {
                memory.tells(&mail.header_hash);
            }
            for signal in said.signals {
                memory.state.signal(signal, at);
                is_news = true;
            }
        }
        if mail.left_out > 0 {
            let (mailbox, left_out) = (work.id(), mail.left_out);
            tracing::warn!(mailbox.id = %mailbox, uid = mail.uid, left_out, "a report of mailbox {mailbox} names more recipients than are stored");
            metrics::counter!("daimon_recipients_left_out_total")
                .increment(u64::try_from(left_out).unwrap_or(u64::MAX));
        }
        let mut new = Vec::new();
        for (bounce, recipient, observation) in told {
            if !history.stored.contains(&bounce.id) && ids.insert(bounce.id) {
                memory.state.weigh(&observation);
                memory.learned.bounced(&observation);
                if let Some(trouble) = trouble(&mail.report, recipient, &observation, &known) {
                    troubles.insert(trouble, at);
                }
                new.push(observation);
                metrics::counter!("daimon_bounces_total", "reason" => bounce.reason.as_str()).increment(1);
                bounces.push(bounce);
            }
        }
        if new.iter().any(Observation::is_in_sent) && selectors.len() < MOST_SELECTORS {
            selectors.extend(signed_with(&mail.report.origin, work.mailbox.address.domain()));
        }
        for (campaign, made) in work.made_anew(&mail.report.origin, &new).filter(|_| !memory.is_suspected(at)) {
            sendings.entry(campaign).or_default().insert(made);
        }
        let is_prompt = is_prompt(mail.received_at, looked_at, now);
        let sight = Sight { place: found.place, is_read: mail.is_seen, is_prompt };
        if let Some(signal) = memory.learned.found(new.iter(), sight, at) {
            memory.state.signal(signal, at);
        }
    }
    for answer in answers {
        hear(&mut memory, answer);
    }
    memory.settle(now);
    Weighed { memory, bounces, troubles, selectors, sendings, is_news }
}

/// The mailbox's own messages that people answer, and when the answer came.
fn answers_to<'a>(known: &'a Known, found: &'a Found) -> impl Iterator<Item = (&'a str, Option<DateTime<Utc>>)> {
    let ordinary = found.quoted.iter().map(|answer| (Kind::NotBounce, &answer.to, &answer.ids, answer.at));
    let whole = found.mails.iter().map(|mail| {
        let envelope = &mail.report.envelope;
        (mail.report.kind, &envelope.to, &envelope.in_reply_to, Some(mail.received_at))
    });
    ordinary.chain(whole).flat_map(move |(kind, to, ids, at)| answered(kind, to, ids, known).map(move |id| (id, at)))
}

/// The selectors of the signatures that a mail carries in the name of that domain. It is the owner's, whose provider signs it;
/// in a stranger's anybody may have written one.
fn signed_with(original: &Origin, domain: &str) -> impl Iterator<Item = String> {
    let of_domain = format!("._domainkey.{}", domain.to_ascii_lowercase());
    let is_name = |selector: &str| {
        (1..=63).contains(&selector.len()) && selector.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let selectors = original.dkim_keys.iter().filter_map(move |key| key.strip_suffix(&of_domain));
    selectors.filter(move |selector| is_name(selector)).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// What is stored of one recipient.
fn row(work: &Ground, found: &Found, mail: &ReadMail, recipient: &Recipient, seen: &Observation) -> Bounce {
    let report = &mail.report;
    let domain = recipient.address.rsplit_once('@').map_or("", |(_, domain)| domain);
    Bounce {
        id: mail.bounce_id(&work.hash, work.id(), &recipient.address),
        tenant: work.tenant,
        mailbox: work.id(),
        folder: found.folder.clone(),
        uid_validity: found.checkpoint.uid_validity,
        uid: mail.uid,
        received_at: mail.received_at,
        kind: report.kind,
        reason: recipient.reason,
        status: recipient.status,
        reply: recipient.reply,
        permanence: recipient.permanence,
        fault: recipient.fault,
        action: recipient.action,
        rule: recipient.rule.clone(),
        diagnostic: recipient.diagnostic.as_deref().map(|line| diagnostic::kept(line, recipient)),
        reporting_mta: report.reporting_mta.clone(),
        remote_mta: recipient.remote_mta.clone(),
        recipient_hash: recipient_hash(&work.hash, recipient),
        recipient_domain: domain.to_owned(),
        template: Some(seen.template.clone()),
        subject_skeleton_hash: None,
        observation: stored(seen, mail.left_out),
        verdict: None,
        incident: None,
        drill: None,
    }
}

/// The evidence as weighed, and how many recipients of the same report are not stored.
fn stored(observation: &Observation, left_out: usize) -> String {
    #[derive(Serialize)]
    struct Stored<'a> {
        #[serde(flatten)]
        observation: &'a Observation,
        #[serde(skip_serializing_if = "Option::is_none")]
        recipients_left_out: Option<usize>,
    }
    let recipients_left_out = (left_out > 0).then_some(left_out);
    let stored = Stored { observation, recipients_left_out };
    serde_json::to_string(&stored).unwrap_or_else(|_never| "null".to_owned())
}

#[cfg(test)]
mod tests {
    use daimon_domain::mailbox::Checkpoint;

    use super::*;
    use crate::poll::Answer;

    #[test]
    fn only_what_mail_to_the_mailbox_answers_itself_tells_how_complete_sent_is() {
        let known = Known {
            address: "sato@sakura.example".to_owned(),
            own_domains: vec!["sakura.example".to_owned()],
            ..Known::default()
        };
        let answer = |to: &str, id: &str| Answer { ids: vec![id.to_owned()], to: vec![to.to_owned()], at: None };
        let found = Found {
            folder: "INBOX".to_owned(),
            place: Place::Inbox,
            checkpoint: Checkpoint { uid_validity: 1, last_uid: 1 },
            mails: Vec::new(),
            quoted: vec![
                answer("Sato@sakura.example", "ours@sakura.example"),
                answer("suzuki@sakura.example", "colleagues@sakura.example"),
                answer("sato@sakura.example", "strangers@shop.example"),
            ],
            glanced: Vec::new(),
            counted: 0,
            put_aside: Vec::new(),
            again: None,
            then: None,
        };
        assert_eq!(answers_to(&known, &found).map(|(id, _)| id).collect::<Vec<_>>(), ["ours@sakura.example"]);
    }
}
