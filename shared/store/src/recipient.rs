//! The addresses that bounced in an incident, for as long as somebody waits for them: sealed, and given once.

use chrono::{DateTime, Utc};
use daimon_domain::gathered::{Gathered, KEPT};
use daimon_domain::id::{BounceId, IncidentId, JobId};
use daimon_domain::job::Job;
use daimon_domain::reason::{Permanence, Reason};
use daimon_domain::status::EnhancedStatus;
use uuid::Uuid;

use crate::tidied::Spot;
use crate::{Fleet, Listed, MspTx, Page, StoreError, row};

const TABLE: &str = "bounced_recipient";

/// A bounce whose recipient's address is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The bounce.
    pub bounce: BounceId,
    /// Its recipient.
    pub recipient_hash: [u8; 32],
    /// Where its mail lay when it was judged.
    pub at: Spot,
}

/// A recipient whose address was read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// A bounce that names the recipient: for it the address is sealed.
    pub bounce: BounceId,
    /// The address.
    pub sealed_address: Vec<u8>,
    /// Why the newest bounce says that the delivery failed.
    pub reason: Reason,
    /// The same by RFC 3463.
    pub status: Option<EnhancedStatus>,
    /// Whether trying again can help.
    pub permanence: Permanence,
    /// When that bounce came.
    pub bounced_at: DateTime<Utc>,
    /// How many bounces there were.
    pub bounces: u64,
}

/// Notes which bounces of an incident are to be read again; the second time it notes nothing.
#[tracing::instrument(name = "store.recipient.plan", skip_all, fields(job.id = %job.id))]
pub async fn plan(tx: &mut MspTx, job: &Job, incident: IncidentId) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into bounced_recipient (msp_id, tenant_id, job_id, bounce_id, recipient_hash, folder, uid_validity, uid, reason,
            status, permanence, bounced_at, bounces, asked_at)
        select $1, $2, $3, bounce_id, recipient_hash, folder, uid_validity, uid, first_value(reason) over newest,
            first_value(status) over newest, first_value(permanence) over newest, first_value(received_at) over newest,
            count(*) over (partition by recipient_hash), $5
        from bounce
        where incident_id = $4 and kind = 'bounce' and action = 'failed' and drill_id is null
            and not exists (select from bounced_recipient where job_id = $3)
        window newest as (partition by recipient_hash order by bounce_id desc)",
        msp,
        job.tenant.as_uuid(),
        job.id.as_uuid(),
        incident.as_uuid(),
        job.created_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Bounces that nobody has looked for yet, in one folder under one numbering: at most so many, by UID.
pub async fn waiting(tx: &mut MspTx, job: JobId, most: usize) -> Result<Vec<Wanted>, StoreError> {
    let rows = sqlx::query!(
        "select bounce_id, recipient_hash, folder, uid_validity, uid from bounced_recipient
        where job_id = $1 and state = 'waiting' and (folder, uid_validity) = (
            select folder, uid_validity from bounced_recipient where job_id = $1 and state = 'waiting'
            order by folder, uid_validity limit 1
        )
        order by uid limit $2",
        job.as_uuid(),
        i64::try_from(most).unwrap_or(i64::MAX)
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let at = Spot {
                folder: row.folder,
                uid_validity: row::number(TABLE, row.uid_validity)?,
                uid: row::number(TABLE, row.uid)?,
            };
            let recipient_hash = row::hash(TABLE, row.recipient_hash)?;
            Ok(Wanted { bounce: BounceId::from_uuid(row.bounce_id), recipient_hash, at })
        })
        .collect()
}

/// Writes down addresses; the recipients' other bounces are not looked for any more.
pub async fn found(tx: &mut MspTx, job: JobId, addresses: &[(BounceId, Vec<u8>)]) -> Result<(), StoreError> {
    let (ids, sealed): (Vec<Uuid>, Vec<Vec<u8>>) =
        addresses.iter().map(|(bounce, sealed)| (bounce.as_uuid(), sealed.clone())).unzip();
    sqlx::query!(
        "update bounced_recipient set state = 'found', sealed_address = one.sealed
        from unnest($2::uuid[], $3::bytea[]) as one (bounce_id, sealed)
        where job_id = $1 and bounced_recipient.bounce_id = one.bounce_id",
        job.as_uuid(),
        &ids,
        &sealed
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from bounced_recipient
        where job_id = $1 and state <> 'found' and recipient_hash in (
            select recipient_hash from bounced_recipient where job_id = $1 and bounce_id = any ($2)
        )",
        job.as_uuid(),
        &ids
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes down that the mails of these bounces can't be found.
pub async fn gone(tx: &mut MspTx, job: JobId, bounces: &[BounceId]) -> Result<(), StoreError> {
    let ids: Vec<_> = bounces.iter().map(|bounce| bounce.as_uuid()).collect();
    sqlx::query!(
        "update bounced_recipient set state = 'gone' where job_id = $1 and state = 'waiting' and bounce_id = any ($2)",
        job.as_uuid(),
        &ids
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How many recipients have an address, and how many have none.
pub async fn count(tx: &mut MspTx, job: JobId) -> Result<Gathered, StoreError> {
    let row = sqlx::query!(
        r#"select count(*) filter (where state = 'found') as "found!",
            count(distinct recipient_hash) filter (where state <> 'found') as "missing!"
        from bounced_recipient where job_id = $1"#,
        job.as_uuid()
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Gathered {
        addresses: row::number(TABLE, row.found)?,
        missing: row::number(TABLE, row.missing)?,
        given_at: None,
    })
}

/// Those whose address was read again, newest bounce first.
pub async fn list(tx: &mut MspTx, job: JobId, page: Page<BounceId>) -> Result<Listed<Found>, StoreError> {
    let rows = sqlx::query!(
        r#"select bounce_id, sealed_address as "sealed_address!", reason, status, permanence, bounced_at, bounces
        from bounced_recipient
        where job_id = $1 and state = 'found' and ($2::uuid is null or bounce_id < $2)
        order by bounce_id desc limit $3"#,
        job.as_uuid(),
        page.before.map(BounceId::as_uuid),
        page.probe()
    )
    .fetch_all(tx.conn())
    .await?;
    let found = rows.into_iter().map(|row| {
        Ok(Found {
            bounce: BounceId::from_uuid(row.bounce_id),
            sealed_address: row.sealed_address,
            reason: row::text(TABLE, &row.reason)?,
            status: row::maybe_text(TABLE, row.status.as_deref())?,
            permanence: row::text(TABLE, &row.permanence)?,
            bounced_at: row.bounced_at,
            bounces: row::number(TABLE, row.bounces)?,
        })
    });
    Ok(page.cut(found.collect::<Result<_, StoreError>>()?))
}

/// Forgets them.
pub async fn forget(tx: &mut MspTx, job: JobId) -> Result<(), StoreError> {
    sqlx::query!("delete from bounced_recipient where job_id = $1", job.as_uuid()).execute(tx.conn()).await?;
    Ok(())
}

impl Fleet {
    /// Forgets addresses that nobody has taken; answers how many rows that were.
    pub async fn forget_recipients(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let done =
            sqlx::query!("delete from bounced_recipient where asked_at < $1", now - KEPT).execute(self.pool()).await?;
        Ok(done.rows_affected())
    }
}
