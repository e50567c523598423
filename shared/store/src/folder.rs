//! Where reading each folder of a mailbox resumes.

use chrono::{DateTime, Utc};
use daimon_domain::id::{MailboxId, TenantId};
use daimon_domain::mailbox::Checkpoint;

use crate::{MspTx, StoreError, row};

/// How much of a name is kept: the server chose it. A folder with a longer one is read from the start each time.
pub(crate) const LONGEST_NAME: usize = 500;

/// Every folder that was read so far, by name.
pub async fn list(tx: &mut MspTx, mailbox: MailboxId) -> Result<Vec<(String, Checkpoint)>, StoreError> {
    let rows = sqlx::query!(
        "select name, uid_validity, last_uid from folder where mailbox_id = $1 order by name",
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
            Ok((row.name, checkpoint))
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
