//! Where reading each folder of a mailbox resumes.

use chrono::{DateTime, Utc};
use daimon_domain::id::{MailboxId, TenantId};
use daimon_domain::mailbox::Checkpoint;

use crate::{MspTx, StoreError, row};

/// How much of a name is kept: the server chose it. A folder with a longer one is read from the start each time.
pub(crate) const LONGEST_NAME: usize = 500;

/// A folder that was opened before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its name.
    pub name: String,
    /// Where reading it resumes.
    pub checkpoint: Checkpoint,
    /// How often in a row it had another UIDVALIDITY than the time before.
    pub renumbered: u32,
}

/// Every folder that was opened so far, by name.
pub async fn list(tx: &mut MspTx, mailbox: MailboxId) -> Result<Vec<Folder>, StoreError> {
    let rows = sqlx::query!(
        "select name, uid_validity, last_uid, renumbered from folder where mailbox_id = $1 order by name",
        mailbox.as_uuid()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let checkpoint = Checkpoint {
                uid_validity: row::number("folder", row.uid_validity)?,
                last_uid: row::number("folder", row.last_uid)?,
            };
            Ok(Folder { name: row.name, checkpoint, renumbered: row::number("folder", row.renumbered)? })
        })
        .collect()
}

/// Remembers where reading a folder resumes.
pub async fn upsert(
    tx: &mut MspTx,
    tenant: TenantId,
    mailbox: MailboxId,
    name: &str,
    checkpoint: Checkpoint,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into folder (msp_id, tenant_id, mailbox_id, name, uid_validity, last_uid, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict on constraint folder_pk do update
        set uid_validity = excluded.uid_validity, last_uid = excluded.last_uid, updated_at = excluded.updated_at",
        msp,
        tenant.as_uuid(),
        mailbox.as_uuid(),
        row::clean(name, LONGEST_NAME),
        i64::from(checkpoint.uid_validity),
        i64::from(checkpoint.last_uid),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes that the folder has another UIDVALIDITY, so that nothing of it counts as read; answers how often in a row that was
/// so.
pub async fn renumber(
    tx: &mut MspTx,
    mailbox: MailboxId,
    name: &str,
    uid_validity: u32,
    now: DateTime<Utc>,
) -> Result<u32, StoreError> {
    let renumbered = sqlx::query_scalar!(
        "update folder set uid_validity = $3, last_uid = 0, renumbered = renumbered + 1, updated_at = $4
        where mailbox_id = $1 and name = $2 returning renumbered",
        mailbox.as_uuid(),
        row::clean(name, LONGEST_NAME),
        i64::from(uid_validity),
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    row::number("folder", renumbered.unwrap_or(0))
}

/// Notes that the folder had the same UIDVALIDITY as the time before.
pub async fn settled(tx: &mut MspTx, mailbox: MailboxId, name: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "update folder set renumbered = 0 where mailbox_id = $1 and name = $2",
        mailbox.as_uuid(),
        row::clean(name, LONGEST_NAME)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
