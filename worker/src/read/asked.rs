//! Work that a client asked for on a mailbox and waits for.
//!
//! Whoever does it has the job's lease, the mailbox's own lease and a seat at its server, so that it is never a second session.
//! What is in use is asked for again, for a quarter of an hour.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::Clock;
use daimon_domain::id::{JobId, MspId};
use daimon_domain::job::{Job, JobFailure, JobKind, Lease};
use daimon_domain::scope::Wall;
use daimon_store::job::{self, End};
use daimon_store::{MspTx, StoreError, mailbox};

use super::connection_test::test;
use super::deletion::delete;
use super::job::{PollError, Reader};
use super::recipients::{self, gather};
use super::tidying::{self, tidy};
use super::work::{Taken, Work};

/// What is in use is asked for again after so long.
const IN_USE: TimeDelta = TimeDelta::seconds(1);
/// A worker that may know more takes it until then.
const NEWER: TimeDelta = TimeDelta::seconds(10);
/// A mailbox that is in use for so long can be read, and what was asked for can't be done beside that.
const LONGEST: TimeDelta = TimeDelta::minutes(15);
/// A job that ended its process so often is not tried again.
const MOST_ATTEMPTS: u32 = 3;

/// A job that is ours.
pub(super) struct Held {
    pub(super) wall: Wall,
    pub(super) job: Job,
    pub(super) lease: Lease,
    pub(super) since: DateTime<Utc>,
}

/// What came of taking the mailbox.
enum Borrowed {
    Work(Box<Work>),
    /// Not now.
    Later(DateTime<Utc>),
}

/// Does the job. `false`: it was not to be done.
#[tracing::instrument(name = "job", skip_all, fields(msp.id = %msp, job.id = %id))]
pub async fn do_job(ctx: &Reader, msp: MspId, id: JobId) -> Result<bool, StoreError> {
    let since = ctx.time.now();
    let wall = Wall::whole(msp);
    let mut tx = ctx.db.begin(&wall).await?;
    let Some((job, lease)) = job::lease(&mut tx, id, since, since + ctx.lease).await? else { return Ok(false) };
    tx.commit().await?;
    let held = Held { wall, job, lease, since };
    if held.job.kind == JobKind::Deletion {
        delete(held, ctx).await?;
        return Ok(true);
    }
    if held.lease.attempt > MOST_ATTEMPTS {
        tracing::error!(job.id = %id, "processes have died of job {id}; it is given up");
        held.give_up(ctx, JobFailure::Crashed).await?;
        return Ok(true);
    }
    match held.borrow(ctx).await? {
        Borrowed::Work(work) => match held.job.kind {
            JobKind::TestConnection => Box::pin(test(held, ctx, *work)).await?,
            JobKind::Tidy | JobKind::Untidy => Box::pin(tidy(held, ctx, *work)).await?,
            JobKind::Recipients => Box::pin(gather(held, ctx, *work)).await?,
            JobKind::Deletion => {}
        },
        Borrowed::Later(at) if at > held.job.progressed_at + LONGEST => held.give_up(ctx, JobFailure::InUse).await?,
        Borrowed::Later(at) => held.postpone(ctx, at).await?,
    }
    Ok(true)
}

impl Held {
    /// Takes the mailbox and a seat at its server, if both are to be had.
    async fn borrow(&self, ctx: &Reader) -> Result<Borrowed, StoreError> {
        let now = self.since;
        let mut tx = ctx.db.begin(&self.wall).await?;
        let taken = match self.job.mailbox {
            Some(mailbox) => mailbox::borrow(&mut tx, mailbox, now, now + ctx.lease).await?,
            None => None,
        };
        let Some((mailbox, lease)) = taken else { return Ok(Borrowed::Later(now + IN_USE)) };
        if let Some(next) = ctx.is_too_soon(&mailbox, now) {
            return Ok(Borrowed::Later(next));
        }
        let host = mailbox.server.host.clone();
        if !ctx.enter_host(&host, lease.token, now).await? {
            return Ok(Borrowed::Later(now + IN_USE));
        }
        let taken = match Work::read(&mut tx, mailbox, lease, &ctx.master, now).await {
            Ok(Taken::Work(work)) => tx.commit().await.map(|()| Borrowed::Work(work)),
            Ok(Taken::Gone) => Ok(Borrowed::Later(now + IN_USE)),
            Ok(Taken::Newer(_)) => Ok(Borrowed::Later(now + NEWER)),
            Err(error) => Err(error),
        };
        if !matches!(taken, Ok(Borrowed::Work(_))) {
            ctx.leave_host(&host, lease.token).await;
        }
        taken
    }

    pub(super) async fn give_back(
        &self,
        ctx: &Reader,
        lease: &Lease,
        works: Option<DateTime<Utc>>,
    ) -> Result<bool, StoreError> {
        let mut tx = ctx.db.begin(&self.wall).await?;
        let is_ours = match self.job.mailbox {
            Some(mailbox) => mailbox::give_back_borrowed(&mut tx, mailbox, lease, works).await?,
            None => false,
        };
        tx.commit().await?;
        Ok(is_ours)
    }

    /// A transaction in which mailbox and job are ours until it ends.
    pub(super) async fn begin(&self, ctx: &Reader, work: &Work) -> Result<MspTx, PollError> {
        let until = ctx.time.now() + ctx.lease;
        let mut tx = ctx.db.begin(&self.wall).await?;
        let is_ours = mailbox::hold(&mut tx, work.id(), &work.lease).await?
            && job::renew(&mut tx, self.job.id, &self.lease, until).await?;
        if is_ours { Ok(tx) } else { Err(PollError::FencedOff) }
    }

    /// Renews both leases for as long as the work goes on; ends when one is lost.
    pub(super) async fn keep(&self, ctx: &Reader, work: &Work) -> PollError {
        loop {
            ctx.time.sleep(ctx.lease / 3).await;
            let until = ctx.time.now() + ctx.lease;
            let renewed = async {
                let mut tx = ctx.db.begin(&self.wall).await?;
                let is_ours = mailbox::renew(&mut tx, work.id(), &work.lease, until).await?
                    && job::renew(&mut tx, self.job.id, &self.lease, until).await?;
                tx.commit().await?;
                Ok::<bool, StoreError>(is_ours)
            };
            ctx.stay_at_host(&work.mailbox.server.host, work.lease.token, until).await;
            match renewed.await {
                Ok(true) => {}
                Ok(false) => return PollError::FencedOff,
                Err(error) => tracing::debug!(error = %error, "a lease was not renewed"),
            }
        }
    }

    pub(super) async fn postpone(&self, ctx: &Reader, at: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = ctx.db.begin(&self.wall).await?;
        job::postpone(&mut tx, self.job.id, &self.lease, at).await?;
        tx.commit().await
    }

    pub(super) async fn fail(&self, ctx: &Reader, why: JobFailure) -> Result<(), StoreError> {
        let mut tx = ctx.db.begin(&self.wall).await?;
        let end = End { brought: Err(why), is_in_vain: false, at: ctx.time.now() };
        job::finish(&mut tx, self.job.id, &self.lease, &end).await?;
        tx.commit().await
    }

    /// Ends it without a result.
    async fn give_up(&self, ctx: &Reader, why: JobFailure) -> Result<(), StoreError> {
        match self.job.kind {
            JobKind::TestConnection | JobKind::Deletion => self.fail(ctx, why).await,
            JobKind::Tidy | JobKind::Untidy => tidying::fail(self, ctx, why).await,
            JobKind::Recipients => recipients::fail(self, ctx, why).await,
        }
    }
}
