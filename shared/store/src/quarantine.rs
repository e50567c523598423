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
}

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

/// What was set aside of a mailbox, by folder and UID.
pub async fn list(tx: &mut MspTx, mailbox: MailboxId) -> Result<Vec<Quarantined>, StoreError> {
    let rows = sqlx::query!(
        "select folder, uid_validity, uid, reason, quarantined_at from quarantine
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
            })
        })
        .collect()
}
