//! A test of a mailbox's connection, because somebody asked for it.
//!
//! It goes the way that reading goes, one step at a time, and stops where that would: through the same guards, at the server's
//! seats, under the mailbox's own lease, so that it is never a second session. A refused password counts like any other refusal,
//! and one that was refused often enough is not tried. What failed is told no sooner than after a while, whatever it was: by
//! how soon it failed somebody could map a network.

mod notes;
mod walk;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::Clock;
use daimon_domain::connection_test::{ConnectionTest, Finding, StepOutcome};
use daimon_domain::id::{AuditId, JobId, MspId};
use daimon_domain::job::{Job, JobEnd, JobFailure, Lease};
use daimon_domain::scope::Wall;
use daimon_store::job::{self, End};
use daimon_store::{StoreError, audit, mailbox};
use serde_json::json;

use self::notes::Notes;
use self::walk::{Effect, walk};
use super::job::{PollError, Reader};
use super::outcome;
use super::work::{Taken, Work};
use crate::poll::SessionError;
use crate::token::NoToken;

/// What fails is told after so long at the earliest.
const FLOOR: TimeDelta = TimeDelta::seconds(2);
/// What is in use is asked for again after so long.
const IN_USE: TimeDelta = TimeDelta::seconds(1);
/// Whoever asks for an access token has it by then.
const TOKEN: TimeDelta = TimeDelta::seconds(2);
/// A worker that may know more takes it until then.
const NEWER: TimeDelta = TimeDelta::seconds(10);
/// A mailbox that is in use for so long can be read: nobody needs a test of it.
const LONGEST: TimeDelta = TimeDelta::minutes(15);
/// A job that ended its process so often is not tried again.
const MOST_ATTEMPTS: u32 = 3;

/// A job that is ours.
struct Held {
    wall: Wall,
    job: Job,
    lease: Lease,
    since: DateTime<Utc>,
}

/// What came of taking the mailbox.
enum Borrowed {
    Work(Box<Work>),
    /// Not now.
    Later(DateTime<Utc>),
}

/// Does the job. `false`: it was not to be done.
#[tracing::instrument(name = "test_connection", skip_all, fields(msp.id = %msp, job.id = %id))]
pub async fn test_connection(ctx: &Reader, msp: MspId, id: JobId) -> Result<bool, StoreError> {
    let since = ctx.time.now();
    let wall = Wall::whole(msp);
    let mut tx = ctx.db.begin(&wall).await?;
    let Some((job, lease)) = job::lease(&mut tx, id, since, since + ctx.lease).await? else { return Ok(false) };
    tx.commit().await?;
    let held = Held { wall, job, lease, since };
    if held.lease.attempt > MOST_ATTEMPTS {
        tracing::error!(job.id = %id, mailbox.id = %held.job.mailbox, "processes have died of job {id}; it is given up");
        held.fail(ctx, JobFailure::Crashed).await?;
        return Ok(true);
    }
    match held.borrow(ctx).await? {
        Borrowed::Work(work) => Box::pin(held.test(ctx, *work)).await?,
        Borrowed::Later(at) if at > held.job.created_at + LONGEST => held.fail(ctx, JobFailure::InUse).await?,
        Borrowed::Later(at) => held.postpone(ctx, at).await?,
    }
    Ok(true)
}

impl Held {
    /// Takes the mailbox and a seat at its server, if both are to be had.
    async fn borrow(&self, ctx: &Reader) -> Result<Borrowed, StoreError> {
        let now = self.since;
        let mut tx = ctx.db.begin(&self.wall).await?;
        let Some((mailbox, lease)) = mailbox::borrow(&mut tx, self.job.mailbox, now, now + ctx.lease).await? else {
            return Ok(Borrowed::Later(now + IN_USE));
        };
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

    async fn test(self, ctx: &Reader, work: Work) -> Result<(), StoreError> {
        let (id, host, borrowed) = (work.id(), work.mailbox.server.host.clone(), work.lease);
        let mut notes = Notes::begin(ctx, &work).await;
        let walked = tokio::select! {
            walked = Box::pin(ctx.room.run(work.seat.mark(), walk(ctx, &work, &mut notes))) => walked,
            lost = self.keep(ctx, &work) => Err(lost),
            () = ctx.hurry.cancelled() => Err(PollError::Stopped),
        };
        let now = ctx.time.now();
        let is_ours = match &walked {
            Ok(effect) if effect.is_refused => {
                let refused = Err(PollError::Session(SessionError::Refused));
                // Counted and told like any other refusal.
                Box::pin(outcome::record(ctx, work, refused)).await.map(|end| matches!(end, JobEnd::Retry { .. }))
            }
            Ok(effect) => self.give_back(ctx, &borrowed, effect.works.then_some(now)).await,
            Err(_) => self.give_back(ctx, &borrowed, None).await,
        };
        ctx.leave_host(&host, borrowed.token).await;
        let is_ours = is_ours?;
        match walked {
            // What was tried is not what the mailbox has now.
            Ok(_) | Err(PollError::FencedOff) if !is_ours => self.postpone(ctx, now).await,
            Ok(effect) => self.finish(ctx, notes.end(), effect).await,
            Err(PollError::Store(error)) => Err(error),
            Err(PollError::NoToken(NoToken::Awaited)) => self.postpone(ctx, now + TOKEN).await,
            Err(error) => {
                tracing::info!(job.id = %self.job.id, mailbox.id = %id, error = %error, "a test of mailbox {id} is begun again");
                self.postpone(ctx, now).await
            }
        }
    }

    async fn give_back(&self, ctx: &Reader, lease: &Lease, works: Option<DateTime<Utc>>) -> Result<bool, StoreError> {
        let mut tx = ctx.db.begin(&self.wall).await?;
        let is_ours = mailbox::give_back_borrowed(&mut tx, self.job.mailbox, lease, works).await?;
        tx.commit().await?;
        Ok(is_ours)
    }

    /// Renews both leases for as long as the test goes on; ends when one is lost.
    async fn keep(&self, ctx: &Reader, work: &Work) -> PollError {
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

    async fn postpone(&self, ctx: &Reader, at: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = ctx.db.begin(&self.wall).await?;
        job::postpone(&mut tx, self.job.id, &self.lease, at).await?;
        tx.commit().await
    }

    async fn fail(&self, ctx: &Reader, why: JobFailure) -> Result<(), StoreError> {
        let mut tx = ctx.db.begin(&self.wall).await?;
        let end = End { brought: Err(why), is_in_vain: false, at: ctx.time.now() };
        job::finish(&mut tx, self.job.id, &self.lease, &end).await?;
        tx.commit().await
    }

    async fn finish(&self, ctx: &Reader, test: ConnectionTest, effect: Effect) -> Result<(), StoreError> {
        let (now, id, mailbox) = (ctx.time.now(), self.job.id, self.job.mailbox);
        let outcome = test.outcome();
        let bad = test.steps.iter().find(|step| step.finding.outcome() == StepOutcome::Failed);
        let finding = bad.map(|step| step.finding);
        let mut tx = ctx.db.begin(&self.wall).await?;
        let is_in_vain = !effect.is_let_in
            && outcome == StepOutcome::Failed
            && finding != Some(Finding::PasswordRefusedBefore)
            && !job::knows_host(&mut tx, &test.server.host).await?;
        let at = if outcome == StepOutcome::Failed { now.max(self.since + FLOOR) } else { now };
        let brought =
            serde_json::to_value(&test).map_err(|error| StoreError::Corrupt { table: "job", source: error.into() })?;
        let end = End { brought: Ok(brought), is_in_vain, at };
        if !job::finish(&mut tx, id, &self.lease, &end).await? {
            tracing::warn!(job.id = %id, "job {id} was taken over, or has gone, while it was done");
            return Ok(());
        }
        let entry = audit::NewEntry {
            id: AuditId::new(now, &ctx.entropy),
            tenant: Some(self.job.tenant),
            at: now,
            actor: "daimon".to_owned(),
            action: "mailbox.connection_tested".to_owned(),
            subject: mailbox.to_string(),
            detail: json!({ "job": id, "host": test.server.host, "outcome": outcome, "code": finding }),
        };
        audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        metrics::counter!("daimon_connection_tests_total", "outcome" => outcome.as_str()).increment(1);
        let code = finding.map_or("none", Finding::as_str);
        tracing::info!(job.id = %id, mailbox.id = %mailbox, outcome = %outcome, code, "mailbox {mailbox} was tested");
        Ok(())
    }
}
