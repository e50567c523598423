//! The clock that is handed to everybody.
//!
//! In production it is the machine's. In development it may follow a test, which moves it by hours in a moment: whoever
//! waits through [`Time`] wakes when the test's clock gets there, and nothing in a test ever sleeps.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::{Clock, SystemClock};
use tokio::sync::{mpsc, oneshot, watch};

use crate::follow;
pub use crate::follow::FollowError;

/// The time, for everybody: cheap to clone.
#[derive(Clone, Debug)]
pub struct Time(Arc<Source>);

#[derive(Debug)]
enum Source {
    System,
    Followed(watch::Receiver<DateTime<Utc>>),
}

/// Requests to finish everything that is due. None ever come from the machine's clock.
#[derive(Debug)]
pub struct Drains(mpsc::Receiver<Drain>);

/// One request: answered once nothing is due, queued or in flight.
#[derive(Debug)]
pub struct Drain {
    pub(crate) done: oneshot::Sender<u64>,
}

impl Drain {
    /// Answers it: `did` jobs ended since the last one.
    pub fn done(self, did: u64) {
        // A test that went away needs no answer.
        let _ = self.done.send(did);
    }
}

impl Drains {
    /// The next request; never returns where there will be none.
    pub async fn next(&mut self) -> Drain {
        match self.0.recv().await {
            Some(drain) => drain,
            None => std::future::pending().await,
        }
    }
}

impl Time {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(Source::System))
    }

    /// A clock that shows what `receiver` shows.
    pub fn followed(receiver: watch::Receiver<DateTime<Utc>>) -> Self {
        Self(Arc::new(Source::Followed(receiver)))
    }

    /// The machine's clock, or the one behind `socket` once it has told the time. `program` is how we call ourselves there.
    pub async fn start(socket: Option<&Path>, program: &str) -> Result<(Self, Drains), FollowError> {
        let (requests, drains) = mpsc::channel(4);
        let time = match socket {
            None => Self::system(),
            Some(path) => Self::followed(follow::follow(path, program, requests).await?),
        };
        Ok((time, Drains(drains)))
    }

    /// Waits until it is `at`, or later, or until the clock was set back: `at` was reckoned from a time that was wrong then, and
    /// may be a day away.
    pub async fn sleep_until(&self, at: DateTime<Utc>) {
        match &*self.0 {
            Source::System => {
                let mut shown = self.now();
                // The machine's clock may be set while we wait: look again until it is true.
                while let Ok(rest) = (at - self.now()).to_std() {
                    if rest.is_zero() || self.now() < shown {
                        break;
                    }
                    shown = self.now();
                    tokio::time::sleep(rest.min(std::time::Duration::from_mins(1))).await;
                }
            }
            Source::Followed(receiver) => {
                let mut receiver = receiver.clone();
                let shown = *receiver.borrow_and_update();
                if receiver.wait_for(|now| *now >= at || *now < shown).await.is_err() {
                    // Nobody moves it any more: it never gets there.
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Waits that long.
    pub async fn sleep(&self, span: TimeDelta) {
        self.sleep_until(self.now() + span).await;
    }
}

impl Clock for Time {
    fn now(&self) -> DateTime<Utc> {
        match &*self.0 {
            Source::System => SystemClock.now(),
            Source::Followed(receiver) => *receiver.borrow(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_does_not_wait_for_a_time_that_a_wrong_clock_promised() {
        let start = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let (clock, shown) = watch::channel(start);
        let time = Time::followed(shown);
        let sleeper = tokio::spawn(async move { time.sleep(TimeDelta::seconds(1)).await });
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.send_replace(start - TimeDelta::days(1));
        sleeper.await.unwrap();
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_followed_clock_gets_there() {
        let start = DateTime::UNIX_EPOCH;
        let (clock, shown) = watch::channel(start);
        let time = Time::followed(shown);
        let sleeper = tokio::spawn({
            let time = time.clone();
            async move { time.sleep(TimeDelta::hours(1)).await }
        });
        clock.send_replace(start + TimeDelta::minutes(59));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.send_replace(start + TimeDelta::hours(2));
        sleeper.await.unwrap();
        assert_eq!(time.now(), start + TimeDelta::hours(2));
    }
}
