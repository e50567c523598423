//! Which addresses bounced in an incident, read again from its mails because somebody asked for them.
//!
//! Of recipients we keep keyed hashes, and whoever cleans a list needs addresses. They stand in the bounces, which are read again
//! where they lie; nothing in the mailbox is changed. Until they are given they are sealed under the tenant's key.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::Clock;
use daimon_domain::gathered::Gathered;
use daimon_domain::id::{AuditId, BounceId};
use daimon_domain::job::JobFailure;
use daimon_seal::{Aad, DataKey};
use daimon_store::job::{self, End};
use daimon_store::recipient::{self, Wanted};
use daimon_store::{StoreError, audit};
use serde_json::json;

use super::again::{Search, Told, look_into, mark, read};
use super::asked::Held;
use super::errand::{NotDone, run};
use super::job::{PollError, Reader};
use super::session::{may_go_on, signed_in};
use super::work::Work;
use crate::poll::{Selected, Session, SessionError};

/// What takes longer ends with what there is: a folder that is numbered anew again and again is searched again and again.
const LONGEST: TimeDelta = TimeDelta::hours(6);
/// So many bounces are looked for where their mails lay. One mail may tell of a thousand.
const AT_ONCE: usize = 1_000;
/// So many are looked for in a folder that is searched.
const IN_A_SEARCH: usize = 100_000;

/// Does the job on a mailbox that is ours.
pub(super) async fn gather(held: Held, ctx: &Reader, work: Work) -> Result<(), StoreError> {
    match run(&held, ctx, work, async |work: &Work| walk(ctx, work, &held).await).await? {
        Some(brought) => end(&held, ctx, brought).await,
        None => Ok(()),
    }
}

async fn walk(ctx: &Reader, work: &Work, held: &Held) -> Result<Gathered, NotDone> {
    let incident = held.job.incident.ok_or(NotDone::ForGood(JobFailure::NotAllowed))?;
    let (access, key) = work.access(&ctx.master).zip(work.data_key(&ctx.master)).ok_or(PollError::Sealed)?;
    let mut tx = held.begin(ctx, work).await?;
    recipient::plan(&mut tx, &held.job, incident).await?;
    tx.commit().await?;
    let session = signed_in(ctx, &work.mailbox.server, &access).await?;
    let mut gatherer = Gatherer { ctx, work, held, key, session };
    while ctx.time.now() < held.job.created_at + LONGEST && gatherer.look_in_next_folder().await? {}
    gatherer.session.close().await;
    let mut tx = held.begin(ctx, work).await?;
    let counts = recipient::count(&mut tx, held.job.id).await?;
    tx.commit().await?;
    Ok(counts)
}

/// A session that reads mails again.
struct Gatherer<'a> {
    ctx: &'a Reader,
    work: &'a Work,
    held: &'a Held,
    key: DataKey,
    session: Session,
}

impl Gatherer<'_> {
    /// Looks for bounces of the folder that comes next. `false`: there are no more.
    async fn look_in_next_folder(&mut self) -> Result<bool, NotDone> {
        let wanted = self.waiting(AT_ONCE).await?;
        let Some(Wanted { at: place, .. }) = wanted.first() else { return Ok(false) };
        may_go_on(self.ctx.stop.is_cancelled(), self.session.ends())?;
        match look_into(&mut self.session, &place.folder).await {
            Err(SessionError::NoFolder) => self.are_gone(wanted.iter().map(|one| one.bounce)).await?,
            Err(error) => return Err(error.into()),
            Ok(selected) if selected.uid_validity == place.uid_validity && selected.tells_uid_next => {
                self.read_where_they_lay(wanted).await?;
            }
            Ok(selected) => {
                let wanted = self.waiting(IN_A_SEARCH).await?;
                self.search(selected, wanted).await?;
            }
        }
        Ok(true)
    }

    async fn waiting(&self, most: usize) -> Result<Vec<Wanted>, StoreError> {
        let mut tx = self.ctx.db.begin(&self.held.wall).await?;
        recipient::waiting(&mut tx, self.held.job.id, most).await
    }

    async fn read_where_they_lay(&mut self, wanted: Vec<Wanted>) -> Result<(), NotDone> {
        let uids: BTreeSet<_> = wanted.iter().map(|one| one.at.uid).collect();
        let uids: Vec<_> = uids.into_iter().collect();
        let mut wanted = by_mark(wanted);
        for some in uids.chunks(self.session.batch()) {
            may_go_on(self.ctx.stop.is_cancelled(), self.session.ends())?;
            let present = self.session.present(some).await?;
            let told = read(self.ctx, self.work, &mut self.session, &present).await?;
            self.are_told(told.into_values(), &mut wanted).await?;
            let gone = wanted.values().filter(|one| some.contains(&one.at.uid)).map(|one| one.bounce);
            self.are_gone(gone).await?;
        }
        Ok(())
    }

    /// Where numbers mean something else now, mails are looked for among all that have come since.
    async fn search(&mut self, selected: Selected, wanted: Vec<Wanted>) -> Result<(), NotDone> {
        let Some(oldest) = wanted.iter().map(|one| one.bounce).min() else { return Ok(()) };
        let first = self.session.first_uid_since(selected, received_at(oldest)).await?;
        let mut search = Search::from(selected, first);
        let mut wanted = by_mark(wanted);
        while !wanted.is_empty()
            && let Some(told) = search.step(self.ctx, self.work, &mut self.session).await?
        {
            self.are_told(told.into_values(), &mut wanted).await?;
        }
        Ok(self.are_gone(wanted.values().map(|one| one.bounce)).await?)
    }

    /// Keeps the addresses that mails tell, of those that are wanted.
    async fn are_told(
        &self,
        told: impl Iterator<Item = Told>,
        wanted: &mut HashMap<u64, Wanted>,
    ) -> Result<(), PollError> {
        let (msp, tenant) = (self.held.wall.msp, self.held.job.tenant);
        let mut addresses = HashMap::new();
        for (mark, address) in told.flatten() {
            let Some(Wanted { bounce, recipient_hash, .. }) = wanted.remove(&mark) else { continue };
            let aad = Aad::bounced_recipient(msp, tenant, bounce);
            let sealed = self.key.seal(&aad, address.as_bytes()).map_err(|_never| PollError::Sealed)?;
            addresses.entry(recipient_hash).or_insert((bounce, sealed));
        }
        let addresses: Vec<_> = addresses.into_values().collect();
        let mut tx = self.held.begin(self.ctx, self.work).await?;
        recipient::found(&mut tx, self.held.job.id, &addresses).await?;
        Ok(tx.commit().await?)
    }

    async fn are_gone(&self, bounces: impl Iterator<Item = BounceId>) -> Result<(), PollError> {
        let bounces: Vec<_> = bounces.collect();
        let mut tx = self.held.begin(self.ctx, self.work).await?;
        recipient::gone(&mut tx, self.held.job.id, &bounces).await?;
        Ok(tx.commit().await?)
    }
}

fn by_mark(wanted: Vec<Wanted>) -> HashMap<u64, Wanted> {
    wanted.into_iter().map(|one| (mark(one.bounce), one)).collect()
}

/// When the mail came that made the id.
fn received_at(bounce: BounceId) -> DateTime<Utc> {
    let (high, _) = bounce.as_uuid().as_u64_pair();
    i64::try_from(high >> 16).ok().and_then(DateTime::from_timestamp_millis).unwrap_or_default()
}

/// Ends the job without a result.
pub(super) async fn fail(held: &Held, ctx: &Reader, why: JobFailure) -> Result<(), StoreError> {
    end(held, ctx, Err(why)).await
}

async fn end(held: &Held, ctx: &Reader, brought: Result<Gathered, JobFailure>) -> Result<(), StoreError> {
    let (now, id) = (ctx.time.now(), held.job.id);
    let mut tx = ctx.db.begin(&held.wall).await?;
    let (detail, brought) = match brought {
        Ok(Gathered { addresses, missing, .. }) => {
            let detail = json!({ "job": id, "mailbox": held.job.mailbox, "addresses": addresses, "missing": missing });
            (detail, Ok(json!({ "addresses": addresses, "missing": missing })))
        }
        Err(why) => {
            recipient::forget(&mut tx, id).await?;
            (json!({ "job": id, "mailbox": held.job.mailbox, "failure": why }), Err(why))
        }
    };
    let outcome = brought.as_ref().err().map_or("done", |why| why.as_str());
    if !job::finish(&mut tx, id, &held.lease, &End { brought, is_in_vain: false, at: now }).await? {
        tracing::warn!(job.id = %id, "job {id} was taken over, or has gone, while it was done");
        return Ok(());
    }
    let entry = audit::NewEntry {
        id: AuditId::new(now, &ctx.entropy),
        tenant: Some(held.job.tenant),
        at: now,
        actor: "daimon".to_owned(),
        action: "incident.recipients_gathered".to_owned(),
        subject: held.job.incident.map(|incident| incident.to_string()).unwrap_or_default(),
        detail,
    };
    audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    tracing::info!(job.id = %id, outcome, "job {id} has ended");
    Ok(())
}
