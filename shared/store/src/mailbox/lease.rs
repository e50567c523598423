//! Who is reading a mailbox right now: a lease that is fenced, not a lock.
//!
//! The lease is committed before the session begins. Whoever comes back too late finds another token in the row, or none,
//! and changes nothing. Which message ended a process is told by [`crate::in_hand`], not by how often a lease was taken: a
//! database that was away has ended nobody.

use chrono::{DateTime, Utc};
use daimon_domain::id::MailboxId;
use daimon_domain::job::Lease;
use daimon_domain::mailbox::{Connection, Mailbox};
use uuid::Uuid;

use super::{Columns, find};
use crate::{MspTx, StoreError, in_hand, row};

/// What the detector remembers of a mailbox between two sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetectorState {
    /// Of which layout the bytes are.
    pub version: i32,
    /// As the verdict room wrote them.
    pub bytes: Vec<u8>,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq)]
pub struct MailboxEnd {
    /// How reading goes.
    pub connection: Connection,
    /// When to read again, unless somebody asked for it sooner.
    pub next_poll_at: DateTime<Utc>,
    /// When it was read to the end, so that nothing speaks against it any more; `None` keeps the last time.
    pub last_polled_at: Option<DateTime<Utc>>,
    /// What the detector remembers now; `None` keeps what it remembered.
    pub state: Option<DetectorState>,
    /// Whether anything came of it but that it was read. If not, a crash of the database may forget it: it is read once more.
    pub is_news: bool,
}

/// Takes a mailbox that is due and in nobody's hands. `None`: the hint was stale.
///
/// What is planned for hours ahead, or held for an hour, was reckoned by a clock that has been set back since: no mailbox waits
/// that long, but for one that was set aside.
///
/// Commit before the work begins. `Lease::attempt` counts sessions that began since one ended, this one included.
#[tracing::instrument(name = "store.mailbox.lease", skip_all, fields(mailbox.id = %id))]
pub async fn lease(
    tx: &mut MspTx,
    id: MailboxId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<(Mailbox, Lease)>, StoreError> {
    let taken = sqlx::query!(
        r#"update mailbox set lease_token = gen_random_uuid(), lease_until = $3, attempt = attempt + 1,
            poll_requested_at = null
        where mailbox_id = $1 and polling = 'active' and connection <> 'credential_refused'
            and (next_poll_at <= $2
                or (next_poll_at > $2 + interval '2 hours' and connection_fault is distinct from 'set_aside'))
            and (lease_until is null or lease_until <= $2 or lease_until > $2 + interval '1 hour')
        returning lease_token as "lease_token!", attempt"#,
        id.as_uuid(),
        now,
        until
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(taken) = taken else { return Ok(None) };
    leased(tx, id, taken.lease_token, taken.attempt, until).await
}

/// Takes a mailbox that is in nobody's hands, due or not, also one that is paused or whose password was refused: for whoever
/// was asked to try it. `None`: somebody has it, or it is gone.
///
/// Commit before the work begins.
#[tracing::instrument(name = "store.mailbox.borrow", skip_all, fields(mailbox.id = %id))]
pub async fn borrow(
    tx: &mut MspTx,
    id: MailboxId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<(Mailbox, Lease)>, StoreError> {
    let taken = sqlx::query!(
        r#"update mailbox set lease_token = gen_random_uuid(), lease_until = $3, attempt = attempt + 1
        where mailbox_id = $1 and polling <> 'deleting' and (lease_until is null or lease_until <= $2 or lease_until > $2 + interval '1 hour')
        returning lease_token as "lease_token!", attempt"#,
        id.as_uuid(),
        now,
        until
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(taken) = taken else { return Ok(None) };
    leased(tx, id, taken.lease_token, taken.attempt, until).await
}

/// The mailbox as it was leased.
async fn leased(
    tx: &mut MspTx,
    id: MailboxId,
    token: Uuid,
    attempt: i32,
    until: DateTime<Utc>,
) -> Result<Option<(Mailbox, Lease)>, StoreError> {
    let lease = Lease { token, until, attempt: row::number("mailbox", attempt)? };
    Ok(find(tx, id).await?.map(|mailbox| (mailbox, lease)))
}

/// Gives back a mailbox that was [borrowed](borrow()), as it was. `works`: it was let in, so that whatever kept it from being
/// read is over, and it is due at that time. `false`: it is ours no more.
pub async fn give_back_borrowed(
    tx: &mut MspTx,
    id: MailboxId,
    lease: &Lease,
    works: Option<DateTime<Utc>>,
) -> Result<bool, StoreError> {
    if let Some(now) = works {
        // What reading it did to us, or its numbering, is none of the connection's matter.
        sqlx::query!(
            "update mailbox set connection = 'new', connection_since = null, connection_fault = null, connection_failures = 0,
                connection_refusal = null, next_poll_at = $3
            where mailbox_id = $1 and lease_token = $2 and connection in ('unreachable', 'credential_refused')
                and coalesce(connection_fault not in ('set_aside', 'unstable_uids'), true)",
            id.as_uuid(),
            lease.token,
            now
        )
        .execute(tx.conn())
        .await?;
    }
    let done = sqlx::query!(
        "update mailbox set lease_token = null, lease_until = null, attempt = 0,
            next_poll_at = least(next_poll_at, poll_requested_at), poll_requested_at = null
        where mailbox_id = $1 and lease_token = $2",
        id.as_uuid(),
        lease.token
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps a mailbox until `until`. `false`: it is ours no more, stop.
pub async fn renew(tx: &mut MspTx, id: MailboxId, lease: &Lease, until: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update mailbox set lease_until = $3 where mailbox_id = $1 and lease_token = $2",
        id.as_uuid(),
        lease.token,
        until
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes what the detector remembers in the transaction of a batch, and keeps the mailbox until `until`. `false`: it is
/// ours no more, roll back.
pub async fn progress(
    tx: &mut MspTx,
    id: MailboxId,
    lease: &Lease,
    until: DateTime<Utc>,
    state: &DetectorState,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update mailbox set lease_until = $3, detector_state = $4, detector_version = $5
        where mailbox_id = $1 and lease_token = $2",
        id.as_uuid(),
        lease.token,
        until,
        state.bytes,
        state.version
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The end of a session: a transaction that holds the mailbox, so that nobody can take it over before it is committed.
#[derive(Debug)]
pub struct Ending {
    tx: MspTx,
    id: MailboxId,
    lease: Lease,
}

/// Begins the end of a session, before anything else in `tx`. `None`: the mailbox is ours no more. What was in hand has been put
/// down then, and that is committed: whoever gets this far lives.
pub async fn end(mut tx: MspTx, id: MailboxId, lease: Lease) -> Result<Option<Ending>, StoreError> {
    let is_ours = hold(&mut tx, id, &lease).await?;
    in_hand::put_down(&mut tx, id, &lease).await?;
    if is_ours {
        return Ok(Some(Ending { tx, id, lease }));
    }
    tx.commit().await?;
    Ok(None)
}

/// Holds a mailbox until the transaction ends. `false`: it is ours no more, stop.
///
/// The mailbox comes before everything that is deleted with it: two who lock in one order don't wait for each other.
pub async fn hold(tx: &mut MspTx, id: MailboxId, lease: &Lease) -> Result<bool, StoreError> {
    let held = sqlx::query_scalar!(
        "select mailbox_id from mailbox where mailbox_id = $1 and lease_token = $2 for no key update",
        id.as_uuid(),
        lease.token
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(held.is_some())
}

impl Ending {
    /// For what belongs to the end of the session.
    pub const fn tx(&mut self) -> &mut MspTx {
        &mut self.tx
    }

    /// Gives the mailbox back and commits.
    #[tracing::instrument(name = "store.mailbox.finish", skip_all, fields(mailbox.id = %self.id))]
    pub async fn finish(mut self, end: &MailboxEnd) -> Result<(), StoreError> {
        let connection = Columns::from(&end.connection);
        sqlx::query!(
            "update mailbox set connection = $3, connection_since = $4, connection_fault = $5, connection_failures = $6,
                next_poll_at = least($7, poll_requested_at), last_polled_at = coalesce($8, last_polled_at),
                detector_state = coalesce($9, detector_state), detector_version = coalesce($10, detector_version),
                lease_token = null, lease_until = null, attempt = 0, poll_requested_at = null, connection_refusal = $11
            where mailbox_id = $1 and lease_token = $2",
            self.id.as_uuid(),
            self.lease.token,
            connection.connection,
            connection.since,
            connection.fault,
            connection.failures,
            end.next_poll_at,
            end.last_polled_at,
            end.state.as_ref().map(|state| state.bytes.as_slice()),
            end.state.as_ref().map(|state| state.version),
            connection.refusal
        )
        .execute(self.tx.conn())
        .await?;
        if end.last_polled_at.is_some() {
            in_hand::forget(&mut self.tx, self.id).await?;
        }
        if end.is_news { self.tx.commit().await } else { self.tx.commit_for_now().await }
    }
}

/// Gives a mailbox back as it was and commits, to be read at `next_poll_at` or when somebody asked for it: our own trouble is
/// none of the mailbox. `false`: it was ours no more; what was in hand is put down all the same.
#[tracing::instrument(name = "store.mailbox.give_back", skip_all, fields(mailbox.id = %id))]
pub async fn give_back(
    mut tx: MspTx,
    id: MailboxId,
    lease: &Lease,
    next_poll_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update mailbox set next_poll_at = least($3, poll_requested_at), poll_requested_at = null,
            lease_token = null, lease_until = null, attempt = 0
        where mailbox_id = $1 and lease_token = $2",
        id.as_uuid(),
        lease.token,
        next_poll_at
    )
    .execute(tx.conn())
    .await?;
    in_hand::put_down(&mut tx, id, lease).await?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// What the detector remembers of a mailbox; `None` when it never saw it.
pub async fn detector_state(tx: &mut MspTx, id: MailboxId) -> Result<Option<DetectorState>, StoreError> {
    let row = sqlx::query!("select detector_version, detector_state from mailbox where mailbox_id = $1", id.as_uuid())
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.and_then(|row| row.detector_state.map(|bytes| DetectorState { version: row.detector_version, bytes })))
}
