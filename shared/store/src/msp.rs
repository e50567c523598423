//! The provider itself. Made by the owner at bootstrap; what it says of itself it may change.

use chrono::{DateTime, Utc};
use daimon_domain::id::MspId;
use daimon_domain::tenant::Language;

use crate::{MspTx, StoreError, row};

/// Nobody keeps bounces, events and deliveries longer: their month is dropped as a whole.
pub const LONGEST_KEPT_DAYS: u16 = 400;

/// A managed service provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msp {
    /// Its id.
    pub id: MspId,
    /// Its name.
    pub name: String,
    /// The language that its own people are spoken to in.
    pub language: Language,
    /// What its clients know it by, where that is not its name.
    pub display_name: Option<String>,
    /// Whom its clients ask.
    pub support_contact: Option<String>,
    /// For how many days bounces, events and deliveries are kept: 60 to [`LONGEST_KEPT_DAYS`].
    pub retention_days: u16,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Grows with every change; the strong `ETag`.
    pub version: i64,
}

impl Msp {
    /// What its clients know it by.
    pub fn shown(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }
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
    Ok(Msp {
        id,
        name: name.to_owned(),
        language: Language::English,
        display_name: None,
        support_contact: None,
        retention_days: LONGEST_KEPT_DAYS,
        created_at: now,
        version: 1,
    })
}

/// The MSP of this transaction's wall.
pub async fn find(tx: &mut MspTx) -> Result<Option<Msp>, StoreError> {
    let row = sqlx::query!(
        "select msp_id, name, language, display_name, support_contact, retention_days, created_at, version from msp"
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(Msp {
            id: MspId::from_uuid(row.msp_id),
            name: row.name,
            language: row::text("msp", &row.language)?,
            display_name: row.display_name,
            support_contact: row.support_contact,
            retention_days: row::number("msp", row.retention_days)?,
            created_at: row.created_at,
            version: row.version,
        })
    })
    .transpose()
}

/// Writes what an MSP says of itself if the stored version is still `msp.version`, and answers the new version. `None`:
/// somebody else was faster.
pub async fn update(tx: &mut MspTx, msp: &Msp) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar!(
        "update msp set name = $3, language = $4, display_name = $5, support_contact = $6, retention_days = $7,
            version = version + 1
        where msp_id = $1 and version = $2 returning version",
        msp.id.as_uuid(),
        msp.version,
        msp.name,
        msp.language.as_str(),
        msp.display_name,
        msp.support_contact,
        msp.retention_days.cast_signed()
    )
    .fetch_optional(tx.conn())
    .await?)
}
