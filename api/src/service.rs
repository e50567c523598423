//! What handlers are given.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use daimon_domain::clock::{Clock, Entropy};
use daimon_domain::id::uuid_v7;
use daimon_egress::Guard;
use daimon_seal::{MasterKey, TokenIssuer};
use daimon_store::Db;
use uuid::Uuid;

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
    /// Time and randomness.
    pub sources: Sources,
}
