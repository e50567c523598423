//! What a mailbox was signed in to with before its password was changed, while an incident lasts.
//!
//! That it is refused proves that whoever stole it is shut out. It is sealed for its incident, no answer of the API shows
//! it, and it is erased when the incident ends.

use chrono::{DateTime, Utc};
use daimon_domain::id::IncidentId;
use daimon_domain::incident::Incident;

use crate::{MspTx, Sealed, StoreError, row};

/// An old credential, and how it fared since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldCredential {
    /// The name to sign in with.
    pub username: String,
    /// The password.
    pub secret: Sealed,
    /// Since when there is another one.
    pub replaced_at: DateTime<Utc>,
    /// How often it was tried since.
    pub tries: u32,
    /// When it was first let in since.
    pub accepted_at: Option<DateTime<Utc>>,
    /// When it was first refused, in a row that nothing broke.
    pub refused_at: Option<DateTime<Utc>>,
    /// When to try it; never any more.
    pub next_try_at: Option<DateTime<Utc>>,
}

/// Keeps one. The first one that was replaced since the incident opened stays: that is the one that was stolen.
pub async fn keep(tx: &mut MspTx, incident: &Incident, old: &OldCredential) -> Result<bool, StoreError> {
    let msp = tx.msp().as_uuid();
    let done = sqlx::query!(
        "insert into old_credential (msp_id, tenant_id, incident_id, username, sealed_secret, secret_key_version,
            replaced_at, next_try_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict on constraint old_credential_pk do nothing",
        msp,
        incident.tenant.as_uuid(),
        incident.id.as_uuid(),
        old.username,
        old.secret.bytes,
        old.secret.key_version,
        old.replaced_at,
        old.next_try_at
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Reads one.
pub async fn find(tx: &mut MspTx, incident: IncidentId) -> Result<Option<OldCredential>, StoreError> {
    let row = sqlx::query!(
        "select username, sealed_secret, secret_key_version, replaced_at, tries, accepted_at, refused_at, next_try_at
        from old_credential where incident_id = $1",
        incident.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(OldCredential {
            username: row.username,
            secret: Sealed { bytes: row.sealed_secret, key_version: row.secret_key_version },
            replaced_at: row.replaced_at,
            tries: row::number("old_credential", row.tries)?,
            accepted_at: row.accepted_at,
            refused_at: row.refused_at,
            next_try_at: row.next_try_at,
        })
    })
    .transpose()
}

/// Writes when it is tried next, if it was to be tried by `now`. `false`: it is not, or somebody else has it in hand.
///
/// Commit before it is tried: a process that dies meanwhile has tried it, and nobody does so again before `next`.
pub async fn take(
    tx: &mut MspTx,
    incident: IncidentId,
    now: DateTime<Utc>,
    next: Option<DateTime<Utc>>,
    is_tried: bool,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update old_credential set next_try_at = $3, tries = tries + case when $4 then 1 else 0 end
        where incident_id = $1 and next_try_at <= $2",
        incident.as_uuid(),
        now,
        next,
        is_tried
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes how it fared.
pub async fn record(tx: &mut MspTx, incident: IncidentId, old: &OldCredential) -> Result<(), StoreError> {
    sqlx::query!(
        "update old_credential set accepted_at = $2, refused_at = $3, next_try_at = $4 where incident_id = $1",
        incident.as_uuid(),
        old.accepted_at,
        old.refused_at,
        old.next_try_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Erases it.
pub async fn erase(tx: &mut MspTx, incident: IncidentId) -> Result<(), StoreError> {
    sqlx::query!("delete from old_credential where incident_id = $1", incident.as_uuid()).execute(tx.conn()).await?;
    Ok(())
}
