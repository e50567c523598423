//! Where passwords are hashed: beside the threads that answer requests, and a few at a time.
//!
//! Each takes 19 MiB and tens of milliseconds of a processor. Without a bound a burst of sign-ins would take the memory
//! and the processors that everybody else's requests need.

use std::sync::Arc;
use std::time::Duration;

use daimon_domain::clock::Entropy;
use daimon_seal::{NewPassword, verify_password};
use secrecy::SecretString;
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// Who does not come up within that time is told to come again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns at hashing.
#[derive(Clone, Debug)]
pub struct Hashing(Arc<Semaphore>);

impl Default for Hashing {
    /// As many at once as there are processors.
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from))))
    }
}

impl Hashing {
    /// Whether it is the password of this hash; without a hash it never is, and takes as long.
    pub(crate) async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool, Problem> {
        metrics::counter!("daimon_password_checks_total").increment(1);
        self.run(move || verify_password(&password, stored.as_deref())).await
    }

    /// What is stored of a new password.
    pub(crate) async fn hash(&self, password: NewPassword, entropy: &dyn Entropy) -> Result<String, Problem> {
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        self.run(move || password.hash(&salt)).await?.map_err(|error| Problem::internal(&error))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.0).acquire_owned());
        let Ok(Ok(turn)) = turn.await else { return Err(Problem::Unavailable) };
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|error| Problem::internal(&error))
    }
}
