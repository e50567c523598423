//! Maintenance windows.

use chrono::{DateTime, Utc};
use daimon_domain::id::{MailboxId, TenantId, WindowId};
use daimon_domain::maintenance::Window;
use uuid::Uuid;

use crate::{Listed, MspTx, Page, StoreError};

struct Row {
    window_id: Uuid,
    tenant_id: Uuid,
    mailboxes: Vec<Uuid>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    reason: String,
    created_at: DateTime<Utc>,
    created_by: String,
    version: i64,
}

impl From<Row> for Window {
    fn from(row: Row) -> Self {
        Self {
            id: WindowId::from_uuid(row.window_id),
            tenant: TenantId::from_uuid(row.tenant_id),
            mailboxes: row.mailboxes.into_iter().map(MailboxId::from_uuid).collect(),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            reason: row.reason,
            created_at: row.created_at,
            created_by: row.created_by,
            version: row.version,
        }
    }
}

/// Which windows to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowFilter {
    /// Only of this tenant.
    pub tenant: Option<TenantId>,
    /// Only of this mailbox, or of all of its tenant's.
    pub mailbox: Option<MailboxId>,
    /// Only those that have not ended by then.
    pub not_over_at: Option<DateTime<Utc>>,
}

fn ids(mailboxes: &[MailboxId]) -> Vec<Uuid> {
    mailboxes.iter().map(|id| id.as_uuid()).collect()
}

/// Stores a window.
pub async fn insert(tx: &mut MspTx, window: &Window) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into maintenance_window (msp_id, tenant_id, window_id, mailboxes, starts_at, ends_at, reason, created_at,
            created_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        msp,
        window.tenant.as_uuid(),
        window.id.as_uuid(),
        &ids(&window.mailboxes),
        window.starts_at,
        window.ends_at,
        window.reason,
        window.created_at,
        window.created_by
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reads one; `None` also when it is outside the wall.
pub async fn find(tx: &mut MspTx, id: WindowId) -> Result<Option<Window>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select window_id, tenant_id, mailboxes, starts_at, ends_at, reason, created_at, created_by, version
        from maintenance_window where window_id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Window::from))
}

/// Windows, newest first.
pub async fn list(tx: &mut MspTx, filter: &WindowFilter, page: Page<WindowId>) -> Result<Listed<Window>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select window_id, tenant_id, mailboxes, starts_at, ends_at, reason, created_at, created_by, version
        from maintenance_window
        where ($1::uuid is null or tenant_id = $1)
            and ($2::uuid is null or $2 = any (mailboxes)
                or (mailboxes = '{}' and tenant_id = (select tenant_id from mailbox where mailbox_id = $2)))
            and ($3::timestamptz is null or ends_at > $3) and ($4::uuid is null or window_id < $4)
        order by window_id desc limit $5",
        filter.tenant.map(TenantId::as_uuid),
        filter.mailbox.map(MailboxId::as_uuid),
        filter.not_over_at,
        page.before.map(WindowId::as_uuid),
        page.probe()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(Window::from).collect()))
}

/// Changes a window that is still of that version; answers its new one.
pub async fn update(tx: &mut MspTx, window: &Window, now: DateTime<Utc>) -> Result<Option<i64>, StoreError> {
    let version = sqlx::query_scalar!(
        "update maintenance_window set mailboxes = $3, starts_at = $4, ends_at = $5, reason = $6, version = version + 1
        where window_id = $1 and version = $2 returning version",
        window.id.as_uuid(),
        window.version,
        &ids(&window.mailboxes),
        window.starts_at,
        window.ends_at,
        window.reason
    )
    .fetch_optional(tx.conn())
    .await?;
    look_again(tx, window.tenant, now).await?;
    Ok(version)
}

/// Takes a window back, if it is still of that version.
pub async fn delete(tx: &mut MspTx, window: &Window, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "delete from maintenance_window where window_id = $1 and version = $2",
        window.id.as_uuid(),
        window.version
    )
    .execute(tx.conn())
    .await?;
    look_again(tx, window.tenant, now).await?;
    Ok(done.rows_affected() == 1)
}

/// What was held back may have to wait no longer.
async fn look_again(tx: &mut MspTx, tenant: TenantId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("update incident set held_until = $2 where tenant_id = $1 and held_until > $2", tenant.as_uuid(), now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Until when what comes of that mailbox by itself is held back; `None`: it is not.
pub async fn holds_until(
    tx: &mut MspTx,
    tenant: TenantId,
    mailbox: MailboxId,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar!(
        "select max(ends_at) from maintenance_window
        where tenant_id = $1 and starts_at <= $3 and ends_at > $3 and (mailboxes = '{}' or $2 = any (mailboxes))",
        tenant.as_uuid(),
        mailbox.as_uuid(),
        now
    )
    .fetch_one(tx.conn())
    .await?)
}
