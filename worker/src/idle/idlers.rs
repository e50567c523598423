//! The sessions of this process that wait, and how to get at one.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_boot::time::Time;
use daimon_domain::clock::{Clock, Entropy};
use daimon_domain::id::{MailboxId, MspId};
use daimon_queue::Hint;
use daimon_seal::SystemEntropy;
use daimon_store::Fleet;
use daimon_store::mailbox::IdleEnd;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::seat::{About, HAND_OVER, Lent, Seat, Waiting};
use super::wait::wait;

/// A server has told of new mail.
pub(crate) struct Told {
    /// Of which mailbox.
    pub(crate) hint: Hint,
    /// To which session.
    pub(crate) token: Uuid,
    /// When, on the machine's clock.
    pub(crate) at: std::time::Instant,
    /// Set until somebody has seen to it: the session tells no more before that.
    pub(super) is_underway: Arc<AtomicBool>,
}

impl Drop for Told {
    fn drop(&mut self) {
        self.is_underway.store(false, Ordering::SeqCst);
    }
}

/// What servers tell.
pub(crate) type News = mpsc::UnboundedReceiver<Told>;

/// Where to send whoever wants a session.
pub(super) type Asked = oneshot::Receiver<oneshot::Sender<Lent>>;

/// A session that waits. Dropping it closes the session.
struct Held {
    token: Uuid,
    /// It has told of new mail.
    wants: Arc<AtomicBool>,
    ask: oneshot::Sender<oneshot::Sender<Lent>>,
}

/// A session that is over, and that the database shall know of.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) msp: MspId,
    pub(super) id: MailboxId,
    pub(super) token: Uuid,
    pub(super) end: IdleEnd,
}

/// All sessions of this process that wait. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Idlers(Arc<Inner>);

struct Inner {
    holder: Uuid,
    most: u32,
    time: Time,
    entropy: SystemEntropy,
    stop: CancellationToken,
    held: Mutex<HashMap<MailboxId, Held>>,
    /// The tokens of all that are seated, whether they wait, begin, or are read over.
    seated: Mutex<HashSet<Uuid>>,
    ended: Mutex<Vec<Ended>>,
    msps: Mutex<HashSet<MspId>>,
    bell: Notify,
    news: mpsc::UnboundedSender<Told>,
    tasks: TaskTracker,
    lease: TimeDelta,
    reserving: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Idlers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<{} sessions that wait>", self.count())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn uuid(entropy: SystemEntropy) -> Uuid {
    let mut random = [0; 16];
    entropy.fill(&mut random);
    uuid::Builder::from_random_bytes(random).into_uuid()
}

impl Idlers {
    /// None yet; and what their servers will tell. All workers together may have `most`. They are this process's for `lease`
    /// after it was last heard of.
    pub(crate) fn new(most: u32, lease: TimeDelta, time: Time, stop: CancellationToken) -> (Self, News) {
        let entropy = SystemEntropy;
        let (news, told) = mpsc::unbounded_channel();
        let inner = Inner {
            holder: uuid(entropy),
            most,
            time,
            entropy,
            stop,
            held: Mutex::default(),
            seated: Mutex::default(),
            ended: Mutex::default(),
            msps: Mutex::default(),
            bell: Notify::new(),
            news,
            tasks: TaskTracker::new(),
            lease,
            reserving: tokio::sync::Mutex::default(),
        };
        (Self(Arc::new(inner)), told)
    }

    /// How this process is called among those that hold sessions.
    pub(super) fn holder(&self) -> Uuid {
        self.0.holder
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.0.time.now()
    }

    pub(super) fn time(&self) -> &Time {
        &self.0.time
    }

    pub(super) fn entropy(&self) -> SystemEntropy {
        self.0.entropy
    }

    pub(super) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// How many there are, those included that are about to begin or are read over.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(lock(&self.0.seated).len()).unwrap_or(u32::MAX)
    }

    pub(super) fn is_seated(&self, token: Uuid) -> bool {
        lock(&self.0.seated).contains(&token)
    }

    /// One place more, whether or not there is room.
    pub(super) fn seat(&self, about: About, failures: u32) -> Seat {
        let token = uuid(self.0.entropy);
        lock(&self.0.seated).insert(token);
        lock(&self.0.msps).insert(about.msp);
        Seat::new(self.clone(), about, token, failures)
    }

    /// A place, if there is one left in the whole pool.
    pub(super) async fn reserve(&self, fleet: &Fleet, about: About, failures: u32) -> Option<Seat> {
        // One after the other, so that nobody is counted who finds no room.
        let _in_turn = self.0.reserving.lock().await;
        let seat = self.seat(about, failures);
        let now = self.now();
        let asked = fleet.idle_room(self.0.holder, self.count(), self.0.most, (now, now + self.0.lease)).await;
        asked.is_ok_and(|has_room| has_room).then_some(seat)
    }

    /// Gives a place up.
    pub(super) fn leave(&self, about: About, token: Uuid, end: Option<IdleEnd>) {
        lock(&self.0.seated).remove(&token);
        {
            let mut held = lock(&self.0.held);
            if held.get(&about.id).is_some_and(|held| held.token == token) {
                held.remove(&about.id);
            }
        }
        if let Some(end) = end {
            self.over(Ended { msp: about.msp, id: about.id, token, end });
        }
    }

    /// Has the database told that a session is over.
    pub(super) fn over(&self, ended: Ended) {
        lock(&self.0.ended).push(ended);
        self.0.bell.notify_one();
    }

    /// What the database is to be told; again, if that fails.
    pub(super) fn take_ended(&self) -> Vec<Ended> {
        std::mem::take(&mut *lock(&self.0.ended))
    }

    /// The same without ringing.
    pub(super) fn later(&self, ended: Ended) {
        lock(&self.0.ended).push(ended);
    }

    pub(super) async fn rung(&self) {
        self.0.bell.notified().await;
    }

    /// The MSPs of which any mailbox ever had a session here.
    pub(super) fn msps(&self) -> Vec<MspId> {
        lock(&self.0.msps).iter().copied().collect()
    }

    /// Lets a session wait, in place of the one that the mailbox has.
    pub(crate) fn keep(&self, waiting: Waiting) {
        let Waiting { idle, mut seat } = waiting;
        seat.began = Some(seat.began.unwrap_or_else(|| self.now()));
        let (ask, asked) = oneshot::channel();
        let wants = Arc::new(AtomicBool::new(false));
        let held = Held { token: seat.token, wants: Arc::clone(&wants), ask };
        let before = lock(&self.0.held).insert(seat.about.id, held);
        // Outside of the lock: whoever hears of it may want it.
        drop(before);
        self.0.tasks.spawn(wait(idle, seat, asked, wants));
    }

    /// Whether the mailbox has a session here that has told of new mail.
    pub(crate) fn wants(&self, id: MailboxId) -> bool {
        lock(&self.0.held).get(&id).is_some_and(|held| held.wants.load(Ordering::SeqCst))
    }

    /// That session, to read over it, if it is the one that the database knows of.
    pub(crate) async fn take(&self, id: MailboxId, token: Option<Uuid>) -> Option<Lent> {
        // One that the database does not know is closed.
        let held = lock(&self.0.held).remove(&id).filter(|held| Some(held.token) == token)?;
        let (reply, lent) = oneshot::channel();
        held.ask.send(reply).ok()?;
        timeout(HAND_OVER, lent).await.ok()?.ok()
    }

    /// The sessions that wait, by mailbox and token.
    pub(super) fn held(&self) -> Vec<(MailboxId, Uuid)> {
        lock(&self.0.held).iter().map(|(id, held)| (*id, held.token)).collect()
    }

    /// Closes a session.
    pub(super) fn close(&self, id: MailboxId, token: Uuid) {
        let closed = {
            let mut all = lock(&self.0.held);
            let is_it = all.get(&id).is_some_and(|held| held.token == token);
            if is_it { all.remove(&id) } else { None }
        };
        drop(closed);
    }

    /// Says that there is new mail.
    pub(super) fn tell(&self, about: About, token: Uuid, is_underway: &Arc<AtomicBool>) {
        is_underway.store(true, Ordering::SeqCst);
        metrics::counter!("daimon_idle_news_total").increment(1);
        let hint = Hint { msp: about.msp, tenant: about.tenant, id: about.id.as_uuid() };
        let at = std::time::Instant::now();
        // Nobody listens any more when the program ends.
        let _ = self.0.news.send(Told { hint, token, at, is_underway: Arc::clone(is_underway) });
    }

    /// Returns when all have ended, after [`Idlers::stop`].
    pub(super) async fn ended(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}
