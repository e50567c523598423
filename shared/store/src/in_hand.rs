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

/// Messages of one folder, from one UID to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InHand {
    /// In which folder.
    pub folder: String,
    /// Under which UIDVALIDITY.
    pub uid_validity: u32,
    /// The first of them.
    pub first_uid: u32,
    /// The last of them.
    pub last_uid: u32,
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
            (msp_id, tenant_id, mailbox_id, lease_token, folder, uid_validity, first_uid, last_uid, taken_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict on constraint in_hand_pk do update
        set folder = excluded.folder, uid_validity = excluded.uid_validity, first_uid = excluded.first_uid,
            last_uid = excluded.last_uid, taken_at = excluded.taken_at",
        msp,
        tenant.as_uuid(),
        mailbox.as_uuid(),
        lease.token,
        row::clean(&messages.folder, LONGEST_NAME),
        i64::from(messages.uid_validity),
        i64::from(messages.first_uid),
        i64::from(messages.last_uid),
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

/// Takes out everything: the mailbox was read to its end.
pub async fn forget(tx: &mut MspTx, mailbox: MailboxId) -> Result<(), StoreError> {
    sqlx::query!("delete from in_hand where mailbox_id = $1", mailbox.as_uuid()).execute(tx.conn()).await?;
    Ok(())
}

/// What was in the hands of sessions before this one that have not put it down: a row for each of them.
pub async fn left(tx: &mut MspTx, mailbox: MailboxId, lease: &Lease) -> Result<Vec<InHand>, StoreError> {
    let rows = sqlx::query!(
        "select folder, uid_validity, first_uid, last_uid from in_hand
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
            })
        })
        .collect()
}
