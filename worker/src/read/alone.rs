//! One session has the process for itself, so that a death has one name.
//!
//! Sessions share a process, and when it dies each looks as guilty as the others. What a process has died of is therefore
//! read alone: while it is, nothing of another session runs. They are not waited for, they stand still: a future that
//! nobody polls ends no process, and goes on afterwards where it was.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::job::PollError;
use crate::poll::SessionError;

/// A server that waits for an answer hangs up sooner or later, so nobody is alone for longer.
const LONGEST: Duration = Duration::from_secs(25);

/// Where the sessions of a process run: many, or one.
#[derive(Clone, Debug, Default)]
pub struct Room(Arc<RwLock<()>>);

/// A session's place in it.
#[derive(Debug, Default)]
pub(super) struct Seat {
    /// It is alone, or waits for that; either way it does not stand still for itself.
    is_apart: Arc<AtomicBool>,
    held: Option<OwnedRwLockWriteGuard<()>>,
}

impl Seat {
    pub(super) const fn is_alone(&self) -> bool {
        self.held.is_some()
    }

    /// How long a step may keep the others waiting.
    pub(super) fn longest(&self) -> Option<Duration> {
        self.is_alone().then_some(LONGEST)
    }

    /// Returns when all others stand still. Who comes first is first.
    pub(super) async fn alone(&mut self, room: &Room) {
        if self.held.is_none() {
            self.is_apart.store(true, Ordering::SeqCst);
            self.held = Some(Arc::clone(&room.0).write_owned().await);
        }
    }

    /// Lets the others go on.
    pub(super) fn among_others(&mut self) {
        self.is_apart.store(false, Ordering::SeqCst);
        self.held = None;
    }

    /// For [`Room::run`].
    pub(super) fn mark(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_apart)
    }
}

impl Room {
    /// Runs a session, except while another one is alone.
    pub(super) async fn run<F: Future>(&self, is_apart: Arc<AtomicBool>, session: F) -> F::Output {
        let mut session = pin!(session);
        let mut turn: Option<Pin<Box<dyn Future<Output = OwnedRwLockReadGuard<()>> + Send>>> = None;
        poll_fn(move |context| {
            if is_apart.load(Ordering::SeqCst) {
                return session.as_mut().poll(context);
            }
            let _in_turn = match (turn.take(), Arc::clone(&self.0).try_read_owned()) {
                (None, Ok(in_turn)) => in_turn,
                (waiting, _) => {
                    let mut waiting = waiting.unwrap_or_else(|| Box::pin(Arc::clone(&self.0).read_owned()));
                    match waiting.as_mut().poll(context) {
                        Poll::Ready(in_turn) => in_turn,
                        Poll::Pending => {
                            turn = Some(waiting);
                            return Poll::Pending;
                        }
                    }
                }
            };
            session.as_mut().poll(context)
        })
        .await
    }

    /// Does on the blocking pool what takes its time; whoever wants to be alone waits for that. A panic goes on here.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        is_alone: bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PollError> {
        let in_turn = if is_alone { None } else { Some(Arc::clone(&self.0).read_owned().await) };
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(in_turn);
            done
        });
        match done.await {
            Ok(done) => Ok(done),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_the_program_ends) => Err(PollError::Stopped),
        }
    }
}

/// Takes a step for which there may be only so much time.
pub(super) async fn within<T, E>(
    longest: Option<Duration>,
    step: impl Future<Output = Result<T, E>>,
) -> Result<T, PollError>
where
    PollError: From<E>,
{
    let Some(longest) = longest else { return Ok(step.await?) };
    match tokio::time::timeout(longest, step).await {
        Ok(done) => Ok(done?),
        Err(_elapsed) => Err(SessionError::TimedOut("others are waiting").into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use tokio::sync::Notify;
    use tokio::task::yield_now;

    use super::*;

    /// A session that counts how often it ran.
    async fn busy(room: Room, ran: Arc<AtomicU32>) {
        let session = async {
            loop {
                ran.fetch_add(1, Ordering::SeqCst);
                yield_now().await;
            }
        };
        room.run(Seat::default().mark(), session).await;
    }

    #[tokio::test]
    async fn while_one_is_alone_all_others_stand_still_and_go_on_afterwards() {
        let (room, ran) = (Room::default(), Arc::new(AtomicU32::new(0)));
        let others: Vec<_> = (0..4).map(|_| tokio::spawn(busy(room.clone(), Arc::clone(&ran)))).collect();
        let count = || ran.load(Ordering::SeqCst);
        while count() < 8 {
            yield_now().await;
        }
        let mut seat = Seat::default();
        let session = async {
            seat.alone(&room).await;
            let before = count();
            for _ in 0..100 {
                yield_now().await;
            }
            assert_eq!(room.blocking(seat.is_alone(), || 7).await.unwrap(), 7);
            assert_eq!(count(), before);
            seat.among_others();
            while count() < before + 8 {
                yield_now().await;
            }
        };
        let mark = Arc::new(AtomicBool::new(true));
        room.run(mark, session).await;
        others.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn a_session_goes_apart_from_inside_and_waits_for_what_is_on_the_blocking_pool() {
        let (room, over) = (Room::default(), Arc::new(AtomicBool::new(false)));
        let (started, end) = (Arc::new(Notify::new()), std::sync::mpsc::channel::<()>());
        let (told, is_over, inside) = (Arc::clone(&started), Arc::clone(&over), room.clone());
        let reading = tokio::spawn(async move {
            let work = move || {
                told.notify_one();
                end.1.recv().unwrap();
                is_over.store(true, Ordering::SeqCst);
            };
            inside.run(Seat::default().mark(), inside.blocking(false, work)).await.unwrap();
        });
        started.notified().await;
        let mut seat = Seat::default();
        let mark = seat.mark();
        let session = async {
            let mut wants = pin!(seat.alone(&room));
            poll_fn(|context| {
                assert!(wants.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
            end.0.send(()).unwrap();
            wants.await;
            assert!(over.load(Ordering::SeqCst));
        };
        room.run(mark, session).await;
        drop(seat);
        reading.await.unwrap();
    }

    #[tokio::test]
    async fn nobody_is_alone_for_long() {
        let never = std::future::pending::<Result<(), PollError>>();
        assert!(matches!(
            within(Some(Duration::ZERO), never).await,
            Err(PollError::Session(SessionError::TimedOut(_)))
        ));
    }
}
