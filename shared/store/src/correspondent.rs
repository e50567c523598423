//! To whom a mailbox writes, by keyed hash of the address: a bounce from one of these is expected.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use daimon_domain::id::{MailboxId, TenantId};

use crate::{MspTx, StoreError, row};

/// Remembers who was written to. One that is known keeps its first date, and gets the newest.
pub async fn insert_many(
    tx: &mut MspTx,
    tenant: TenantId,
    mailbox: MailboxId,
    seen: &[([u8; 32], DateTime<Utc>)],
) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    // The same hash twice in one statement would be refused: "cannot affect row a second time".
    let mut times = BTreeMap::new();
    for (hash, at) in seen {
        let (first, last): &mut (DateTime<Utc>, DateTime<Utc>) = times.entry(*hash).or_insert((*at, *at));
        (*first, *last) = ((*first).min(*at), (*last).max(*at));
    }
    let hashes: Vec<Vec<u8>> = times.keys().map(|hash| hash.to_vec()).collect();
    let (first, last): (Vec<_>, Vec<_>) = times.into_values().unzip();
    sqlx::query!(
        "insert into correspondent (msp_id, tenant_id, mailbox_id, address_hash, first_seen_at, last_seen_at)
        select $1, $2, $3, hash, first_at, last_at
        from unnest($4::bytea[], $5::timestamptz[], $6::timestamptz[]) as seen (hash, first_at, last_at)
        on conflict on constraint correspondent_pk do update set
            first_seen_at = least(correspondent.first_seen_at, excluded.first_seen_at),
            last_seen_at = greatest(correspondent.last_seen_at, excluded.last_seen_at)",
        msp,
        tenant.as_uuid(),
        mailbox.as_uuid(),
        &hashes,
        &first,
        &last
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Which of these are known, and since when.
pub async fn first_seen_many(
    tx: &mut MspTx,
    mailbox: MailboxId,
    hashes: &[[u8; 32]],
) -> Result<HashMap<[u8; 32], DateTime<Utc>>, StoreError> {
    let known = sqlx::query!(
        "select address_hash, first_seen_at from correspondent where mailbox_id = $1 and address_hash = any ($2)",
        mailbox.as_uuid(),
        &row::hashes(hashes)
    )
    .fetch_all(tx.conn())
    .await?;
    known.into_iter().map(|known| Ok((row::hash("correspondent", known.address_hash)?, known.first_seen_at))).collect()
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
