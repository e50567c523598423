//! Deleting mailboxes and tenants.
//!
//! What has few rows goes in one statement. What has more than that may have is deleted by a job, a little at a time: until it has
//! ended its secrets are gone, nobody reads it, and it says that it is being deleted.

use chrono::{DateTime, Utc};
use daimon_domain::id::{MailboxId, TenantId};

use crate::{MspTx, StoreError, watched};

/// What is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A tenant with all that is its own. The audit log stays, and that its mailboxes were watched.
    Tenant(TenantId),
    /// A mailbox with everything that was read from it. That it was watched stays.
    Mailbox(TenantId, MailboxId),
}

impl Target {
    /// The tenant, or that of the mailbox.
    pub const fn tenant(self) -> TenantId {
        match self {
            Self::Tenant(tenant) | Self::Mailbox(tenant, _) => tenant,
        }
    }

    /// What the audit log calls it.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Tenant(_) => "tenant",
            Self::Mailbox(..) => "mailbox",
        }
    }

    /// Its id.
    pub fn id(self) -> String {
        match self {
            Self::Tenant(tenant) => tenant.to_string(),
            Self::Mailbox(_, mailbox) => mailbox.to_string(),
        }
    }

    /// The mailbox; `None`: all of the tenant.
    pub const fn mailbox(self) -> Option<MailboxId> {
        match self {
            Self::Tenant(_) => None,
            Self::Mailbox(_, mailbox) => Some(mailbox),
        }
    }
}

/// How many rows would go with it, counted no further than `most` of a kind. A mailbox has some fifty of other kinds.
pub async fn weight(tx: &mut MspTx, target: Target, most: u32) -> Result<i64, StoreError> {
    let most = i64::from(most);
    Ok(match target {
        Target::Mailbox(_, mailbox) => {
            sqlx::query_scalar!(
                r#"select (select count(*) from (select from bounce where mailbox_id = $1 limit $2) as few)
                    + (select count(*) from (select from tidied_mail where mailbox_id = $1 limit $2) as few)
                    + (select count(*) from (
                        select from bounced_recipient where job_id in (select job_id from job where mailbox_id = $1) limit $2
                    ) as few)
                    + (select count(*) from (select from sent_message where mailbox_id = $1 limit $2) as few)
                    + (select count(*) from (select from correspondent where mailbox_id = $1 limit $2) as few) as "rows!""#,
                mailbox.as_uuid(),
                most
            )
            .fetch_one(tx.conn())
            .await?
        }
        Target::Tenant(tenant) => {
            sqlx::query_scalar!(
                r#"with own as (select mailbox_id from mailbox where tenant_id = $1)
                select (select count(*) from (select from bounce where tenant_id = $1 limit $2) as few)
                    + (select 50 * count(*) from (select from own limit $2) as few)
                    + (select count(*) from (select from tidied_mail where mailbox_id in (select mailbox_id from own) limit $2) as few)
                    + (select count(*) from (
                        select from bounced_recipient
                        where job_id in (select job_id from job where mailbox_id in (select mailbox_id from own)) limit $2
                    ) as few)
                    + (select count(*) from (select from sent_message where mailbox_id in (select mailbox_id from own) limit $2) as few)
                    + (select count(*) from (select from correspondent where mailbox_id in (select mailbox_id from own) limit $2) as few)
                    + (select count(*) from (select from event where tenant_id = $1 limit $2) as few)
                    + (select count(*) from (select from delivery where tenant_id = $1 limit $2) as few)
                    + (select count(*) from (select from attempt where tenant_id = $1 limit $2) as few) as "rows!""#,
                tenant.as_uuid(),
                most
            )
            .fetch_one(tx.conn())
            .await?
        }
    })
}

/// Begins: destroys the secrets, and ends the reading. `false`: the stored version is not `version` any more.
pub async fn begin(tx: &mut MspTx, target: Target, version: i64, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let (tenant, mailbox) = (target.tenant(), target.mailbox().map(MailboxId::as_uuid));
    let done = match target {
        Target::Tenant(tenant) => {
            sqlx::query!(
                "update tenant set data_key = '', version = version + 1 where tenant_id = $1 and version = $2",
                tenant.as_uuid(),
                version
            )
            .execute(tx.conn())
            .await?
        }
        Target::Mailbox(_, mailbox) => {
            sqlx::query!(
                "update mailbox set version = version + 1 where mailbox_id = $1 and version = $2",
                mailbox.as_uuid(),
                version
            )
            .execute(tx.conn())
            .await?
        }
    };
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    // In one order, as whoever changes several.
    sqlx::query!(
        "select mailbox_id from mailbox where tenant_id = $1 and ($2::uuid is null or mailbox_id = $2)
        order by mailbox_id for no key update",
        tenant.as_uuid(),
        mailbox
    )
    .fetch_all(tx.conn())
    .await?;
    // A session that runs is fenced off.
    sqlx::query!(
        "update mailbox set polling = 'deleting', polling_since = $3, sealed_secret = '', secret_hash = null, idle_holder = null,
            idle_token = null, idle_since = null, lease_token = null, lease_until = null, attempt = 0, poll_requested_at = null
        where tenant_id = $1 and ($2::uuid is null or mailbox_id = $2)",
        tenant.as_uuid(),
        mailbox,
        now
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from access_token where mailbox_id in (
            select mailbox_id from mailbox where tenant_id = $1 and ($2::uuid is null or mailbox_id = $2)
        )",
        tenant.as_uuid(),
        mailbox
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from old_credential where incident_id in (
            select incident_id from incident where tenant_id = $1 and ($2::uuid is null or mailbox_id = $2)
        )",
        tenant.as_uuid(),
        mailbox
    )
    .execute(tx.conn())
    .await?;
    end_watch(tx, target, now).await?;
    Ok(true)
}

/// The mailbox that is deleted next; `None`: there are no more.
pub async fn next_mailbox(tx: &mut MspTx, target: Target) -> Result<Option<MailboxId>, StoreError> {
    let next = sqlx::query_scalar!(
        "select mailbox_id from mailbox where tenant_id = $1 and ($2::uuid is null or mailbox_id = $2) order by mailbox_id limit 1",
        target.tenant().as_uuid(),
        target.mailbox().map(MailboxId::as_uuid)
    );
    Ok(next.fetch_optional(tx.conn()).await?.map(MailboxId::from_uuid))
}

/// Deletes some of the rows that were stored for a mailbox, or for the tenant itself: at most so many of a table. How many; 0: all have
/// gone. There has to be a job that does it.
#[tracing::instrument(name = "store.deletion.some", skip_all)]
pub async fn some(tx: &mut MspTx, target: Target, most: u32) -> Result<u64, StoreError> {
    let deleted = sqlx::query_scalar!(
        r#"select delete_some($1, $2, $3) as "deleted!""#,
        target.tenant().as_uuid(),
        target.mailbox().map(MailboxId::as_uuid),
        i32::try_from(most).unwrap_or(i32::MAX)
    );
    Ok(deleted.fetch_one(tx.conn()).await?.unsigned_abs())
}

/// Deletes what is left of it in one statement. `version`: only if that is the stored one. `false`: it was not, or it is gone.
pub async fn finish(
    tx: &mut MspTx,
    target: Target,
    version: Option<i64>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = match target {
        Target::Tenant(tenant) => {
            sqlx::query!(
                "delete from tenant where tenant_id = $1 and ($2::bigint is null or version = $2)",
                tenant.as_uuid(),
                version
            )
            .execute(tx.conn())
            .await?
        }
        Target::Mailbox(_, mailbox) => {
            sqlx::query!(
                "delete from mailbox where mailbox_id = $1 and ($2::bigint is null or version = $2)",
                mailbox.as_uuid(),
                version
            )
            .execute(tx.conn())
            .await?
        }
    };
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    end_watch(tx, target, now).await?;
    Ok(true)
}

async fn end_watch(tx: &mut MspTx, target: Target, now: DateTime<Utc>) -> Result<(), StoreError> {
    match target {
        Target::Tenant(tenant) => watched::end_all(tx, tenant, now).await,
        Target::Mailbox(_, mailbox) => watched::end(tx, mailbox, now).await,
    }
}
