//! The addresses that bounced in an incident, for as long as somebody waits for them: sealed, and given to one caller.

use chrono::{DateTime, Utc};
use daimon_domain::gathered::Gathered;
use daimon_domain::id::{BounceId, JobId, uuid_floor};
use daimon_domain::incident::Incident;
use daimon_domain::job::Job;
use daimon_domain::reason::{Permanence, Reason};
use daimon_domain::status::EnhancedStatus;
use uuid::Uuid;

use crate::tidied::Spot;
use crate::{Fleet, MspTx, StoreError, row};

const TABLE: &str = "bounced_recipient";

/// A bounce whose recipient's address is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The bounce.
    pub bounce: BounceId,
    /// Where its mail lay when it was judged, or was moved to.
    pub at: Spot,
}

/// An address as it was read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The bounce that names it: for it the address is sealed.
    pub bounce: BounceId,
    /// By which it is known that two bounces name the same.
    pub hash: [u8; 32],
    /// The address.
    pub sealed: Vec<u8>,
}

/// An address, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The address, as its newest bounce names it.
    pub told: Told,
    /// Why that says that the delivery failed.
    pub reason: Reason,
    /// The same by RFC 3463.
    pub status: Option<EnhancedStatus>,
    /// Whether trying again can help.
    pub permanence: Permanence,
    /// When it came.
    pub bounced_at: DateTime<Utc>,
    /// How many of the mails that were read name it.
    pub bounces: u64,
}

/// Why nobody looks for mails any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// They are not there, or can't be read.
    Gone,
    /// Their folder can't be opened.
    Shut,
}

impl Lost {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Shut => "shut",
        }
    }
}

/// Notes which bounces of an incident are to be read again: at most so many, after the one that was noted last. The last of them; `None`:
/// there were no more.
///
/// Those that came before it was seen that they make an incident name none, and belong to it all the same.
#[tracing::instrument(name = "store.recipient.plan", skip_all, fields(job.id = %job.id))]
pub async fn plan(
    tx: &mut MspTx,
    job: &Job,
    incident: &Incident,
    after: Option<BounceId>,
    most: u32,
) -> Result<Option<BounceId>, StoreError> {
    let msp = tx.msp().as_uuid();
    let last = sqlx::query_scalar!(
        "with some_of_them as (
            select bounce_id, recipient_hash, folder, uid_validity, uid, reason, status, permanence, received_at
            from bounce
            where mailbox_id = $4 and bounce_id >= $6 and bounce_id > $8 and drill_id is null and kind = 'bounce' and action = 'failed'
                and (incident_id = $5 or (incident_id is null and bounce_id < $7))
            order by bounce_id limit $9
        ), noted as (
            insert into bounced_recipient (msp_id, tenant_id, job_id, bounce_id, mark, recipient_hash, folder, uid_validity, uid, reason,
                status, permanence, bounced_at)
            select $1, $2, $3, bounce_id, ('x' || right(replace(bounce_id::text, '-', ''), 16))::bit(64)::bigint, recipient_hash, folder,
                uid_validity, uid, reason, status, permanence, received_at
            from some_of_them on conflict do nothing
        )
        select bounce_id from some_of_them order by bounce_id desc limit 1",
        msp,
        job.tenant.as_uuid(),
        job.id.as_uuid(),
        incident.mailbox.as_uuid(),
        incident.id.as_uuid(),
        uuid_floor(incident.first_bounce_at),
        uuid_floor(incident.opened_at),
        after.map_or(Uuid::nil(), BounceId::as_uuid),
        i64::from(most)
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(last.map(BounceId::from_uuid))
}

/// Bounces that nobody has looked for yet, in one folder under one numbering: at most so many, by UID.
pub async fn waiting(tx: &mut MspTx, job: JobId, most: usize) -> Result<Vec<Wanted>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select bounce_id, folder, uid_validity, uid from bounced_recipient
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
    rows.into_iter().map(Wanted::try_from).collect()
}

/// The oldest of those that nobody has looked for yet and that lay with this one.
pub async fn oldest_beside(tx: &mut MspTx, job: JobId, at: &Spot) -> Result<Option<BounceId>, StoreError> {
    let oldest = sqlx::query_scalar!(
        "select bounce_id from bounced_recipient
        where job_id = $1 and state = 'waiting' and folder = $2 and uid_validity = $3 order by bounce_id limit 1",
        job.as_uuid(),
        at.folder,
        i64::from(at.uid_validity)
    );
    Ok(oldest.fetch_optional(tx.conn()).await?.map(BounceId::from_uuid))
}

/// Those of the bounces that have these marks and no address yet, wherever they lay.
pub async fn with_marks(tx: &mut MspTx, job: JobId, marks: &[u64]) -> Result<Vec<Wanted>, StoreError> {
    let marks: Vec<_> = marks.iter().map(|mark| mark.cast_signed()).collect();
    let rows = sqlx::query_as!(
        Row,
        "select bounce_id, folder, uid_validity, uid from bounced_recipient
        where job_id = $1 and mark = any ($2) and state <> 'found'",
        job.as_uuid(),
        &marks
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Wanted::try_from).collect()
}

struct Row {
    bounce_id: Uuid,
    folder: String,
    uid_validity: i64,
    uid: i64,
}

impl TryFrom<Row> for Wanted {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let at = Spot {
            folder: row.folder,
            uid_validity: row::number(TABLE, row.uid_validity)?,
            uid: row::number(TABLE, row.uid)?,
        };
        Ok(Self { bounce: BounceId::from_uuid(row.bounce_id), at })
    }
}

/// Writes down addresses.
pub async fn found(tx: &mut MspTx, job: JobId, addresses: &[Told]) -> Result<(), StoreError> {
    let ids: Vec<_> = addresses.iter().map(|told| told.bounce.as_uuid()).collect();
    let hashes: Vec<_> = addresses.iter().map(|told| told.hash.to_vec()).collect();
    let sealed: Vec<_> = addresses.iter().map(|told| told.sealed.clone()).collect();
    sqlx::query!(
        "update bounced_recipient set state = 'found', address_hash = one.hash, sealed_address = one.sealed
        from unnest($2::uuid[], $3::bytea[], $4::bytea[]) as one (bounce_id, hash, sealed)
        where job_id = $1 and bounced_recipient.bounce_id = one.bounce_id",
        job.as_uuid(),
        &ids,
        &hashes,
        &sealed
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes down that the mails of these bounces are not there, or can't be read.
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

/// The same of all that nobody has looked for yet and that lay with this one, and why: at most so many. How many that were.
pub async fn lose_beside(tx: &mut MspTx, job: JobId, at: &Spot, lost: Lost, most: u32) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "update bounced_recipient set state = $4
        where job_id = $1 and bounce_id in (
            select bounce_id from bounced_recipient
            where job_id = $1 and state = 'waiting' and folder = $2 and uid_validity = $3 limit $5
        )",
        job.as_uuid(),
        at.folder,
        i64::from(at.uid_validity),
        lost.as_str(),
        i64::from(most)
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// How many addresses there are, and how many recipients have none.
pub async fn count(tx: &mut MspTx, job: JobId) -> Result<Gathered, StoreError> {
    let row = sqlx::query!(
        r#"with recipient as (
            select bool_or(state = 'found') as is_found, bool_or(state in ('waiting', 'shut')) as is_unread
            from bounced_recipient where job_id = $1 group by recipient_hash
        )
        select (select count(distinct address_hash) from bounced_recipient where job_id = $1 and state = 'found') as "addresses!",
            count(*) filter (where not is_found and not is_unread) as "missing!",
            count(*) filter (where not is_found and is_unread) as "unread!"
        from recipient"#,
        job.as_uuid()
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Gathered {
        addresses: row::number(TABLE, row.addresses)?,
        missing: row::number(TABLE, row.missing)?,
        unread: row::number(TABLE, row.unread)?,
        ..Gathered::default()
    })
}

/// Addresses, each once, in no order that says anything: at most so many after that one.
pub async fn list(tx: &mut MspTx, job: JobId, after: Option<[u8; 32]>, most: u16) -> Result<Vec<Found>, StoreError> {
    let after: &[u8] = after.as_ref().map_or(&[], <[u8; 32]>::as_slice);
    let rows = sqlx::query!(
        r#"select distinct on (address_hash) bounce_id, address_hash as "address_hash!", sealed_address as "sealed_address!", reason,
            status, permanence, bounced_at, (
                select count(*) from bounced_recipient as one
                where one.job_id = $1 and one.state = 'found' and one.address_hash = bounced_recipient.address_hash
            ) as "bounces!"
        from bounced_recipient
        where job_id = $1 and state = 'found' and address_hash > $2
        order by address_hash, bounce_id desc limit $3"#,
        job.as_uuid(),
        after,
        i64::from(most)
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let told = Told {
                bounce: BounceId::from_uuid(row.bounce_id),
                hash: row::hash(TABLE, row.address_hash)?,
                sealed: row.sealed_address,
            };
            Ok(Found {
                told,
                reason: row::text(TABLE, &row.reason)?,
                status: row::maybe_text(TABLE, row.status.as_deref())?,
                permanence: row::text(TABLE, &row.permanence)?,
                bounced_at: row.bounced_at,
                bounces: row::number(TABLE, row.bounces)?,
            })
        })
        .collect()
}

impl Fleet {
    /// Forgets addresses that are kept no longer, at most so many; answers how many.
    pub async fn forget_recipients(&self, now: DateTime<Utc>, most: u32) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "delete from bounced_recipient where (msp_id, job_id, bounce_id) in (
                select one.msp_id, one.job_id, one.bounce_id
                from job join bounced_recipient as one on one.msp_id = job.msp_id and one.job_id = job.job_id
                where job.kept_until <= $1 limit $2
            )",
            now,
            i64::from(most)
        )
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected())
    }
}
