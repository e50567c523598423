//! With whom a mailbox writes, by keyed hash of the address: a bounce from one of these is expected.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use daimon_domain::id::{MailboxId, TenantId};

use crate::{MspTx, StoreError, row};

/// Remembers who was written to or wrote. One that is known keeps the newest date.
pub async fn insert_many(
    tx: &mut MspTx,
    tenant: TenantId,
    mailbox: MailboxId,
    seen: &[([u8; 32], DateTime<Utc>)],
) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    // The same hash twice in one statement would be refused: "cannot affect row a second time".
    let mut newest = std::collections::BTreeMap::new();
    for (hash, at) in seen {
        newest.entry(*hash).and_modify(|known: &mut DateTime<Utc>| *known = (*known).max(*at)).or_insert(*at);
    }
    let (hashes, times): (Vec<Vec<u8>>, Vec<DateTime<Utc>>) =
        newest.into_iter().map(|(hash, at)| (hash.to_vec(), at)).unzip();
    sqlx::query!(
        "insert into correspondent (msp_id, tenant_id, mailbox_id, address_hash, last_seen_at)
        select $1, $2, $3, hash, at from unnest($4::bytea[], $5::timestamptz[]) as seen (hash, at)
        on conflict on constraint correspondent_pk do update set last_seen_at = greatest(correspondent.last_seen_at, excluded.last_seen_at)",
        msp,
        tenant.as_uuid(),
        mailbox.as_uuid(),
        &hashes,
        &times
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Which of these are known.
pub async fn contains_many(
    tx: &mut MspTx,
    mailbox: MailboxId,
    hashes: &[[u8; 32]],
) -> Result<HashSet<[u8; 32]>, StoreError> {
    let known = sqlx::query_scalar!(
        "select address_hash from correspondent where mailbox_id = $1 and address_hash = any ($2)",
        mailbox.as_uuid(),
        &row::hashes(hashes)
    )
    .fetch_all(tx.conn())
    .await?;
    known.into_iter().map(|hash| row::hash("correspondent", hash)).collect()
}

/// How many are known of a mailbox.
pub async fn count(tx: &mut MspTx, mailbox: MailboxId) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select count(*) as "count!" from correspondent where mailbox_id = $1"#,
        mailbox.as_uuid()
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Forgets what is older than `before`; answers how many were forgotten.
pub async fn forget(tx: &mut MspTx, mailbox: MailboxId, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "delete from correspondent where mailbox_id = $1 and last_seen_at < $2",
        mailbox.as_uuid(),
        before
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
