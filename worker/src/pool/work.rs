//! The jobs themselves, and how many are in flight.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use daimon_boot::logging::chain;
use daimon_domain::id::{DeliveryId, DrillId, IncidentId, JobId, MailboxId};
use daimon_domain::job::JobEnd;
use daimon_queue::{Hint, Kind};
use daimon_store::StoreError;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::deliver::{Deliverer, deliver, tell_digest};
use crate::idle::Told;
use crate::read::{Reader, do_job, note, play, poll, tend};

/// What every job needs, and a tally.
pub(crate) struct Jobs {
    reader: Reader,
    deliverer: Deliverer,
    /// A lease that ran out under a session of ours must not make us begin a second one beside it.
    in_flight: Mutex<HashSet<Uuid>>,
    ended: AtomicU64,
}

/// Leaves the set also when a job panics.
struct InFlight<'a>(&'a Jobs, Uuid);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

impl Jobs {
    pub(crate) fn new(reader: Reader, deliverer: Deliverer) -> Self {
        Self { reader, deliverer, in_flight: Mutex::default(), ended: AtomicU64::new(0) }
    }

    /// Does what the hint says, if it is still to be done.
    pub(crate) async fn run(&self, kind: Kind, hint: Hint) {
        if !self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).insert(hint.id) {
            return;
        }
        let _counted = InFlight(self, hint.id);
        let failure = match kind {
            Kind::Poll => match Box::pin(poll(&self.reader, hint.msp, MailboxId::from_uuid(hint.id))).await {
                Ok(Some(_end)) => {
                    self.ended.fetch_add(1, Ordering::SeqCst);
                    None
                }
                Ok(None) => None,
                Err(error) => Some(chain(&error)),
            },
            Kind::Deliver => match Box::pin(deliver(&self.deliverer, hint.msp, DeliveryId::from_uuid(hint.id))).await {
                Ok(JobEnd::Done | JobEnd::Retry { .. } | JobEnd::GiveUp { .. }) => {
                    self.ended.fetch_add(1, Ordering::SeqCst);
                    None
                }
                Err(error) => Some(chain(&error)),
            },
            Kind::Tend => match Box::pin(tend(&self.reader, hint.msp, IncidentId::from_uuid(hint.id))).await {
                Ok(is_done) => {
                    self.ended.fetch_add(u64::from(is_done), Ordering::SeqCst);
                    None
                }
                Err(error) => Some(chain(&error)),
            },
            Kind::Drill => match Box::pin(play(&self.reader, hint.msp, DrillId::from_uuid(hint.id))).await {
                Ok(is_done) => {
                    self.ended.fetch_add(u64::from(is_done), Ordering::SeqCst);
                    None
                }
                Err(error) => Some(chain(&error)),
            },
            Kind::Job => match Box::pin(do_job(&self.reader, hint.msp, JobId::from_uuid(hint.id))).await {
                Ok(is_done) => {
                    self.ended.fetch_add(u64::from(is_done), Ordering::SeqCst);
                    None
                }
                Err(error) => Some(chain(&error)),
            },
            Kind::Digest => match Box::pin(tell_digest(&self.deliverer, hint.msp)).await {
                Ok(is_done) => {
                    self.ended.fetch_add(u64::from(is_done), Ordering::SeqCst);
                    None
                }
                Err(error) => Some(chain(&error)),
            },
        };
        if let Some(error) = failure {
            metrics::counter!("daimon_job_failures_total", "kind" => kind.as_str()).increment(1);
            tracing::warn!(kind = %kind, job.id = %hint.id, error, "a job could not be begun or recorded");
        }
    }

    /// Makes a mailbox due whose server told of new mail. `false`: it is not to be read.
    pub(crate) async fn note(&self, told: &Told) -> Result<bool, StoreError> {
        note(&self.reader, told).await
    }

    /// Gives back leases that could not be given back when their sessions ended; goes on until `stop`.
    pub(crate) async fn give_back_rest(&self, stop: CancellationToken) {
        self.reader.give_back_rest(stop).await;
    }

    /// Tries that once more.
    pub(crate) async fn give_back_left(&self) {
        self.reader.give_back_left().await;
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// How many ended since the last time this was asked.
    pub(crate) fn take_ended(&self) -> u64 {
        self.ended.swap(0, Ordering::SeqCst)
    }
}
