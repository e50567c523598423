//! The jobs themselves, and how many are in flight.

use std::sync::atomic::{AtomicU64, Ordering};

use daimon_domain::id::{DeliveryId, MailboxId};
use daimon_domain::job::JobEnd;
use daimon_queue::{Hint, Kind};

use crate::deliver::{Deliverer, deliver};
use crate::read::{Reader, poll};

/// What every job needs, and a tally.
pub(crate) struct Jobs {
    reader: Reader,
    deliverer: Deliverer,
    in_flight: AtomicU64,
    ended: AtomicU64,
}

/// Counts down also when a job panics.
struct InFlight<'a>(&'a AtomicU64);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Jobs {
    pub(crate) const fn new(reader: Reader, deliverer: Deliverer) -> Self {
        Self { reader, deliverer, in_flight: AtomicU64::new(0), ended: AtomicU64::new(0) }
    }

    /// Does what the hint says, if it is still to be done.
    pub(crate) async fn run(&self, kind: Kind, hint: Hint) {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let _counted = InFlight(&self.in_flight);
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
        };
        if let Some(error) = failure {
            metrics::counter!("daimon_job_failures_total", "kind" => kind.as_str()).increment(1);
            tracing::warn!(kind = %kind, job.id = %hint.id, error, "a job could not be recorded; its lease runs out");
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::SeqCst) == 0
    }

    /// How many ended since the last time this was asked.
    pub(crate) fn take_ended(&self) -> u64 {
        self.ended.swap(0, Ordering::SeqCst)
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
