//! What the database is told of the sessions that wait here, and what it tells of them; and whose worker has died.

use std::collections::HashSet;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use daimon_domain::id::MspId;
use daimon_domain::scope::Wall;
use daimon_store::mailbox::{self, IdleEnd};
use daimon_store::{Db, Fleet, StoreError};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::idlers::{Ended, Idlers};

/// Keeps what is ours and finds what is nobody's, once a second; goes on until `stop`, and gives everything back then.
pub(crate) async fn keep(idlers: Idlers, db: Db, fleet: Fleet, lease: TimeDelta, stop: CancellationToken) {
    let mut keep_at = idlers.now();
    let mut look_at = keep_at;
    while !stop.is_cancelled() {
        let now = idlers.now();
        keep_at = keep_at.min(now + lease / 3);
        look_at = look_at.min(now + TimeDelta::seconds(1));
        if keep_at <= now {
            match say_alive(&idlers, &fleet, lease).await {
                Ok(()) => keep_at = now + lease / 3,
                Err(error) => tracing::debug!(error = %error, "nobody was told that this worker holds sessions"),
            }
        }
        if look_at <= now {
            if let Err(error) = take_over(&db, &fleet, now).await {
                tracing::debug!(error = %error, "sessions of dead workers can't be looked for");
            }
            look_at = next_second(now);
        }
        tell_ended(&idlers, &db).await;
        tokio::select! {
            () = idlers.time().sleep_until(keep_at.min(look_at)) => {}
            () = idlers.rung() => {}
            () = stop.cancelled() => {}
        }
    }
    give_back(&idlers, &db, &fleet).await;
}

fn next_second(now: DateTime<Utc>) -> DateTime<Utc> {
    now.duration_trunc(TimeDelta::seconds(1)).unwrap_or(now) + TimeDelta::seconds(1)
}

/// Says that this worker lives, and closes what is no longer its own.
pub(super) async fn say_alive(idlers: &Idlers, fleet: &Fleet, lease: TimeDelta) -> Result<(), StoreError> {
    let now = idlers.now();
    let count = idlers.count();
    metrics::gauge!("daimon_idle_sessions").set(f64::from(count));
    fleet.keep_idle_worker(idlers.holder(), count, now, now + lease).await?;
    // First what is here: what begins meanwhile is not missing there.
    let held = idlers.held();
    let known = fleet.idling(idlers.holder()).await?;
    let tokens: HashSet<Uuid> = known.iter().map(|(_, _, token)| *token).collect();
    for (id, token) in held {
        if !tokens.contains(&token) {
            idlers.close(id, token);
        }
    }
    for (msp, id, token) in known {
        // One whose end did not get there.
        if !idlers.is_seated(token) {
            let end = IdleEnd { failures: 0, not_before: None, due_at: Some(now) };
            idlers.over(Ended { msp, id, token, end });
        }
    }
    Ok(())
}

/// What workers held that are heard of no more is read at once, by whoever comes first, and held by him then.
async fn take_over(db: &Db, fleet: &Fleet, now: DateTime<Utc>) -> Result<(), StoreError> {
    for (msp, holder) in fleet.lost_idling(now).await? {
        let count = give_back_of(db, msp, holder, now).await?;
        if count > 0 {
            metrics::counter!("daimon_idle_taken_over_total").increment(count);
            tracing::info!(msp.id = %msp, count, "sessions of a worker that is heard of no more are begun anew");
        }
    }
    Ok(())
}

async fn give_back_of(db: &Db, msp: MspId, holder: Uuid, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut tx = db.begin(&Wall::whole(msp)).await?;
    let count = mailbox::give_back_idling(&mut tx, holder, now).await?;
    tx.commit().await?;
    Ok(count)
}

async fn tell_ended(idlers: &Idlers, db: &Db) {
    let mut ended = idlers.take_ended().into_iter();
    while let Some(one) = ended.next() {
        if let Err(error) = tell_one(db, &one).await {
            tracing::debug!(mailbox.id = %one.id, error = %error, "the end of a session is told later");
            // Without the bell: it is tried again in a second.
            std::iter::once(one).chain(ended).for_each(|one| idlers.later(one));
            return;
        }
    }
}

async fn tell_one(db: &Db, ended: &Ended) -> Result<(), StoreError> {
    let mut tx = db.begin(&Wall::whole(ended.msp)).await?;
    mailbox::end_idle(&mut tx, ended.id, ended.token, &ended.end).await?;
    tx.commit().await
}

/// Gives back everything that is held here. The second time there is nothing left.
pub(crate) async fn give_back(idlers: &Idlers, db: &Db, fleet: &Fleet) {
    let now = idlers.now();
    for msp in idlers.msps() {
        if let Err(error) = give_back_of(db, msp, idlers.holder(), now).await {
            tracing::debug!(error = %error, "sessions were not given back; another worker finds them");
        }
    }
    idlers.ended().await;
    drop(idlers.take_ended());
    if let Err(error) = fleet.leave_idle_worker(idlers.holder()).await {
        tracing::debug!(error = %error, "nobody was told that this worker holds no sessions");
    }
}
