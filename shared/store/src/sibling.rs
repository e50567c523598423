//! Mailboxes of a tenant that have the password of one that was stolen.
//!
//! They are found by a keyed hash, within the tenant only: that another company has the same password is nobody's business.

use chrono::{DateTime, Utc};
use daimon_domain::id::{IncidentId, MailboxId};
use daimon_domain::incident::Incident;
use uuid::Uuid;

use crate::{MspTx, StoreError};

/// A tenant that gives everybody one password has more; those who are watched show whether it was used.
const MOST: i64 = 100;

/// A mailbox with the password of a stolen one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// Which.
    pub mailbox: MailboxId,
    /// Its address.
    pub address: String,
    /// When it was found.
    pub found_at: DateTime<Utc>,
    /// Whether its password is still that one.
    pub is_open: bool,
}

/// Notes the mailboxes with the password of the incident's, and answers those that were not noted before. Nothing once its
/// password was replaced: the new one is not the thief's.
pub async fn note(tx: &mut MspTx, incident: &Incident, now: DateTime<Utc>) -> Result<Vec<MailboxId>, StoreError> {
    let msp = tx.msp().as_uuid();
    let new = sqlx::query_scalar!(
        "insert into incident_sibling (msp_id, tenant_id, incident_id, mailbox_id, secret_hash, found_at)
        select $1, other.tenant_id, $2, other.mailbox_id, other.secret_hash, $4
        from mailbox as stolen
        join mailbox as other on other.tenant_id = stolen.tenant_id and other.secret_hash = stolen.secret_hash
            and other.mailbox_id <> stolen.mailbox_id
        where stolen.mailbox_id = $3 and not exists (select from old_credential where incident_id = $2)
        order by other.mailbox_id limit $5
        on conflict on constraint incident_sibling_pk do nothing
        returning mailbox_id",
        msp,
        incident.id.as_uuid(),
        incident.mailbox.as_uuid(),
        now,
        MOST
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(new.into_iter().map(MailboxId::from_uuid).collect())
}

/// Makes them due, whoever reads them at the moment. Nobody is waited for: one that is being written to hears of it in its
/// next turn.
pub async fn wake(tx: &mut MspTx, mailboxes: &[MailboxId], now: DateTime<Utc>) -> Result<(), StoreError> {
    let ids: Vec<_> = mailboxes.iter().map(|id| id.as_uuid()).collect();
    sqlx::query!(
        "update mailbox set next_poll_at = least(next_poll_at, $2), poll_requested_at = $2
        where mailbox_id = any (
            select mailbox_id from mailbox where mailbox_id = any ($1) for no key update skip locked
        )",
        &ids,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether the mailbox has the password of one that was stolen, and that is not over.
pub async fn is_watched(tx: &mut MspTx, mailbox: MailboxId) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (
            select from incident_sibling as sibling
            join incident on incident.incident_id = sibling.incident_id
            join mailbox on mailbox.mailbox_id = sibling.mailbox_id
            where sibling.mailbox_id = $1 and mailbox.secret_hash = sibling.secret_hash
                and incident.state in ('open', 'contained', 'monitoring', 'recovered', 'reopened')
        ) as "is_watched!""#,
        mailbox.as_uuid()
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Those of an incident, by address.
pub async fn list(tx: &mut MspTx, incident: IncidentId) -> Result<Vec<Sibling>, StoreError> {
    struct Row {
        mailbox_id: Uuid,
        address: String,
        found_at: DateTime<Utc>,
        is_open: bool,
    }
    let rows = sqlx::query_as!(
        Row,
        r#"select sibling.mailbox_id, mailbox.address, sibling.found_at,
            coalesce(mailbox.secret_hash = sibling.secret_hash, false) as "is_open!"
        from incident_sibling as sibling
        join mailbox on mailbox.mailbox_id = sibling.mailbox_id
        where sibling.incident_id = $1 order by mailbox.address, sibling.mailbox_id"#,
        incident.as_uuid()
    )
    .fetch_all(tx.conn())
    .await?;
    let sibling = |row: Row| Sibling {
        mailbox: MailboxId::from_uuid(row.mailbox_id),
        address: row.address,
        found_at: row.found_at,
        is_open: row.is_open,
    };
    Ok(rows.into_iter().map(sibling).collect())
}
