//! Who holds the session in which a mailbox's server tells of new mail (IDLE, RFC 2177): a lease without a date of its own.
//!
//! It names a worker and holds for as long as that worker is heard of ([`crate::idle_worker`]): thousands of sessions cost one
//! row every few seconds. What such a session does to a mailbox is to make it due, so nothing is lost when two hold one for a
//! moment.

use chrono::{DateTime, Utc};
use daimon_domain::id::MailboxId;
use daimon_domain::mailbox::{IdleState, Mailbox, NewMail};
use uuid::Uuid;

use crate::{MspTx, StoreError, row};

/// Proof that a worker holds the session of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleLease {
    /// The worker.
    pub holder: Uuid,
    /// Drawn anew for each session.
    pub token: Uuid,
}

/// Whether a mailbox that asks for such a session has one, and may get one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleStanding {
    /// The one that there is, also when its worker has died.
    pub lease: Option<IdleLease>,
    /// How many in a row broke soon after they began.
    pub failures: u32,
    /// When the next one may begin.
    pub not_before: Option<DateTime<Utc>>,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleEnd {
    /// How many in a row have broken soon after they began, this one included.
    pub failures: u32,
    /// When the next one may begin.
    pub not_before: Option<DateTime<Utc>>,
    /// When to read the mailbox, unless that is planned sooner or something else is in its way.
    pub due_at: Option<DateTime<Utc>>,
}

/// How it stands; `None` when there is no such mailbox.
pub async fn idle_standing(tx: &mut MspTx, id: MailboxId) -> Result<Option<IdleStanding>, StoreError> {
    let row = sqlx::query!(
        "select idle_holder, idle_token, idle_failures, idle_not_before from mailbox where mailbox_id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(IdleStanding {
        lease: row.idle_holder.zip(row.idle_token).map(|(holder, token)| IdleLease { holder, token }),
        failures: row::number("mailbox", row.idle_failures)?,
        not_before: row.idle_not_before,
    }))
}

/// Begins a session, or another in place of the holder's own. `false`: somebody else has one, or none is wanted any more. What
/// the dead have is taken from them first, by [`give_back_idling`].
pub async fn begin_idle(
    tx: &mut MspTx,
    id: MailboxId,
    lease: &IdleLease,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update mailbox set idle_since = case when idle_holder = $2 then idle_since else $4 end,
            idle_holder = $2, idle_token = $3, idle_fault = null, idle_not_before = null
        where mailbox_id = $1 and new_mail = 'idle' and polling = 'active'
            and (idle_holder is null or idle_holder = $2)",
        id.as_uuid(),
        lease.holder,
        lease.token,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes down why a mailbox has no session although it asks for one, and when it may be tried again.
pub async fn stay_out(
    tx: &mut MspTx,
    id: MailboxId,
    because: Option<IdleState>,
    failures: u32,
    not_before: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update mailbox set idle_fault = $2, idle_failures = $3, idle_not_before = $4
        where mailbox_id = $1 and idle_holder is null",
        id.as_uuid(),
        because.map(IdleState::as_str),
        row::int(failures),
        not_before
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends a session. `false`: it was ended before, or another one has taken its place.
pub async fn end_idle(tx: &mut MspTx, id: MailboxId, token: Uuid, end: &IdleEnd) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update mailbox set idle_holder = null, idle_token = null, idle_since = null, idle_failures = $3,
            idle_not_before = $4,
            next_poll_at = case when connection = 'connected' then least(next_poll_at, $5) else next_poll_at end,
            poll_requested_at = case when lease_token is null then poll_requested_at
                else least(poll_requested_at, $5) end
        where mailbox_id = $1 and idle_token = $2",
        id.as_uuid(),
        token,
        row::int(end.failures),
        end.not_before,
        end.due_at
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes a mailbox due because its server told of new mail, also after a session that reads it at the moment. `false`: the
/// session that heard it is not the mailbox's, or something is in the way of reading it.
pub async fn notice(tx: &mut MspTx, id: MailboxId, token: Uuid, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update mailbox set next_poll_at = least(next_poll_at, $3),
            poll_requested_at = case when lease_token is null then poll_requested_at else $3 end
        where mailbox_id = $1 and idle_token = $2 and polling = 'active' and connection = 'connected'",
        id.as_uuid(),
        token,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all sessions that a worker holds of one MSP: it stops, or has died. They are due at `now`, so that somebody begins
/// others. Answers how many there were.
pub async fn give_back_idling(tx: &mut MspTx, holder: Uuid, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "update mailbox set idle_holder = null, idle_token = null, idle_since = null,
            next_poll_at = case when connection = 'connected' then least(next_poll_at, $2) else next_poll_at end
        where idle_holder = $1",
        holder,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Writes how new mail is to be noticed. Another way than before begins anew, at `now`.
pub(super) async fn choose(tx: &mut MspTx, mailbox: &Mailbox, now: DateTime<Utc>) -> Result<(), StoreError> {
    let due_at = (mailbox.new_mail == NewMail::Idle).then_some(now);
    sqlx::query!(
        "update mailbox set new_mail = $2, idle_holder = null, idle_token = null, idle_since = null, idle_fault = null,
            idle_failures = 0, idle_not_before = null,
            next_poll_at = case when connection = 'connected' then least(next_poll_at, $3) else next_poll_at end
        where mailbox_id = $1 and new_mail <> $2",
        mailbox.id.as_uuid(),
        mailbox.new_mail.as_str(),
        due_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
