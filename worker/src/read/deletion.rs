//! Deleting a mailbox, or a tenant, that has more rows than one statement should delete.
//!
//! A little at a time, each in a transaction of its own, so that nobody waits for it and a process may die at any moment: whoever
//! goes on deletes what is left. Mailboxes go one after the other, then what is the tenant's own.

use chrono::TimeDelta;
use daimon_domain::clock::Clock;
use daimon_domain::id::AuditId;
use daimon_store::deletion::{self, Target};
use daimon_store::job::{self, End};
use daimon_store::{MspTx, StoreError, audit};
use serde_json::json;

use super::asked::Held;
use super::job::Reader;

/// So many rows of a table at a time.
const AT_ONCE: u32 = 2_000;
/// After so long others have their turn: there are few slots for jobs.
const A_TURN: TimeDelta = TimeDelta::seconds(5);
/// When another deletion goes on in this process, this one is asked for again after so long.
const BEHIND: TimeDelta = TimeDelta::seconds(5);
/// So long after the database has refused a step: it may be busy with the same rows.
const AGAIN: TimeDelta = TimeDelta::minutes(1);

/// Does the job as far as there is time, one at a time. It is never given up: what is left of it would be left for ever.
pub(super) async fn delete(held: Held, ctx: &Reader) -> Result<(), StoreError> {
    let Ok(_turn) = ctx.deletions.try_acquire() else {
        return held.postpone(ctx, ctx.time.now() + BEHIND).await;
    };
    let Err(error) = go_on(&held, ctx).await else { return Ok(()) };
    let id = held.job.id;
    tracing::warn!(job.id = %id, error = %error, "job {id} is tried again in a minute");
    held.postpone(ctx, ctx.time.now() + AGAIN).await
}

async fn go_on(held: &Held, ctx: &Reader) -> Result<(), StoreError> {
    let (tenant, mailbox) = (held.job.tenant, held.job.mailbox);
    let target = mailbox.map_or(Target::Tenant(tenant), |mailbox| Target::Mailbox(tenant, mailbox));
    let until = ctx.time.now() + A_TURN;
    while let Some(tx) = begin(held, ctx).await? {
        if ctx.stop.is_cancelled() || ctx.time.now() > until {
            tx.commit().await?;
            return held.postpone(ctx, ctx.time.now()).await;
        }
        if step(held, ctx, target, tx).await? {
            return Ok(());
        }
    }
    let id = held.job.id;
    tracing::warn!(job.id = %id, "job {id} was taken over while it was done");
    Ok(())
}

/// A transaction in which the job is ours; `None`: it is not any more.
async fn begin(held: &Held, ctx: &Reader) -> Result<Option<MspTx>, StoreError> {
    let until = ctx.time.now() + ctx.lease;
    let mut tx = ctx.db.begin(&held.wall).await?;
    Ok(job::renew(&mut tx, held.job.id, &held.lease, until).await?.then_some(tx))
}

/// Deletes a little. `true`: that was the last of it.
async fn step(held: &Held, ctx: &Reader, target: Target, mut tx: MspTx) -> Result<bool, StoreError> {
    let next = deletion::next_mailbox(&mut tx, target).await?;
    let part = next.map_or(target, |mailbox| Target::Mailbox(target.tenant(), mailbox));
    let is_empty = deletion::some(&mut tx, part, AT_ONCE).await? == 0;
    if is_empty && part == target {
        end(held, ctx, target, tx).await?;
        return Ok(true);
    }
    if is_empty {
        deletion::finish(&mut tx, part, None, ctx.time.now()).await?;
    }
    tx.commit().await?;
    Ok(false)
}

async fn end(held: &Held, ctx: &Reader, target: Target, mut tx: MspTx) -> Result<(), StoreError> {
    let (now, id) = (ctx.time.now(), held.job.id);
    deletion::finish(&mut tx, target, None, now).await?;
    let end = End { brought: Ok(json!({})), is_in_vain: false, at: now };
    if !job::finish(&mut tx, id, &held.lease, &end).await? {
        return Ok(());
    }
    let entry = audit::NewEntry {
        id: AuditId::new(now, &ctx.entropy),
        tenant: target.mailbox().map(|_mailbox| target.tenant()),
        at: now,
        actor: held.job.created_by.clone(),
        action: format!("{}.deleted", target.kind()),
        subject: target.id(),
        detail: json!({ "job": id }),
    };
    audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    tracing::info!(job.id = %id, "job {id} has deleted a {}", target.kind());
    Ok(())
}
