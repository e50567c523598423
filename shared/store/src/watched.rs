//! From when to when mailboxes were watched: what is billed, also after they are gone.
//!
//! A day counts for a mailbox that was watched at any moment of it, by UTC: one that is paused all day does not.

use chrono::{DateTime, NaiveDate, Utc};
use daimon_domain::id::{MailboxId, TenantId};

use crate::{MspTx, StoreError, row};

/// What days are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By tenant.
    Tenant,
    /// By mailbox.
    Mailbox,
    /// By day.
    Day,
}

/// How many days there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// Of which tenant.
    pub tenant: Option<TenantId>,
    /// Of which mailbox.
    pub mailbox: Option<MailboxId>,
    /// On which day.
    pub day: Option<NaiveDate>,
    /// How many.
    pub mailbox_days: u64,
}

/// It is watched from now on. The second time it changes nothing.
pub(crate) async fn begin(
    tx: &mut MspTx,
    tenant: TenantId,
    mailbox: MailboxId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into watched (msp_id, tenant_id, mailbox_id, since) values ($1, $2, $3, $4) on conflict do nothing",
        msp,
        tenant.as_uuid(),
        mailbox.as_uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// It is watched again: what has ended at this very moment goes on.
pub(crate) async fn resume(tx: &mut MspTx, mailbox: MailboxId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into watched (msp_id, tenant_id, mailbox_id, since)
        select msp_id, tenant_id, mailbox_id, $3 from mailbox
        where msp_id = $1 and mailbox_id = $2
            and not exists (select from watched where mailbox_id = $2 and until is null)
        on conflict (msp_id, mailbox_id, since) do update set until = null",
        msp,
        mailbox.as_uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// It is watched no more.
pub(crate) async fn end(tx: &mut MspTx, mailbox: MailboxId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update watched set until = greatest(since, $2) where mailbox_id = $1 and until is null",
        mailbox.as_uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// None of a tenant's is watched any more.
pub(crate) async fn end_all(tx: &mut MspTx, tenant: TenantId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update watched set until = greatest(since, $2) where tenant_id = $1 and until is null",
        tenant.as_uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How many mailbox-days there were from one day to before another, and until `now` at the latest.
pub async fn days(
    tx: &mut MspTx,
    by: By,
    tenant: Option<TenantId>,
    (from, to): (NaiveDate, NaiveDate),
    now: DateTime<Utc>,
) -> Result<Vec<Days>, StoreError> {
    let rows = sqlx::query!(
        r#"with day as (
            select day::date as day, day at time zone 'UTC' as begins, (day + interval '1 day') at time zone 'UTC' as ends
            from generate_series($1::date::timestamp, least($2::date, ($3::timestamptz at time zone 'UTC')::date + 1) - interval '1 day',
                interval '1 day') as day
        ), counted as (
            select distinct tenant_id, mailbox_id, day from day join watched
                on since < ends and (until is null or until > begins) and ($4::uuid is null or tenant_id = $4)
        )
        select case when $5 in ('tenant', 'mailbox') then tenant_id end as tenant_id,
            case when $5 = 'mailbox' then mailbox_id end as mailbox_id, case when $5 = 'day' then day end as day,
            count(*) as "days!"
        from counted group by 1, 2, 3 order by 3, 1, 2"#,
        from,
        to,
        now,
        tenant.map(TenantId::as_uuid),
        match by {
            By::Tenant => "tenant",
            By::Mailbox => "mailbox",
            By::Day => "day",
        }
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|one| {
            Ok(Days {
                tenant: one.tenant_id.map(TenantId::from_uuid),
                mailbox: one.mailbox_id.map(MailboxId::from_uuid),
                day: one.day,
                mailbox_days: row::number("watched", one.days)?,
            })
        })
        .collect()
}
