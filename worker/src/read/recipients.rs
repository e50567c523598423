//! Which addresses bounced in an incident, read again from its mails because somebody asked for them.
//!
//! Of recipients we keep keyed hashes, and whoever cleans a list needs addresses. They stand in the bounces, which are read again
//! where they lie; nothing in the mailbox is changed. Until they are given they are sealed under the tenant's key.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::Clock;
use daimon_domain::gathered::Gathered;
use daimon_domain::id::{AuditId, BounceId};
use daimon_domain::incident::Incident;
use daimon_domain::job::JobFailure;
use daimon_seal::{Aad, DataKey};
use daimon_store::job::{self, End};
use daimon_store::recipient::{self, Lost, Told, Wanted};
use daimon_store::tidied::Spot;
use daimon_store::{MspTx, StoreError, audit, incident};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::again::{Search, Tells, look_into, mark, read};
use super::asked::Held;
use super::errand::{NotDone, run};
use super::job::{PollError, Reader};
use super::session::{may_go_on, signed_in};
use super::work::Work;
use crate::poll::{Selected, Session, SessionError};

/// What takes longer ends with what there is.
const LONGEST: TimeDelta = TimeDelta::hours(6);
/// So many bounces are noted in a transaction.
const NOTED_AT_ONCE: u32 = 20_000;
/// So many bounces are looked for at a time. One mail may tell of a thousand.
const AT_ONCE: usize = 1_000;

/// How far it has come.
#[derive(Default, Serialize, Deserialize)]
struct Progress {
    /// The bounce that was noted last.
    noted: Option<BounceId>,
    /// All are noted.
    is_noted: bool,
    /// Where a folder that is searched is to be read on.
    search: Option<Spot>,
}

/// Does the job on a mailbox that is ours.
pub(super) async fn gather(held: Held, ctx: &Reader, work: Work) -> Result<(), StoreError> {
    match run(&held, ctx, work, async |work: &Work| walk(ctx, work, &held).await).await? {
        Some(brought) => end(&held, ctx, brought).await,
        None => Ok(()),
    }
}

async fn walk(ctx: &Reader, work: &Work, held: &Held) -> Result<Gathered, NotDone> {
    let (access, key) = work.access(&ctx.master).zip(work.data_key(&ctx.master)).ok_or(PollError::Sealed)?;
    let progress = noted(ctx, work, held).await?;
    let session = signed_in(ctx, &work.mailbox.server, &access).await?;
    let mut gatherer = Gatherer { ctx, work, held, key, session, progress };
    while ctx.time.now() < held.job.created_at + LONGEST && gatherer.look_in_next_folder().await? {}
    gatherer.session.close().await;
    let mut tx = held.begin(ctx, work).await?;
    let counts = recipient::count(&mut tx, held.job.id).await?;
    tx.commit().await?;
    Ok(counts)
}

/// Notes which bounces are looked for, as far as that was not done before.
async fn noted(ctx: &Reader, work: &Work, held: &Held) -> Result<Progress, NotDone> {
    let mut tx = held.begin(ctx, work).await?;
    let progress = job::progress(&mut tx, held.job.id).await?;
    let mut progress: Progress = progress.and_then(|known| serde_json::from_value(known).ok()).unwrap_or_default();
    while !progress.is_noted {
        let incident = find(held, &mut tx).await?.ok_or(NotDone::ForGood(JobFailure::NotAllowed))?;
        let last = recipient::plan(&mut tx, &held.job, &incident, progress.noted, NOTED_AT_ONCE).await?;
        (progress.noted, progress.is_noted) = (last, last.is_none());
        job::go_on(&mut tx, held.job.id, Some(json!(progress)), ctx.time.now()).await?;
        tx.commit().await?;
        tx = held.begin(ctx, work).await?;
    }
    tx.commit().await?;
    Ok(progress)
}

async fn find(held: &Held, tx: &mut MspTx) -> Result<Option<Incident>, StoreError> {
    match held.job.incident {
        Some(id) => incident::find(tx, id).await,
        None => Ok(None),
    }
}

/// A session that reads mails again.
struct Gatherer<'a> {
    ctx: &'a Reader,
    work: &'a Work,
    held: &'a Held,
    key: DataKey,
    session: Session,
    progress: Progress,
}

impl Gatherer<'_> {
    /// Looks for bounces of the folder that comes next. `false`: there are no more.
    async fn look_in_next_folder(&mut self) -> Result<bool, NotDone> {
        let mut tx = self.ctx.db.begin(&self.held.wall).await?;
        let wanted = recipient::waiting(&mut tx, self.held.job.id, AT_ONCE).await?;
        drop(tx);
        let Some(place) = wanted.first().map(|one| one.at.clone()) else { return Ok(false) };
        may_go_on(self.ctx.stop.is_cancelled(), self.session.ends())?;
        match look_into(&mut self.session, &place.folder).await {
            Err(SessionError::NoFolder) => {
                let folders = self.session.folders().await?;
                let is_there = folders.iter().any(|folder| folder.name == place.folder);
                self.are_lost(&place, if is_there { Lost::Shut } else { Lost::Gone }).await?;
            }
            Err(error) => return Err(error.into()),
            Ok(selected) if selected.uid_validity == place.uid_validity && selected.tells_uid_next => {
                self.read_where_they_lay(wanted).await?;
            }
            Ok(selected) => self.search(selected, &place).await?,
        }
        Ok(true)
    }

    async fn read_where_they_lay(&mut self, wanted: Vec<Wanted>) -> Result<(), NotDone> {
        let uids: BTreeSet<_> = wanted.iter().map(|one| one.at.uid).collect();
        let uids: Vec<_> = uids.into_iter().collect();
        for some in uids.chunks(self.session.batch()) {
            may_go_on(self.ctx.stop.is_cancelled(), self.session.ends())?;
            let present = self.session.present(some).await?;
            let tells = read(self.ctx, self.work, &mut self.session, &present).await?;
            let here: Vec<_> = wanted.iter().filter(|one| some.contains(&one.at.uid)).cloned().collect();
            let told = self.told(tells.into_values(), &here)?;
            let mut tx = self.held.begin(self.ctx, self.work).await?;
            recipient::found(&mut tx, self.held.job.id, &told).await?;
            let all: Vec<_> = here.iter().map(|one| one.bounce).collect();
            recipient::gone(&mut tx, self.held.job.id, &all).await?;
            job::go_on(&mut tx, self.held.job.id, None, self.ctx.time.now()).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Where numbers mean something else now, mails are looked for among all that have come since. A search goes on where the session
    /// before has left it.
    async fn search(&mut self, selected: Selected, place: &Spot) -> Result<(), NotDone> {
        let job = self.held.job.id;
        let is_here = |at: &&Spot| at.folder == place.folder && at.uid_validity == selected.uid_validity;
        let first = if let Some(left) = self.progress.search.as_ref().filter(is_here) {
            left.uid
        } else {
            let mut tx = self.ctx.db.begin(&self.held.wall).await?;
            let oldest = recipient::oldest_beside(&mut tx, job, place).await?;
            drop(tx);
            let since = oldest.map_or(self.held.job.created_at, received_at);
            self.session.first_uid_since(selected, since).await?
        };
        let mut search =
            Search::begin(self.ctx, self.work, &mut self.session, (&place.folder, selected), first).await?;
        while let Some(tells) = search.step(self.ctx, self.work, &mut self.session).await? {
            let marks: Vec<_> = tells.values().flat_map(Tells::keys).copied().collect();
            let mut tx = self.held.begin(self.ctx, self.work).await?;
            let wanted = recipient::with_marks(&mut tx, job, &marks).await?;
            recipient::found(&mut tx, job, &self.told(tells.into_values(), &wanted)?).await?;
            let uid = search.next().unwrap_or(selected.uid_next);
            let (folder, uid_validity) = (place.folder.clone(), selected.uid_validity);
            self.progress.search = Some(Spot { folder, uid_validity, uid });
            job::go_on(&mut tx, job, Some(json!(self.progress)), self.ctx.time.now()).await?;
            tx.commit().await?;
        }
        self.are_lost(place, Lost::Gone).await?;
        // What lay there under another numbering may be older.
        self.progress.search = None;
        let mut tx = self.held.begin(self.ctx, self.work).await?;
        job::go_on(&mut tx, job, Some(json!(self.progress)), self.ctx.time.now()).await?;
        Ok(tx.commit().await?)
    }

    /// The addresses that mails tell, of those that are wanted.
    fn told(&self, tells: impl Iterator<Item = Tells>, wanted: &[Wanted]) -> Result<Vec<Told>, PollError> {
        let (msp, tenant) = (self.held.wall.msp, self.held.job.tenant);
        let mut wanted: HashMap<_, _> = wanted.iter().map(|one| (mark(one.bounce), one.bounce)).collect();
        let mut told = Vec::new();
        for (mark, address) in tells.flatten() {
            let Some(bounce) = wanted.remove(&mark) else { continue };
            let aad = Aad::bounced_recipient(msp, tenant, bounce);
            let sealed = self.key.seal(&aad, address.as_bytes()).map_err(|_never| PollError::Sealed)?;
            told.push(Told { bounce, hash: self.work.hash.hash(&[b"recipient", address.as_bytes()]), sealed });
        }
        Ok(told)
    }

    /// Nobody looks any more for what lay at a place.
    async fn are_lost(&self, place: &Spot, lost: Lost) -> Result<(), PollError> {
        loop {
            let mut tx = self.held.begin(self.ctx, self.work).await?;
            let some = recipient::lose_beside(&mut tx, self.held.job.id, place, lost, NOTED_AT_ONCE).await?;
            tx.commit().await?;
            if some == 0 {
                return Ok(());
            }
        }
    }
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
    let detail = match &brought {
        Ok(Gathered { addresses, missing, unread, .. }) => json!({
            "job": id, "mailbox": held.job.mailbox, "addresses": addresses, "missing": missing, "unread": unread
        }),
        Err(why) => json!({ "job": id, "mailbox": held.job.mailbox, "failure": why }),
    };
    if brought.is_err() {
        job::let_go(&mut tx, id, now).await?;
    }
    let brought = brought.map(|counts| json!(counts));
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
