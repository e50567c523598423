//! Messages that are not read again because reading them went wrong, and why.

use chrono::{DateTime, Utc};
use daimon_domain::id::{MailboxId, TenantId};

use crate::folder::LONGEST_NAME;
use crate::{MspTx, StoreError, row};

/// A message that is not read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// In which folder.
    pub folder: String,
    /// Under which UIDVALIDITY.
    pub uid_validity: u32,
    /// Which message.
    pub uid: u32,
    /// A short code: `crashed`, `too_large`.
    pub reason: String,
    /// Since when.
    pub at: DateTime<Utc>,
    /// Whether somebody asked for it to be read once more.
    pub again: bool,
}

/// Why a message is set aside that processes died of.
pub const CRASHED: &str = "crashed";

/// Sets a message aside. The second time it keeps the first reason.
pub async fn insert(
    tx: &mut MspTx,
    tenant: TenantId,
    mailbox: MailboxId,
    message: &Quarantined,
) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into quarantine (msp_id, tenant_id, mailbox_id, folder, uid_validity, uid, reason, quarantined_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict on constraint quarantine_pk do nothing",
        msp,
        tenant.as_uuid(),
        mailbox.as_uuid(),
        row::clean(&message.folder, LONGEST_NAME),
        i64::from(message.uid_validity),
        i64::from(message.uid),
        message.reason,
        message.at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Lets those that processes died of be read once more, if they were put aside before `before`.
pub(crate) async fn ask_again(tx: &mut MspTx, mailbox: MailboxId, before: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update quarantine set again = true where mailbox_id = $1 and reason = $2 and quarantined_at <= $3",
        mailbox.as_uuid(),
        CRASHED,
        before
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Those that may be read once more.
pub async fn asked_again(tx: &mut MspTx, mailbox: MailboxId) -> Result<Vec<Quarantined>, StoreError> {
    let mut all = list(tx, mailbox).await?;
    all.retain(|aside| aside.again);
    Ok(all)
}

/// One of them is being read: should it end the process again, it is put aside since `now`, and without another question.
pub async fn try_again(
    tx: &mut MspTx,
    mailbox: MailboxId,
    message: &Quarantined,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update quarantine set again = false, quarantined_at = $5
        where mailbox_id = $1 and folder = $2 and uid_validity = $3 and uid = $4",
        mailbox.as_uuid(),
        row::clean(&message.folder, LONGEST_NAME),
        i64::from(message.uid_validity),
        i64::from(message.uid),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// It was read after all.
pub async fn remove(tx: &mut MspTx, mailbox: MailboxId, message: &Quarantined) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from quarantine where mailbox_id = $1 and folder = $2 and uid_validity = $3 and uid = $4",
        mailbox.as_uuid(),
        row::clean(&message.folder, LONGEST_NAME),
        i64::from(message.uid_validity),
        i64::from(message.uid)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The messages of a folder from a UID on that processes died of: where the last ones are looked at again, these are not.
pub async fn died_of(
    tx: &mut MspTx,
    mailbox: MailboxId,
    folder: &str,
    uid_validity: u32,
    first: u32,
) -> Result<Vec<u32>, StoreError> {
    let uids = sqlx::query_scalar!(
        "select uid from quarantine
        where mailbox_id = $1 and folder = $2 and uid_validity = $3 and uid >= $4 and reason = $5",
        mailbox.as_uuid(),
        row::clean(folder, LONGEST_NAME),
        i64::from(uid_validity),
        i64::from(first),
        CRASHED
    )
    .fetch_all(tx.conn())
    .await?;
    uids.into_iter().map(|uid| row::number("quarantine", uid)).collect()
}

/// What was set aside of a mailbox, by folder and UID.
pub async fn list(tx: &mut MspTx, mailbox: MailboxId) -> Result<Vec<Quarantined>, StoreError> {
    let rows = sqlx::query!(
        "select folder, uid_validity, uid, reason, quarantined_at, again from quarantine
        where mailbox_id = $1 order by folder, uid_validity, uid limit 1000",
        mailbox.as_uuid()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Quarantined {
                folder: row.folder,
                uid_validity: row::number("quarantine", row.uid_validity)?,
                uid: row::number("quarantine", row.uid)?,
                reason: row.reason,
                at: row.quarantined_at,
                again: row.again,
            })
        })
        .collect()
}
