//! What a batch of messages says of a mailbox: rows to store and a memory that has moved on.
//!
//! Nothing here waits for anything. A stranger decides how much there is to weigh, so it is done on the blocking pool.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use daimon_domain::bounce::{Kind, Recipient};
use daimon_domain::id::{BounceId, MailboxId, TenantId};
use daimon_domain::mailbox::{Address, Mailbox};
use daimon_seal::KeyedHash;
use daimon_store::bounce::Bounce;
use daimon_verdict::{Facts, Habits, Known, Observation, observe, signals, submission};

use super::commit::Found;
use super::diagnostic;
use super::mail::ReadMail;
use super::memory::Memory;
use super::surroundings::{Own, known};
use crate::coverage::answered;

/// Of which mailbox it is, and what is there of its own mail.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) mailbox: Mailbox,
    pub(super) tenant: TenantId,
    pub(super) hash: KeyedHash,
    pub(super) own: Own,
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
    pub(super) correspondents: HashSet<[u8; 32]>,
    pub(super) stored: HashSet<BounceId>,
}

/// What is to be recorded.
pub(super) struct Weighed {
    pub(super) memory: Memory,
    pub(super) bounces: Vec<Bounce>,
    /// Something beside bounces has counted.
    pub(super) is_news: bool,
}

impl Ground {
    const fn id(&self) -> MailboxId {
        self.mailbox.id
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
        let mut sent: Vec<_> = answers_to(&work.mailbox.address, found).map(|(id, _)| work.sent_hash(id)).collect();
        let (mut correspondents, mut bounces) = (Vec::new(), Vec::new());
        for mail in &found.mails {
            sent.extend(mail.report.origin.message_id.as_deref().map(|id| work.sent_hash(id)));
            sent.extend(own_ids(work, mail).into_iter().map(|id| work.sent_hash(id)));
            correspondents.extend(mail.bounced().iter().map(|one| work.correspondent_hash(written_to(one))));
            bounces.extend(mail.bounced().iter().map(|one| mail.bounce_id(&work.hash, work.id(), &one.address)));
        }
        Self { sent, correspondents, bounces }
    }
}

/// Weighs what was found.
pub(super) fn weigh(
    work: &Ground,
    found: &Found,
    history: &History,
    mut memory: Memory,
    now: DateTime<Utc>,
) -> Weighed {
    let mut answers: Vec<(&str, DateTime<Utc>)> = Vec::new();
    if work.own.has_sent {
        answers.extend(answers_to(&work.mailbox.address, found).map(|(id, at)| (id, at.unwrap_or(now).min(now))));
        answers.sort_by_key(|(_, at)| *at);
    }
    let mut answers = answers.into_iter().peekable();
    let hear = |memory: &mut Memory, (id, at): (&str, DateTime<Utc>)| {
        let hash = work.sent_hash(id);
        memory.learned.answered(&hash, history.sent.contains(&hash), at);
    };
    for mail in &found.mails {
        memory.learned.delivered(&mail.report);
    }
    let before = known(&work.mailbox, &memory.learned, work.own);
    for mail in &found.mails {
        memory.learned.shown(&mail.report, &before);
    }
    let mut known = known(&work.mailbox, &memory.learned, work.own);

    let mut bounces = Vec::new();
    let mut ids = HashSet::new();
    let mut is_news = false;
    for mail in &found.mails {
        // Judged by what was known before, whatever else this batch brings.
        let at = mail.received_at.min(now);
        while let Some(answer) = answers.next_if(|(_, answered_at)| *answered_at <= at) {
            hear(&mut memory, answer);
        }
        memory.settle(at);
        known.sent_coverage = memory.learned.coverage(known.provider);
        let rows = rows(work, found, mail, &known, history, memory.learned.habits(), now);
        let is_seen_before = !rows.is_empty() && rows.iter().all(|(bounce, _)| history.stored.contains(&bounce.id));
        let own = own_ids(work, mail);
        if !is_seen_before && !memory.has_told(&mail.header_hash) {
            let is_phantom = work.own.has_sent
                && !own.is_empty()
                && !own.iter().any(|id| history.sent.contains(&work.sent_hash(id)));
            let signals = signals(&mail.report, &known, is_phantom);
            if !signals.is_empty() || !own.is_empty() {
                memory.tells(&mail.header_hash);
            }
            for signal in signals {
                memory.state.signal(signal, mail.received_at.min(now));
                is_news = true;
            }
        }
        if mail.left_out > 0 {
            let (mailbox, left_out) = (work.id(), mail.left_out);
            tracing::warn!(mailbox.id = %mailbox, uid = mail.uid, left_out, "a report of mailbox {mailbox} names more recipients than are stored");
            metrics::counter!("daimon_recipients_left_out_total")
                .increment(u64::try_from(left_out).unwrap_or(u64::MAX));
        }
        for (bounce, observation) in rows {
            if !history.stored.contains(&bounce.id) && ids.insert(bounce.id) {
                memory.state.weigh(&observation);
                memory.learned.bounced(&observation);
                metrics::counter!("daimon_bounces_total", "reason" => bounce.reason.as_str()).increment(1);
                bounces.push(bounce);
            }
        }
    }
    for answer in answers {
        hear(&mut memory, answer);
    }
    memory.settle(now);
    Weighed { memory, bounces, is_news }
}

/// The mailbox's own messages that people answer, and when the answer came.
fn answers_to<'a>(own: &'a Address, found: &'a Found) -> impl Iterator<Item = (&'a str, Option<DateTime<Utc>>)> {
    let ordinary = found.quoted.iter().map(|answer| (Kind::NotBounce, &answer.to, &answer.ids, answer.at));
    let whole = found.mails.iter().map(|mail| {
        let envelope = &mail.report.envelope;
        (mail.report.kind, &envelope.to, &envelope.in_reply_to, Some(mail.received_at))
    });
    ordinary.chain(whole).flat_map(move |(kind, to, ids, at)| {
        let is_ours = |to: &str| to.eq_ignore_ascii_case(own.as_str());
        answered(kind, to, ids, is_ours, |id| is_of_domain(own, id)).map(move |id| (id, at))
    })
}

/// Which of the mailbox's own messages it answers. Bounces answer nothing.
fn own_ids<'a>(work: &Ground, mail: &'a ReadMail) -> Vec<&'a str> {
    if !matches!(mail.report.kind, Kind::AutoReply | Kind::NotBounce) {
        return Vec::new();
    }
    mail.report
        .envelope
        .references
        .iter()
        .map(String::as_str)
        .filter(|id| is_of_domain(&work.mailbox.address, id))
        .collect()
}

/// Whether a Message-ID is one that the mailbox's own domain gives out.
fn is_of_domain(own: &Address, id: &str) -> bool {
    id.rsplit_once('@').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(own.domain()))
}

/// The address that was written to; what failed may be where it was forwarded.
fn written_to(recipient: &Recipient) -> &str {
    recipient.original_address.as_deref().unwrap_or(&recipient.address)
}

/// What is stored of each recipient, and what the detector sees.
fn rows(
    work: &Ground,
    found: &Found,
    mail: &ReadMail,
    known: &Known,
    history: &History,
    habits: &Habits,
    now: DateTime<Utc>,
) -> Vec<(Bounce, Observation)> {
    let report = &mail.report;
    let sent_copy = report.origin.message_id.as_deref().filter(|_| work.own.has_sent);
    let sent_copy = sent_copy.map(|id| history.sent.contains(&work.sent_hash(id)));
    // A server whose clock runs ahead must not make evidence that grows until then.
    let at = mail.received_at.min(now);
    let fingerprint_seen = habits.fingerprint_seen(&report.origin, submission(report, known).as_ref(), at);
    let row = |recipient: &Recipient| {
        let recipient_hash = work.hash.hash(&[b"recipient", recipient.address.as_bytes()]);
        let key = uuid::Uuid::from_slice(recipient_hash.get(..16).unwrap_or_default()).unwrap_or_default().to_string();
        let is_known = history.correspondents.contains(&work.correspondent_hash(written_to(recipient)));
        let facts = Facts {
            recipient_key: &key,
            sent_copy,
            recipient_known: work.own.has_correspondents.then_some(is_known),
            fingerprint_seen,
            ..Facts::default()
        };
        let observation = observe(report, recipient, known, &facts, at)?;
        let domain = recipient.address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let bounce = Bounce {
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
            recipient_hash,
            recipient_domain: domain.to_owned(),
            template: Some(observation.template.clone()),
            subject_skeleton_hash: None,
            observation: stored(&observation, mail.left_out),
            verdict: None,
            incident: None,
        };
        Some((bounce, observation))
    };
    mail.bounced().iter().filter_map(row).collect()
}

/// The evidence as weighed, and how many recipients of the same report are not stored.
fn stored(observation: &Observation, left_out: usize) -> serde_json::Value {
    let mut stored = serde_json::to_value(observation).unwrap_or_default();
    if let Some(fields) = stored.as_object_mut()
        && left_out > 0
    {
        fields.insert("recipients_left_out".to_owned(), left_out.into());
    }
    stored
}

#[cfg(test)]
mod tests {
    use daimon_domain::mailbox::Checkpoint;

    use super::*;
    use crate::poll::Answer;

    #[test]
    fn only_what_mail_to_the_mailbox_answers_itself_tells_how_complete_sent_is() {
        let own: Address = "sato@sakura.example".parse().unwrap();
        let answer = |to: &str, id: &str| Answer { ids: vec![id.to_owned()], to: vec![to.to_owned()], at: None };
        let found = Found {
            folder: "INBOX".to_owned(),
            checkpoint: Checkpoint { uid_validity: 1, last_uid: 1 },
            mails: Vec::new(),
            quoted: vec![
                answer("Sato@sakura.example", "ours@sakura.example"),
                answer("suzuki@sakura.example", "colleagues@sakura.example"),
                answer("sato@sakura.example", "strangers@shop.example"),
            ],
            put_aside: Vec::new(),
            again: None,
            is_rest: true,
        };
        assert_eq!(answers_to(&own, &found).map(|(id, _)| id).collect::<Vec<_>>(), ["ours@sakura.example"]);
    }
}
