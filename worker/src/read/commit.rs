//! One batch, one transaction: bounces, checkpoint, detector state, incident, event and deliveries. The commit is the
//! only moment at which anything happened.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use daimon_domain::bounce::Kind;
use daimon_domain::clock::Clock;
use daimon_domain::mailbox::{Address, Checkpoint};
use daimon_domain::origin::Origin;
use daimon_store::bounce::Bounce;
use daimon_store::quarantine::{self, Quarantined};
use daimon_store::{MspTx, StoreError, bounce, correspondent, folder, in_hand, incident, mailbox, sent};
use daimon_verdict::{Facts, Habits, Known, Observation, observe, signals, submission};

use super::diagnostic;
use super::incident::move_on;
use super::job::{PollError, Reader};
use super::mail::ReadMail;
use super::surroundings::{Own, known};
use super::work::Work;
use crate::poll::{Answer, SentMail};

/// What was found in a part of a folder.
pub(super) struct Found {
    pub(super) folder: String,
    pub(super) checkpoint: Checkpoint,
    pub(super) mails: Vec<ReadMail>,
    /// What ordinary mail in it answers.
    pub(super) quoted: Vec<Answer>,
    /// Messages that are not read again, and why.
    pub(super) put_aside: Vec<(u32, &'static str)>,
}

/// What the mailbox's history says, asked once for a whole batch.
struct History {
    sent: HashSet<[u8; 32]>,
    correspondents: HashSet<[u8; 32]>,
}

/// Records what was found. [`PollError::FencedOff`]: the mailbox is ours no more, and nothing was recorded.
pub(super) async fn commit(ctx: &Reader, work: &mut Work, mut found: Found) -> Result<(), PollError> {
    let now = ctx.time.now();
    found.mails.sort_by_key(|mail| mail.received_at);
    // The memory is replaced after the commit only: what was rolled back was never learnt.
    let mut memory = work.memory.clone();
    let mut tx = ctx.db.begin(&work.wall).await?;
    let live = incident::live_for_mailbox(&mut tx, work.id()).await?;
    memory.hear_of(&live);
    let history = history(&mut tx, work, &found).await?;
    if work.has_sent {
        for (id, at) in answered(&work.mailbox.address, &found) {
            let hash = work.sent_hash(id);
            memory.learned.answered(&hash, history.sent.contains(&hash), at);
        }
    }
    for mail in &found.mails {
        memory.learned.delivered(&mail.report);
    }
    let own = Own { has_sent: work.has_sent, has_correspondents: work.has_correspondents };
    let before = known(&work.mailbox, &memory.learned, own);
    for mail in &found.mails {
        memory.learned.shown(&mail.report, &before);
    }
    let known = known(&work.mailbox, &memory.learned, own);

    let mut bounces = Vec::new();
    let mut is_news = false;
    for mail in &found.mails {
        let rows = rows(work, &found, mail, &known, &history, memory.learned.habits(), now);
        let ids: Vec<_> = rows.iter().map(|(bounce, _)| bounce.id).collect();
        let stored = bounce::existing_ids(&mut tx, &ids).await?;
        let is_seen_before = !rows.is_empty() && rows.iter().all(|(bounce, _)| stored.contains(&bounce.id));
        let own = own_ids(work, mail);
        if !is_seen_before && !memory.has_told(&mail.header_hash) {
            let is_phantom =
                work.has_sent && !own.is_empty() && !own.iter().any(|id| history.sent.contains(&work.sent_hash(id)));
            let signals = signals(&mail.report, &known, is_phantom);
            if !signals.is_empty() || !own.is_empty() {
                memory.tells(&mail.header_hash);
            }
            for signal in signals {
                memory.state.signal(signal, mail.received_at.min(now));
                is_news = true;
            }
        }
        for (bounce, observation) in rows {
            let is_doubled = bounces.iter().any(|other: &Bounce| other.id == bounce.id);
            if !stored.contains(&bounce.id) && !is_doubled {
                memory.state.weigh(&observation);
                memory.learned.bounced(&observation);
                metrics::counter!("daimon_bounces_total", "reason" => bounce.reason.as_str()).increment(1);
                bounces.push(bounce);
            }
        }
    }

    let mut deliveries = Vec::new();
    if is_news || !bounces.is_empty() {
        let moved = move_on(&mut tx, work.subject(), &mut memory, &live, now, &ctx.entropy).await?;
        deliveries = moved.deliveries;
        let assessment = memory.state.assess(now);
        for bounce in &mut bounces {
            let cluster = assessment.clusters.iter().find(|one| Some(&one.template) == bounce.template.as_ref());
            bounce.verdict = Some(cluster.map_or(assessment.verdict, |cluster| cluster.verdict));
            bounce.incident = moved.incident;
        }
        bounce::insert_many(&mut tx, &bounces).await?;
    }
    for (uid, reason) in &found.put_aside {
        put_aside(&mut tx, work, &found.folder, found.checkpoint, *uid, reason, now).await?;
    }
    remember_folder(&mut tx, work, &found.folder, found.checkpoint, now).await?;
    if !mailbox::progress(&mut tx, work.id(), &work.lease, now + ctx.lease, &memory.write()).await? {
        return Err(PollError::FencedOff);
    }
    tx.commit().await?;
    work.memory = memory;
    work.passed(found.folder, found.checkpoint);
    ctx.hint_deliveries(work, &deliveries).await;
    Ok(())
}

/// Records what the Sent folder tells: hashes of Message-IDs and of recipients, nothing else.
pub(super) async fn commit_sent(
    ctx: &Reader,
    work: &mut Work,
    name: String,
    checkpoint: Checkpoint,
    mails: &[SentMail],
) -> Result<(), PollError> {
    let now = ctx.time.now();
    let (mut ids, mut recipients, mut memory) = (Vec::new(), Vec::new(), work.memory.clone());
    for mail in mails {
        let at = mail.date.or(mail.internal_date).unwrap_or(now).min(now);
        ids.extend(mail.message_id.as_deref().map(|id| (work.sent_hash(id), at)));
        let written = Origin { message_id: mail.message_id.clone(), mailer: mail.mailer.clone(), ..Origin::default() };
        memory.learned.habits_mut().wrote(&written, at);
        recipients.extend(mail.recipients.iter().map(|address| (work.correspondent_hash(address), at)));
    }
    let mut tx = ctx.db.begin(&work.wall).await?;
    if !ids.is_empty() {
        sent::insert_many(&mut tx, work.tenant.id, work.id(), &ids).await?;
    }
    if !recipients.is_empty() {
        correspondent::insert_many(&mut tx, work.tenant.id, work.id(), &recipients).await?;
    }
    remember_folder(&mut tx, work, &name, checkpoint, now).await?;
    if !mailbox::progress(&mut tx, work.id(), &work.lease, now + ctx.lease, &memory.write()).await? {
        return Err(PollError::FencedOff);
    }
    tx.commit().await?;
    work.memory = memory;
    work.has_sent |= !ids.is_empty();
    work.has_correspondents |= !recipients.is_empty();
    work.passed(name, checkpoint);
    Ok(())
}

/// Puts a message aside that was not even fetched, and goes on behind it.
pub(super) async fn commit_put_aside(
    ctx: &Reader,
    work: &mut Work,
    name: String,
    checkpoint: Checkpoint,
    uid: u32,
) -> Result<(), PollError> {
    let now = ctx.time.now();
    let mut tx = ctx.db.begin(&work.wall).await?;
    put_aside(&mut tx, work, &name, checkpoint, uid, "crashed", now).await?;
    remember_folder(&mut tx, work, &name, checkpoint, now).await?;
    if !mailbox::renew(&mut tx, work.id(), &work.lease, now + ctx.lease).await? {
        return Err(PollError::FencedOff);
    }
    tx.commit().await?;
    work.passed(name, checkpoint);
    Ok(())
}

/// Notes whether the folder has kept its UIDVALIDITY; answers how often in a row it has not.
pub(super) async fn commit_numbering(
    ctx: &Reader,
    work: &mut Work,
    name: &str,
    checkpoint: Checkpoint,
) -> Result<u32, PollError> {
    let has_changed = work.folders.get(name).is_some_and(|known| known.uid_validity != checkpoint.uid_validity);
    if !has_changed && !work.renumbered.contains_key(name) {
        return Ok(0);
    }
    let now = ctx.time.now();
    let mut tx = ctx.db.begin(&work.wall).await?;
    let renumbered = if has_changed {
        folder::renumber(&mut tx, work.id(), name, checkpoint.uid_validity, now).await?
    } else {
        folder::settled(&mut tx, work.id(), name).await?;
        0
    };
    if !mailbox::renew(&mut tx, work.id(), &work.lease, now + ctx.lease).await? {
        return Err(PollError::FencedOff);
    }
    tx.commit().await?;
    if has_changed {
        work.folders.insert(name.to_owned(), checkpoint);
    }
    Ok(renumbered)
}

async fn remember_folder(
    tx: &mut MspTx,
    work: &Work,
    name: &str,
    checkpoint: Checkpoint,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    folder::upsert(tx, work.tenant.id, work.id(), name, checkpoint, now).await?;
    in_hand::passed(tx, work.id(), name, checkpoint).await
}

async fn put_aside(
    tx: &mut MspTx,
    work: &Work,
    folder: &str,
    checkpoint: Checkpoint,
    uid: u32,
    reason: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (folder, uid_validity) = (folder.to_owned(), checkpoint.uid_validity);
    let aside = Quarantined { folder, uid_validity, uid, reason: reason.to_owned(), at };
    let id = work.id();
    tracing::warn!(mailbox.id = %id, uid, reason, "a message of mailbox {id} was put aside");
    metrics::counter!("daimon_quarantined_total", "reason" => reason.to_owned()).increment(1);
    quarantine::insert(tx, work.tenant.id, id, &aside).await
}

/// The mailbox's own messages that mail to it answers directly, and when the answer came. Further up in a thread stand
/// messages of others, and mail that is not to the mailbox answers somebody else.
fn answered<'a>(own: &'a Address, found: &'a Found) -> impl Iterator<Item = (&'a str, Option<DateTime<Utc>>)> {
    let is_ours = move |to: &[String]| to.iter().any(|to| to.eq_ignore_ascii_case(own.as_str()));
    let ordinary = found.quoted.iter().map(|answer| (&answer.to, &answer.ids, answer.at));
    let machines = found.mails.iter().filter(|mail| matches!(mail.report.kind, Kind::AutoReply | Kind::NotBounce));
    let machines = machines.map(|mail| {
        let envelope = &mail.report.envelope;
        (&envelope.to, &envelope.in_reply_to, Some(mail.received_at))
    });
    let to_us = ordinary.chain(machines).filter(move |(to, ..)| is_ours(to));
    let ids = to_us.flat_map(|(_, ids, at)| ids.iter().map(move |id| (id.as_str(), at)));
    ids.filter(|(id, _)| is_of_domain(own, id))
}

/// Which of the mailbox's own messages it answers. Bounces answer nothing.
fn own_ids<'a>(work: &Work, mail: &'a ReadMail) -> Vec<&'a str> {
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

async fn history(tx: &mut MspTx, work: &Work, found: &Found) -> Result<History, StoreError> {
    let mut ids: Vec<_> = answered(&work.mailbox.address, found).map(|(id, _)| work.sent_hash(id)).collect();
    let mut addresses = Vec::new();
    for mail in &found.mails {
        ids.extend(mail.report.origin.message_id.as_deref().map(|id| work.sent_hash(id)));
        ids.extend(own_ids(work, mail).into_iter().map(|id| work.sent_hash(id)));
        addresses.extend(mail.bounced().iter().map(|one| work.correspondent_hash(written_to(one))));
    }
    Ok(History {
        sent: sent::contains_many(tx, work.id(), &ids).await?,
        correspondents: correspondent::contains_many(tx, work.id(), &addresses).await?,
    })
}

/// The address that was written to; what failed may be where it was forwarded.
fn written_to(recipient: &daimon_domain::bounce::Recipient) -> &str {
    recipient.original_address.as_deref().unwrap_or(&recipient.address)
}

/// What is stored of each recipient, and what the detector sees.
fn rows(
    work: &Work,
    found: &Found,
    mail: &ReadMail,
    known: &Known,
    history: &History,
    habits: &Habits,
    now: DateTime<Utc>,
) -> Vec<(Bounce, Observation)> {
    let report = &mail.report;
    let sent_copy = report.origin.message_id.as_deref().filter(|_| work.has_sent);
    let sent_copy = sent_copy.map(|id| history.sent.contains(&work.sent_hash(id)));
    // A server whose clock runs ahead must not make evidence that grows until then.
    let at = mail.received_at.min(now);
    let fingerprint_seen = habits.fingerprint_seen(&report.origin, submission(report, known).as_ref(), at);
    let row = |recipient: &daimon_domain::bounce::Recipient| {
        let recipient_hash = work.hash.hash(&[b"recipient", recipient.address.as_bytes()]);
        let key = uuid::Uuid::from_slice(recipient_hash.get(..16).unwrap_or_default()).unwrap_or_default().to_string();
        let is_known = history.correspondents.contains(&work.correspondent_hash(written_to(recipient)));
        let facts = Facts {
            recipient_key: &key,
            sent_copy,
            recipient_known: work.has_correspondents.then_some(is_known),
            fingerprint_seen,
            ..Facts::default()
        };
        let observation = observe(report, recipient, known, &facts, at)?;
        let domain = recipient.address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let bounce = Bounce {
            id: mail.bounce_id(&work.hash, work.id(), &recipient.address),
            tenant: work.tenant.id,
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
            observation: serde_json::to_value(&observation).unwrap_or_default(),
            verdict: None,
            incident: None,
        };
        Some((bounce, observation))
    };
    mail.bounced().into_iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        };
        assert_eq!(answered(&own, &found).map(|(id, _)| id).collect::<Vec<_>>(), ["ours@sakura.example"]);
    }
}
