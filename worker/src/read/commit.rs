//! One batch, one transaction: bounces, checkpoint, detector state, incident, event and deliveries. The commit is the
//! only moment at which anything happened.

use chrono::{DateTime, Utc};
use daimon_domain::clock::Clock;
use daimon_domain::id::IncidentId;
use daimon_domain::incident::Incident;
use daimon_domain::mailbox::Checkpoint;
use daimon_domain::origin::Origin;
use daimon_store::bounce::Bounce;
use daimon_store::in_hand::{self, InHand};
use daimon_store::quarantine::{self, Quarantined};
use daimon_store::{
    MspTx, StoreError, bounce, campaign, correspondent, dkim_selector, folder, incident, mailbox, sent,
};
use daimon_verdict::Assessment;

use super::fleet::compare;
use super::incident::move_on;
use super::job::{PollError, Reader};
use super::mail::ReadMail;
use super::session::FIRST_VISIT;
use super::weigh::{Asked, History, Weighed, weigh};
use super::work::Work;
use crate::judge::Place;
use crate::poll::{Answer, Glance, SentMail};

/// What was found in a part of a folder.
pub(super) struct Found {
    pub(super) folder: String,
    /// What the folder is.
    pub(super) place: Place,
    pub(super) checkpoint: Checkpoint,
    pub(super) mails: Vec<ReadMail>,
    /// What ordinary mail in it answers.
    pub(super) quoted: Vec<Answer>,
    /// How ordinary mail in it was found.
    pub(super) glanced: Vec<Glance>,
    /// How many reports of a flood were counted and not read.
    pub(super) counted: usize,
    /// Messages that are not read again, and why.
    pub(super) put_aside: Vec<(u32, &'static str)>,
    /// The message that had been put aside and was read after all.
    pub(super) again: Option<Quarantined>,
    /// What is in hand once it is stored; `None`: the same as before.
    pub(super) then: Option<InHand>,
}

/// Records what was found. [`PollError::FencedOff`]: the mailbox is ours no more, and nothing was recorded.
pub(super) async fn commit(ctx: &Reader, work: &mut Work, mut found: Found) -> Result<(), PollError> {
    let now = ctx.time.now();
    let (ground, is_alone) = (work.ground(), work.seat.is_alone());
    if found.again.is_none() {
        let known = work.folders.get(&found.folder).copied();
        found.mails.retain(|mail| !is_long_known((mail.uid, mail.received_at), found.checkpoint, known, now));
    }
    let prepare = move || {
        found.mails.sort_by_key(|mail| mail.received_at);
        let asked = Asked::of(&ground, &found);
        (ground, found, asked)
    };
    let (ground, found, asked) = ctx.room.blocking(is_alone, prepare).await?;
    // The memory is replaced after the commit only: what was rolled back was never learnt.
    let mut memory = work.memory.clone();
    let mut tx = begin(ctx, work).await?;
    let live = incident::live_for_mailbox(&mut tx, work.id()).await?;
    memory.hear_of(&live);
    let history = History {
        sent: sent::contains_many(&mut tx, work.id(), &asked.sent).await?,
        correspondents: correspondent::first_seen_many(&mut tx, work.id(), &asked.correspondents).await?,
        stored: bounce::existing_ids(&mut tx, &asked.bounces).await?,
    };
    let weighing = move || {
        let weighed = weigh(&ground, &found, &history, memory, now);
        (weighed, found)
    };
    let (Weighed { mut memory, mut bounces, troubles, selectors, sendings, is_news }, found) =
        ctx.room.blocking(is_alone, weighing).await?;

    for signal in compare(&mut tx, work, &troubles, now).await? {
        memory.state.signal(signal, now);
    }
    let mut deliveries = Vec::new();
    if found.counted > 0 {
        count(&mut tx, &live, found.counted).await?;
    }
    if is_news || !bounces.is_empty() {
        let moved = move_on(&mut tx, work.subject(), &mut memory, &live, now, &ctx.entropy).await?;
        deliveries = moved.deliveries;
        let assessment = memory.state.assess(now);
        mark(&mut bounces, &assessment, moved.incident);
        bounce::insert_many(&mut tx, &bounces).await?;
    }
    if !selectors.is_empty() {
        let domain = work.mailbox.address.domain().to_ascii_lowercase();
        dkim_selector::note_many(&mut tx, work.tenant.id, &domain, &selectors, now).await?;
    }
    for (id, made) in sendings {
        campaign::learn(&mut tx, id, &made.into_iter().collect::<Vec<_>>()).await?;
    }
    if let Some(message) = &found.again {
        quarantine::remove(&mut tx, work.id(), message).await?;
    }
    for (uid, reason) in &found.put_aside {
        put_aside(&mut tx, work, &found.folder, found.checkpoint, *uid, reason, now).await?;
    }
    remember_folder(&mut tx, work, &found.folder, found.checkpoint, found.then.as_ref(), now).await?;
    if !mailbox::progress(&mut tx, work.id(), &work.lease, now + ctx.lease, &memory.write()).await? {
        return Err(PollError::FencedOff);
    }
    tx.commit().await?;
    work.memory = memory;
    work.reports += found.mails.len();
    work.passed(found.folder, found.checkpoint);
    ctx.hint_deliveries(work.wall.msp, work.tenant.id, &deliveries).await;
    Ok(())
}

/// Whether a mail was read so long ago that its bounces may not be kept any more. A folder whose numbers may have moved is read again
/// from a little further back, and what was deleted would be stored and judged as if it were new.
fn is_long_known(
    (uid, received_at): (u32, DateTime<Utc>),
    read: Checkpoint,
    known: Option<Checkpoint>,
    now: DateTime<Utc>,
) -> bool {
    let is_known = known.is_some_and(|known| known.uid_validity == read.uid_validity && uid <= known.last_uid);
    is_known && received_at < now - FIRST_VISIT
}

/// Notes with the surest incident of the mailbox how many reports were not read because it is known what they are.
async fn count(tx: &mut MspTx, live: &[Incident], counted: usize) -> Result<(), StoreError> {
    metrics::counter!("daimon_reports_counted_total").increment(u64::try_from(counted).unwrap_or(u64::MAX));
    match live.iter().max_by_key(|incident| incident.tier) {
        Some(incident) => incident::count_unread(tx, incident.id, counted).await,
        None => Ok(()),
    }
}

/// Writes on each bounce what it was found to be, and whose.
pub(super) fn mark(bounces: &mut [Bounce], assessment: &Assessment, incident: Option<IncidentId>) {
    for bounce in bounces {
        let cluster = assessment.clusters.iter().find(|one| Some(&one.template) == bounce.template.as_ref());
        bounce.verdict = Some(cluster.map_or(assessment.verdict, |cluster| cluster.verdict));
        bounce.incident = incident;
    }
}

/// A transaction that holds the mailbox before anything that is deleted with it.
async fn begin(ctx: &Reader, work: &Work) -> Result<MspTx, PollError> {
    let mut tx = ctx.db.begin(&work.wall).await?;
    if mailbox::hold(&mut tx, work.id(), &work.lease).await? { Ok(tx) } else { Err(PollError::FencedOff) }
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
    let ground = work.ground();
    for mail in mails {
        let at = sent_at(mail, work.mailbox.last_polled_at, now);
        ids.extend(mail.message_id.as_deref().map(|id| (ground.sent_hash(id), at)));
        let written = Origin { message_id: mail.message_id.clone(), mailer: mail.mailer.clone(), ..Origin::default() };
        memory.learned.wrote(&written, &mail.language, at);
        recipients.extend(mail.recipients.iter().map(|address| (ground.correspondent_hash(address), at)));
    }
    memory.settle(now);
    let mut tx = begin(ctx, work).await?;
    if !ids.is_empty() {
        sent::insert_many(&mut tx, work.tenant.id, work.id(), &ids).await?;
    }
    if !recipients.is_empty() {
        correspondent::insert_many(&mut tx, work.tenant.id, work.id(), &recipients).await?;
    }
    remember_folder(&mut tx, work, &name, checkpoint, Some(&nothing()), now).await?;
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

/// When a mail came into Sent. Its Date is whatever a thief wrote, and so is INTERNALDATE if he files it himself; but what
/// was not there the last time came after it.
fn sent_at(mail: &SentMail, last_polled_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    let at = mail.internal_date.or(mail.date).unwrap_or(now);
    last_polled_at.map_or(at, |last| at.max(last)).min(now)
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
    let mut tx = begin(ctx, work).await?;
    put_aside(&mut tx, work, &name, checkpoint, uid, quarantine::CRASHED, now).await?;
    remember_folder(&mut tx, work, &name, checkpoint, Some(&nothing()), now).await?;
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
    let mut tx = begin(ctx, work).await?;
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

/// No message is in hand any more, and the session still lives.
pub(super) fn nothing() -> InHand {
    InHand::nothing_of("", false)
}

async fn remember_folder(
    tx: &mut MspTx,
    work: &Work,
    name: &str,
    checkpoint: Checkpoint,
    then: Option<&InHand>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    folder::upsert(tx, work.tenant.id, work.id(), name, checkpoint, now).await?;
    if let Some(then) = then {
        in_hand::take(tx, work.tenant.id, work.id(), &work.lease, then, now).await?;
    }
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
    let aside = Quarantined { folder, uid_validity, uid, reason: reason.to_owned(), at, again: false };
    let id = work.id();
    tracing::warn!(mailbox.id = %id, uid, reason, "a message of mailbox {id} was put aside");
    metrics::counter!("daimon_quarantined_total", "reason" => reason.to_owned()).increment(1);
    quarantine::insert(tx, work.tenant.id, id, &aside).await
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use daimon_verdict::language::Written;

    use super::*;

    #[test]
    fn a_mail_in_sent_is_no_older_than_the_last_look_whatever_it_says() {
        let day = |day: i64| DateTime::from_timestamp(day * 86_400, 0).unwrap();
        let mail = |internal_date, date| SentMail {
            uid: 1,
            internal_date,
            message_id: None,
            date,
            mailer: None,
            language: Written::default(),
            recipients: Vec::new(),
        };
        let backdated = mail(Some(day(20)), Some(day(1)));
        assert_eq!(sent_at(&backdated, None, day(30)), day(20));
        assert_eq!(sent_at(&backdated, Some(day(29)), day(30)), day(29));
        assert_eq!(sent_at(&mail(None, Some(day(1))), Some(day(29)), day(30)), day(29));
        assert_eq!(sent_at(&mail(Some(day(40)), None), Some(day(29)), day(30)), day(30));
    }

    #[test]
    fn what_was_read_longer_ago_than_a_first_visit_looks_is_not_read_again() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let (young, old) = (now - TimeDelta::days(59), now - TimeDelta::days(61));
        let read = Checkpoint { uid_validity: 7, last_uid: 60 };
        let known = Some(Checkpoint { uid_validity: 7, last_uid: 50 });
        let is_left = |mail, known| is_long_known(mail, read, known, now);
        assert_eq!([is_left((50, old), known), is_left((50, young), known)], [true, false]);
        assert!(!is_left((51, old), known), "it has come since, however old it says that it is");
        assert!(!is_left((50, old), None));
        assert!(
            !is_left((50, old), Some(Checkpoint { uid_validity: 6, last_uid: 50 })),
            "another mail had that number"
        );
    }
}
