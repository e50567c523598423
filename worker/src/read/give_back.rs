//! Giving back what could not be finished.
//!
//! A session that ended because the database failed, or because the mailbox is in other hands, has not been ended by its
//! mail, and says so: it gives the mailbox back as it was and puts down what it had in hand. While the database is away
//! it can't, so the process remembers and says it as soon as it can.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use daimon_domain::clock::Clock;
use daimon_domain::id::MailboxId;
use daimon_domain::job::Lease;
use daimon_domain::scope::Wall;
use daimon_store::{StoreError, mailbox};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::job::Reader;
use super::work::Work;

/// How often the database is asked whether it is back: on the machine's clock, since it tells nobody and the clock that is
/// followed may stand.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// A database that was away may be back in a moment.
const AWAY_WAIT: TimeDelta = TimeDelta::seconds(5);
/// What fails for another reason fails again: not so often then.
const BROKEN_WAIT: TimeDelta = TimeDelta::minutes(1);

/// A lease to be given back.
#[derive(Clone, Debug)]
pub(super) struct Held {
    wall: Wall,
    id: MailboxId,
    lease: Lease,
    wait: TimeDelta,
}

impl Held {
    pub(super) fn of(work: &Work) -> Self {
        Self { wall: work.wall.clone(), id: work.id(), lease: work.lease, wait: AWAY_WAIT }
    }

    /// The same, to be read again when what failed may work.
    pub(super) fn after(self, error: &StoreError) -> Self {
        let is_away = matches!(error, StoreError::Unavailable(_));
        Self { wait: if is_away { AWAY_WAIT } else { BROKEN_WAIT }, ..self }
    }
}

/// Leases that could not be given back yet.
#[derive(Debug, Default)]
pub struct Left {
    held: Mutex<Vec<Held>>,
    news: Notify,
}

impl Left {
    fn push(&self, held: Held) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(held);
        self.news.notify_one();
    }

    fn take(&self) -> Vec<Held> {
        std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_empty(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Reader {
    /// Gives a lease back now, or as soon as the database is there.
    pub(super) async fn give_back(&self, held: Held) {
        if let Err(error) = self.try_to_give_back(&held).await {
            tracing::debug!(mailbox.id = %held.id, error = %error, "a lease is given back later");
            self.left.push(held);
        }
    }

    async fn try_to_give_back(&self, held: &Held) -> Result<(), StoreError> {
        let tx = self.db.begin(&held.wall).await?;
        mailbox::give_back(tx, held.id, &held.lease, self.time.now() + held.wait).await.map(|_is_ours| ())
    }

    /// Gives back what could not be given back before; goes on until `stop`.
    pub async fn give_back_rest(&self, stop: CancellationToken) {
        loop {
            if self.left.is_empty() {
                tokio::select! {
                    () = self.left.news.notified() => {}
                    () = stop.cancelled() => return,
                }
            }
            self.give_back_left().await;
            if !self.left.is_empty() {
                tokio::select! {
                    () = tokio::time::sleep(TRY_EVERY) => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }

    /// Tries once for each.
    pub async fn give_back_left(&self) {
        for held in self.left.take() {
            self.give_back(held).await;
        }
    }
}
