//! What a session has in hand: messages it is about to read, written down before it does.
//!
//! A message that ends the process leaves no other trace. A lease that ran out proves nothing: the database may have been
//! away, or the process asleep. So every session that lives takes its own row out again, however late and whoever holds
//! the mailbox by then, and the rows that stay are those of processes that died.

use chrono::{DateTime, Utc};
use daimon_domain::id::{MailboxId, TenantId};
use daimon_domain::job::Lease;
use daimon_domain::mailbox::Checkpoint;

use crate::folder::LONGEST_NAME;
use crate::{MspTx, StoreError, row};

/// Messages of one folder, from one UID to another; or a folder, or the mailbox, with no message yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InHand {
    /// In which folder; empty when none is open.
    pub folder: String,
    /// Under which UIDVALIDITY.
    pub uid_validity: u32,
    /// The first of them; 0 when there is no message in hand.
    pub first_uid: u32,
    /// The last of them.
    pub last_uid: u32,
    /// Whether nothing else was being read in that process.
    pub alone: bool,
}

impl InHand {
    /// No message: a folder that is being opened, or with an empty name the mailbox itself.
    pub fn nothing_of(folder: &str, alone: bool) -> Self {
        Self { folder: folder.to_owned(), uid_validity: 0, first_uid: 0, last_uid: 0, alone }
    }

    /// Whether no message was in hand.
    pub const fn is_nothing(&self) -> bool {
        self.last_uid == 0
    }
}

/// Writes down what the holder of `lease` is about to read, instead of what it had in hand before. Whether the lease still
/// holds is asked in the same transaction, by [`crate::mailbox::renew`].
pub async fn take(
    tx: &mut MspTx,
    tenant: TenantId,
    mailbox: MailboxId,
    lease: &Lease,
    messages: &InHand,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into in_hand
            (msp_id, tenant_id, mailbox_id, lease_token, folder, uid_validity, first_uid, last_uid, alone, taken_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict on constraint in_hand_pk do update
        set folder = excluded.folder, uid_validity = excluded.uid_validity, first_uid = excluded.first_uid,
            last_uid = excluded.last_uid, alone = excluded.alone, taken_at = excluded.taken_at",
        msp,
        tenant.as_uuid(),
        mailbox.as_uuid(),
        lease.token,
        row::clean(&messages.folder, LONGEST_NAME),
        i64::from(messages.uid_validity),
        i64::from(messages.first_uid),
        i64::from(messages.last_uid),
        messages.alone,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes out what the holder of `lease` had in hand, also when the mailbox is in other hands by now: it lives.
pub async fn put_down(tx: &mut MspTx, mailbox: MailboxId, lease: &Lease) -> Result<(), StoreError> {
    sqlx::query!("delete from in_hand where mailbox_id = $1 and lease_token = $2", mailbox.as_uuid(), lease.token)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Takes out everything that reading a folder up to `checkpoint` has outlived, whoever had it in hand.
pub async fn passed(
    tx: &mut MspTx,
    mailbox: MailboxId,
    folder: &str,
    checkpoint: Checkpoint,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from in_hand where mailbox_id = $1 and folder = $2 and (uid_validity <> $3 or last_uid <= $4)",
        mailbox.as_uuid(),
        row::clean(folder, LONGEST_NAME),
        i64::from(checkpoint.uid_validity),
        i64::from(checkpoint.last_uid)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets one death of those that speak against the mailbox itself, if the last is older than `before`: it may be read once
/// more.
pub(crate) async fn pardon(tx: &mut MspTx, mailbox: MailboxId, before: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from in_hand where mailbox_id = $1 and lease_token = (
            select last.lease_token from in_hand last join mailbox using (mailbox_id)
            where last.mailbox_id = $1 and last.alone and last.last_uid = 0
                and last.lease_token is distinct from mailbox.lease_token
            order by last.taken_at desc limit 1) and taken_at <= $2",
        mailbox.as_uuid(),
        before
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes out everything: the mailbox was read to its end.
pub async fn forget(tx: &mut MspTx, mailbox: MailboxId) -> Result<(), StoreError> {
    sqlx::query!("delete from in_hand where mailbox_id = $1", mailbox.as_uuid()).execute(tx.conn()).await?;
    Ok(())
}

/// What was in the hands of sessions before this one that have not put it down: a row for each of them, oldest first.
pub async fn left(tx: &mut MspTx, mailbox: MailboxId, lease: &Lease) -> Result<Vec<InHand>, StoreError> {
    let rows = sqlx::query!(
        "select folder, uid_validity, first_uid, last_uid, alone from in_hand
        where mailbox_id = $1 and lease_token <> $2 order by taken_at",
        mailbox.as_uuid(),
        lease.token
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(InHand {
                folder: row.folder,
                uid_validity: row::number("in_hand", row.uid_validity)?,
                first_uid: row::number("in_hand", row.first_uid)?,
                last_uid: row::number("in_hand", row.last_uid)?,
                alone: row.alone,
            })
        })
        .collect()
}
