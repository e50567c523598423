//! A session's place among those that wait, from the poll that begins it to its end.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::Entropy;
use daimon_domain::id::{MailboxId, MspId, TenantId};
use daimon_domain::mailbox::Connection;
use daimon_store::mailbox::{IdleEnd, IdleLease};
use uuid::Uuid;

use super::idlers::Idlers;
use crate::poll::{Idle, Session};

/// A session that lasts so long is none that breaks soon after it began.
const LASTING: TimeDelta = TimeDelta::minutes(10);
/// After a session has broken the mailbox is read again by then, whether another one may begin yet or not.
const READ_WITHIN: TimeDelta = TimeDelta::minutes(1);

/// Of which mailbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(super) msp: MspId,
    pub(super) tenant: TenantId,
    pub(super) id: MailboxId,
}

/// A place that is counted, and a lease in the database once the session has begun. However it is dropped, both are given up.
pub(crate) struct Seat {
    pub(super) idlers: Idlers,
    pub(super) about: About,
    pub(super) token: Uuid,
    /// How many in a row broke soon after they began, before this one.
    pub(super) failures: u32,
    /// When it began; `None`: the database knows nothing of it yet.
    pub(super) began: Option<DateTime<Utc>>,
    /// When the mailbox was last said to have new mail.
    pub(super) told_at: Option<DateTime<Utc>>,
    /// When what was signed in with runs out.
    pub(crate) ends_at: Option<DateTime<Utc>>,
    /// How it ended, where that is known.
    end: Option<IdleEnd>,
}

impl fmt::Debug for Seat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Seat").field("mailbox", &self.about.id).finish_non_exhaustive()
    }
}

impl Seat {
    pub(super) fn new(idlers: Idlers, about: About, token: Uuid, failures: u32) -> Self {
        Self { idlers, about, token, failures, began: None, told_at: None, ends_at: None, end: None }
    }

    pub(super) fn lease(&self) -> IdleLease {
        IdleLease { holder: self.idlers.holder(), token: self.token }
    }

    /// The connection broke: the mailbox is read soon, and another session may begin, later each time.
    pub(super) fn broke(&mut self) {
        let end = self.broken();
        let due_at = self.idlers.now() + READ_WITHIN;
        let due_at = end.not_before.map_or(due_at, |not_before| not_before.min(due_at));
        self.end = Some(IdleEnd { due_at: Some(due_at), ..end });
    }

    /// What it signed in with has run out: another one may begin at once.
    pub(super) fn ran_out(&mut self) {
        let due_at = Some(self.idlers.now());
        self.end = Some(IdleEnd { failures: self.failures, not_before: None, due_at });
    }

    /// How it ended when nothing else is known: whoever had it says himself when the mailbox is read next.
    fn broken(&self) -> IdleEnd {
        let now = self.idlers.now();
        let lasted = self.began.is_some_and(|began| now - began >= LASTING);
        let failures = if lasted { 1 } else { self.failures.saturating_add(1) };
        let not_before = Some(now + Connection::cool_down(failures, self.idlers.entropy().fraction()));
        IdleEnd { failures, not_before, due_at: None }
    }

    /// The same of one that could not begin: how many there were, and when the next one may.
    pub(super) fn failed(&self) -> (u32, Option<DateTime<Utc>>) {
        let end = self.broken();
        (end.failures, end.not_before)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let end = self.began.is_some().then(|| self.end.unwrap_or_else(|| self.broken()));
        self.idlers.leave(self.about, self.token, end);
    }
}

/// A session that waits, with its place.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(super) idle: Idle,
    pub(super) seat: Seat,
}

/// A session that has waited and is read over, with its place.
pub(crate) struct Lent {
    /// The session.
    pub(crate) session: Session,
    /// Its place.
    pub(crate) seat: Seat,
}

/// How long it may take until a session that waits is handed over: a server that does not answer is silent for half of it.
pub(super) const HAND_OVER: Duration = Duration::from_mins(1);
