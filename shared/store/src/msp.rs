//! The provider itself. Made by the owner at bootstrap; the programs only read it.

use chrono::{DateTime, Utc};
use daimon_domain::id::MspId;

use crate::{MspTx, StoreError};

/// A managed service provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msp {
    /// Its id.
    pub id: MspId,
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// Creates the MSP of this transaction's wall. Only the owner's transactions may.
pub async fn create(tx: &mut MspTx, name: &str, now: DateTime<Utc>) -> Result<Msp, StoreError> {
    let id = tx.msp();
    sqlx::query!("insert into msp (msp_id, name, created_at) values ($1, $2, $3)", id.as_uuid(), name, now)
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        "insert into audit_head (msp_id, sequence, hash) values ($1, 0, decode(repeat('00', 32), 'hex'))",
        id.as_uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(Msp { id, name: name.to_owned(), created_at: now })
}

/// The MSP of this transaction's wall.
pub async fn find(tx: &mut MspTx) -> Result<Option<Msp>, StoreError> {
    let row = sqlx::query!("select msp_id, name, created_at from msp").fetch_optional(tx.conn()).await?;
    Ok(row.map(|row| Msp { id: MspId::from_uuid(row.msp_id), name: row.name, created_at: row.created_at }))
}
