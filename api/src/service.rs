//! What handlers are given.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use daimon_domain::clock::{Clock, Entropy};
use daimon_domain::id::{DeliveryId, DrillId, JobId, MailboxId, MspId, TenantId, uuid_v7};
use daimon_egress::{Egress, Guard};
use daimon_queue::{Kind, Queue};
use daimon_seal::{MasterKey, TokenIssuer};
use daimon_store::Db;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::auth::Hashing;
use crate::events::Streams;
use crate::limits::Limits;

/// Time and randomness.
#[derive(Clone)]
pub struct Sources {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Sources {
    /// Sources that ask these.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    /// The time now.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Where secrets and ids come from.
    pub fn entropy(&self) -> &dyn Entropy {
        self.entropy.as_ref()
    }

    /// A new `UUIDv7`.
    pub fn uuid(&self) -> Uuid {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        uuid_v7(self.now(), random)
    }
}

/// Everything that lasts longer than a request.
pub struct Service {
    /// Postgres, behind the wall.
    pub db: Db,
    /// Seals what is secret.
    pub master: MasterKey,
    /// Issues and verifies tokens.
    pub tokens: TokenIssuer,
    /// Which webhook URLs are acceptable.
    pub guard: Guard,
    /// The way out, for what is looked up while a client waits.
    pub egress: Egress,
    /// Where to say that there is work. Without it the work is found a little later.
    pub queue: Option<Queue>,
    /// How many requests anybody may make.
    pub limits: Limits,
    /// Where passwords are hashed.
    pub hashing: Hashing,
    /// Time and randomness.
    pub sources: Sources,
    /// Who follows what happens.
    pub streams: Arc<Streams>,
    /// Cancelled when the program is asked to stop: what would go on for ever ends then.
    pub stop: CancellationToken,
}

impl Service {
    /// Says that a mailbox is due. Postgres knows already, so a hint that is lost costs seconds and nothing else.
    pub async fn hint_poll(&self, msp: MspId, tenant: TenantId, mailbox: MailboxId) {
        if let Some(queue) = &self.queue
            && let Err(error) = queue.push(Kind::Poll, tenant, msp, mailbox.as_uuid()).await
        {
            tracing::warn!(error = %error, mailbox.id = %mailbox, "no hint for mailbox {mailbox}: it is found by the sweep");
        }
    }

    /// Says that several things of one kind are due.
    pub async fn hint_all(&self, kind: Kind, msp: MspId, tenant: TenantId, ids: &[Uuid]) {
        if let Some(queue) = &self.queue
            && let Err(error) = queue.push_many(kind, tenant, msp, ids).await
        {
            tracing::warn!(error = %error, "no hints of what is due: it is found by the sweep");
        }
    }

    /// Says that a drill has a step to be played.
    pub async fn hint_drill(&self, msp: MspId, tenant: TenantId, drill: DrillId) {
        if let Some(queue) = &self.queue
            && let Err(error) = queue.push(Kind::Drill, tenant, msp, drill.as_uuid()).await
        {
            tracing::warn!(error = %error, drill.id = %drill, "no hint for drill {drill}: it is found by the sweep");
        }
    }

    /// Says that somebody waits for a job.
    pub async fn hint_job(&self, msp: MspId, tenant: TenantId, job: JobId) {
        if let Some(queue) = &self.queue
            && let Err(error) = queue.push(Kind::Job, tenant, msp, job.as_uuid()).await
        {
            tracing::warn!(error = %error, job.id = %job, "no hint for job {job}: it is found by the sweep");
        }
    }

    /// Says that deliveries wait.
    pub async fn hint_deliveries(&self, msp: MspId, tenant: TenantId, deliveries: &[DeliveryId]) {
        let ids: Vec<_> = deliveries.iter().map(|id| id.as_uuid()).collect();
        if let Some(queue) = &self.queue
            && let Err(error) = queue.push_many(Kind::Deliver, tenant, msp, &ids).await
        {
            tracing::warn!(error = %error, "no hints for deliveries: they are found by the sweep");
        }
    }
}
