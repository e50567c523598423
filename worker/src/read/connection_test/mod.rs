//! A test of a mailbox's connection, because somebody asked for it.
//!
//! It goes the way that reading goes, one step at a time, and stops where that would: through the same guards, at the server's
//! seats, under the mailbox's own lease, so that it is never a second session. A refused password counts like any other refusal,
//! and one that was refused often enough is not tried. What failed is told no sooner than after a while, whatever it was: by
//! how soon it failed somebody could map a network.

mod notes;
mod walk;

use chrono::TimeDelta;
use daimon_domain::clock::Clock;
use daimon_domain::connection_test::{ConnectionTest, Finding, StepOutcome};
use daimon_domain::id::{AuditId, MailboxId};
use daimon_domain::job::JobEnd;
use daimon_store::job::{self, End};
use daimon_store::{StoreError, audit};
use serde_json::json;

use self::notes::Notes;
use self::walk::{Effect, walk};
use super::asked::Held;
use super::job::{PollError, Reader};
use super::outcome;
use super::work::Work;
use crate::poll::SessionError;
use crate::token::NoToken;

/// What fails is told after so long at the earliest.
const FLOOR: TimeDelta = TimeDelta::seconds(2);
/// Whoever asks for an access token has it by then.
const TOKEN: TimeDelta = TimeDelta::seconds(2);

/// Tests a mailbox that is ours.
pub(super) async fn test(held: Held, ctx: &Reader, work: Work) -> Result<(), StoreError> {
    let (id, host, borrowed) = (work.id(), work.mailbox.server.host.clone(), work.lease);
    let mut notes = Notes::begin(ctx, &work).await;
    let walked = tokio::select! {
        walked = Box::pin(ctx.room.run(work.seat.mark(), walk(ctx, &work, &mut notes))) => walked,
        lost = held.keep(ctx, &work) => Err(lost),
        () = ctx.hurry.cancelled() => Err(PollError::Stopped),
    };
    let now = ctx.time.now();
    let is_ours = match &walked {
        Ok(effect) if effect.is_refused => {
            let refused = Err(PollError::Session(SessionError::Refused));
            // Counted and told like any other refusal.
            Box::pin(outcome::record(ctx, work, refused)).await.map(|end| matches!(end, JobEnd::Retry { .. }))
        }
        Ok(effect) => held.give_back(ctx, &borrowed, effect.works.then_some(now)).await,
        Err(_) => held.give_back(ctx, &borrowed, None).await,
    };
    ctx.leave_host(&host, borrowed.token).await;
    let is_ours = is_ours?;
    match walked {
        // What was tried is not what the mailbox has now.
        Ok(_) | Err(PollError::FencedOff) if !is_ours => held.postpone(ctx, now).await,
        Ok(effect) => held.finish(ctx, id, notes.end(), effect).await,
        Err(PollError::Store(error)) => Err(error),
        Err(PollError::NoToken(NoToken::Awaited)) => held.postpone(ctx, now + TOKEN).await,
        Err(error) => {
            tracing::info!(job.id = %held.job.id, mailbox.id = %id, error = %error, "a test of mailbox {id} is begun again");
            held.postpone(ctx, now).await
        }
    }
}

impl Held {
    async fn finish(
        &self,
        ctx: &Reader,
        mailbox: MailboxId,
        test: ConnectionTest,
        effect: Effect,
    ) -> Result<(), StoreError> {
        let (now, id) = (ctx.time.now(), self.job.id);
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
            detail: json!({ "job": id, "outcome": outcome, "code": finding }),
        };
        audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        metrics::counter!("daimon_connection_tests_total", "outcome" => outcome.as_str()).increment(1);
        let code = finding.map_or("none", Finding::as_str);
        tracing::info!(job.id = %id, mailbox.id = %mailbox, outcome = %outcome, code, "mailbox {mailbox} was tested");
        Ok(())
    }
}
