//! Who did what. Every entry carries the hash of the one before, so that an edit, a gap or another order shows; a cut tail
//! shows against the head, which is a row of its own and can be signed and exported.
//!
//! Hash: SHA-256 over previous hash, MSP, sequence, id, tenant, time, actor, action, subject and detail, each with its
//! length in front (8 bytes, big-endian), so that no two entries are written the same.

use chrono::{DateTime, Utc};
use daimon_domain::id::{AuditId, MspId, TenantId};
use uuid::Uuid;

use crate::{Listed, MspTx, Page, StoreError, row};

/// What to write down.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEntry {
    /// Its id.
    pub id: AuditId,
    /// About which tenant; none: about the MSP itself.
    pub tenant: Option<TenantId>,
    /// When.
    pub at: DateTime<Utc>,
    /// Who: a key's id, or the name of a program.
    pub actor: String,
    /// What was done, such as `mailbox.paused`.
    pub action: String,
    /// To what: an id.
    pub subject: String,
    /// Anything more, an object. No secrets and no addresses.
    pub detail: serde_json::Value,
}

/// An entry as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counts from 1 per MSP, without gaps.
    pub sequence: i64,
    /// Its id.
    pub id: AuditId,
    /// About which tenant.
    pub tenant: Option<TenantId>,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// The JSON object, as hashed.
    pub detail: String,
    /// The hash of the entry before; zeros for the first.
    pub previous_hash: [u8; 32],
    /// The hash of this one.
    pub hash: [u8; 32],
}

/// Where the log of an MSP ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many entries there are.
    pub sequence: i64,
    /// The hash of the last.
    pub hash: [u8; 32],
}

/// Whether a log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Every entry follows from the one before, up to the head.
    Whole {
        /// How many there are.
        entries: i64,
    },
    /// Something was changed, removed, added or reordered.
    Broken {
        /// The first entry that doesn't follow; one after the last when the end is missing.
        sequence: i64,
    },
}

struct Row {
    sequence: i64,
    audit_id: Uuid,
    tenant_id: Option<Uuid>,
    happened_at: DateTime<Utc>,
    actor: String,
    action: String,
    subject: String,
    detail: String,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
}

impl TryFrom<Row> for Entry {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            sequence: row.sequence,
            id: AuditId::from_uuid(row.audit_id),
            tenant: row.tenant_id.map(TenantId::from_uuid),
            at: row.happened_at,
            actor: row.actor,
            action: row.action,
            subject: row.subject,
            detail: row.detail,
            previous_hash: row::hash("audit_entry", row.previous_hash)?,
            hash: row::hash("audit_entry", row.hash)?,
        })
    }
}

impl Entry {
    /// What the hash is of.
    fn bytes(&self, msp: MspId) -> Vec<u8> {
        let tenant = self.tenant.map(|id| id.as_uuid().as_bytes().to_vec()).unwrap_or_default();
        let parts: [&[u8]; 10] = [
            &self.previous_hash,
            &msp.as_uuid().into_bytes(),
            &self.sequence.to_be_bytes(),
            &self.id.as_uuid().into_bytes(),
            &tenant,
            &self.at.timestamp_micros().to_be_bytes(),
            self.actor.as_bytes(),
            self.action.as_bytes(),
            self.subject.as_bytes(),
            self.detail.as_bytes(),
        ];
        parts
            .iter()
            .flat_map(|part| (part.len() as u64).to_be_bytes().into_iter().chain(part.iter().copied()))
            .collect()
    }
}

/// Adds an entry at the end of the MSP's log; whoever else adds one waits until the transaction ends.
pub async fn append(tx: &mut MspTx, entry: &NewEntry) -> Result<Head, StoreError> {
    append_many(tx, std::slice::from_ref(entry)).await
}

/// Adds several, one after the other.
pub async fn append_many(tx: &mut MspTx, entries: &[NewEntry]) -> Result<Head, StoreError> {
    let msp = tx.msp();
    let end = sqlx::query!("select sequence, hash from audit_head for update").fetch_optional(tx.conn()).await?;
    let Some(end) = end else { return Err(StoreError::Missing { constraint: "audit_entry_msp_fk".to_owned() }) };
    let mut head = Head { sequence: end.sequence, hash: row::hash("audit_head", end.hash)? };
    for entry in entries {
        let written = Entry {
            sequence: head.sequence.saturating_add(1),
            id: entry.id,
            tenant: entry.tenant,
            at: entry.at,
            actor: entry.actor.clone(),
            action: entry.action.clone(),
            subject: entry.subject.clone(),
            detail: row::clean_json(&entry.detail.to_string()).into_owned(),
            previous_hash: head.hash,
            hash: [0; 32],
        };
        let hash =
            sqlx::query_scalar!(r#"select sha256($1) as "hash!""#, written.bytes(msp)).fetch_one(tx.conn()).await?;
        sqlx::query!(
            "insert into audit_entry (msp_id, sequence, audit_id, tenant_id, happened_at, actor, action, subject, detail,
                previous_hash, hash)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            msp.as_uuid(),
            written.sequence,
            written.id.as_uuid(),
            written.tenant.map(TenantId::as_uuid),
            written.at,
            written.actor,
            written.action,
            written.subject,
            written.detail,
            &written.previous_hash,
            hash
        )
        .execute(tx.conn())
        .await?;
        head = Head { sequence: written.sequence, hash: row::hash("audit_head", hash)? };
    }
    sqlx::query!("update audit_head set sequence = $1, hash = $2", head.sequence, head.hash.as_slice())
        .execute(tx.conn())
        .await?;
    Ok(head)
}

/// Entries, newest first; only those after a sequence, and before another.
pub async fn list(tx: &mut MspTx, after: Option<i64>, page: Page<i64>) -> Result<Listed<Entry>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select sequence, audit_id, tenant_id, happened_at, actor, action, subject, detail, previous_hash, hash
        from audit_entry where ($1::bigint is null or sequence < $1) and ($3::bigint is null or sequence > $3)
        order by sequence desc limit $2",
        page.before,
        page.probe(),
        after
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(Entry::try_from).collect::<Result<_, _>>()?))
}

/// Where the log ends.
pub async fn head(tx: &mut MspTx) -> Result<Option<Head>, StoreError> {
    let row = sqlx::query!("select sequence, hash from audit_head").fetch_optional(tx.conn()).await?;
    row.map(|row| Ok(Head { sequence: row.sequence, hash: row::hash("audit_head", row.hash)? })).transpose()
}

/// The hash of one entry.
pub async fn hash_at(tx: &mut MspTx, sequence: i64) -> Result<Option<[u8; 32]>, StoreError> {
    let found = sqlx::query_scalar!("select hash from audit_entry where sequence = $1", sequence);
    found.fetch_optional(tx.conn()).await?.map(|hash| row::hash("audit_entry", hash)).transpose()
}

/// Goes through the whole log, from the first entry to the head. The transaction must see all tenants.
pub async fn verify(tx: &mut MspTx) -> Result<Verified, StoreError> {
    let msp = tx.msp();
    let mut last = Head { sequence: 0, hash: [0; 32] };
    let mut until = None;
    loop {
        let rows = sqlx::query_as!(
            Row,
            "select sequence, audit_id, tenant_id, happened_at, actor, action, subject, detail, previous_hash, hash
            from audit_entry where sequence > $1 order by sequence limit 500",
            last.sequence
        )
        .fetch_all(tx.conn())
        .await?;
        if rows.is_empty() {
            let end = head(tx).await?.unwrap_or(Head { sequence: 0, hash: [0; 32] });
            if last == end {
                return Ok(Verified::Whole { entries: last.sequence });
            }
            // Whatever is added meanwhile is there once the head says so.
            if end.sequence <= last.sequence || until == Some(end) {
                return Ok(Verified::Broken { sequence: last.sequence.saturating_add(1) });
            }
            until = Some(end);
            continue;
        }
        let entries: Vec<Entry> = rows.into_iter().map(Entry::try_from).collect::<Result<_, _>>()?;
        let bytes: Vec<Vec<u8>> = entries.iter().map(|entry| entry.bytes(msp)).collect();
        let hashes = sqlx::query_scalar!(
            r#"select sha256(bytes) as "hash!" from unnest($1::bytea[]) with ordinality as entry (bytes, number)
            order by number"#,
            &bytes
        )
        .fetch_all(tx.conn())
        .await?;
        for (entry, hash) in entries.into_iter().zip(hashes) {
            let next = last.sequence.saturating_add(1);
            if entry.sequence != next || entry.previous_hash != last.hash || entry.hash.as_slice() != hash.as_slice() {
                return Ok(Verified::Broken { sequence: next });
            }
            last = Head { sequence: entry.sequence, hash: entry.hash };
        }
    }
}
