//! Work that a client asked for and waits for.
//!
//! Whoever takes the lease of a row does it. What it brings is written into the row, for as long as somebody may look at it.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::gathered;
use daimon_domain::id::{IncidentId, JobId, MailboxId, TenantId};
use daimon_domain::job::{Job, JobFailure, JobKind, JobState, Lease};
use daimon_domain::mailbox::HostName;
use serde_json::Value;
use uuid::Uuid;

use crate::deletion::Target;
use crate::{Fleet, Listed, MspTx, Page, StoreError, row};

const TABLE: &str = "job";
/// How long one that has ended can be looked at.
const KEPT: TimeDelta = TimeDelta::days(30);

/// A job and what it brought.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The job.
    pub job: Job,
    /// What it brought, as its kind writes it.
    pub result: Option<Value>,
    /// Until when what it keeps elsewhere is there.
    pub kept_until: Option<DateTime<Utc>>,
}

/// How one ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// What it brought, or why nothing will come.
    pub brought: Result<Value, JobFailure>,
    /// It came no further than a stranger would.
    pub is_in_vain: bool,
    /// When that is told.
    pub at: DateTime<Utc>,
}

/// How many there were, and when the first of them was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub count: i64,
    /// When the first of them was.
    pub first: Option<DateTime<Utc>>,
}

struct Row {
    job_id: Uuid,
    tenant_id: Uuid,
    mailbox_id: Option<Uuid>,
    kind: String,
    incident_id: Option<Uuid>,
    is_dry_run: bool,
    state: String,
    created_at: DateTime<Utc>,
    created_by: String,
    not_before: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    failure: Option<String>,
    result: Option<Value>,
    progressed_at: Option<DateTime<Utc>>,
    kept_until: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Kept {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let job = Job {
            id: JobId::from_uuid(row.job_id),
            tenant: TenantId::from_uuid(row.tenant_id),
            mailbox: row.mailbox_id.map(MailboxId::from_uuid),
            kind: row::text(TABLE, &row.kind)?,
            incident: row.incident_id.map(IncidentId::from_uuid),
            is_dry_run: row.is_dry_run,
            state: row::text(TABLE, &row.state)?,
            created_at: row.created_at,
            created_by: row.created_by,
            not_before: row.not_before,
            progressed_at: row.progressed_at.unwrap_or(row.created_at),
            started_at: row.started_at,
            ended_at: row.ended_at,
            failure: row::maybe_text(TABLE, row.failure.as_deref())?,
        };
        Ok(Self { job, result: row.result, kept_until: row.kept_until })
    }
}

impl Kept {
    /// As it is seen at `now`: what ends later has brought nothing yet.
    fn seen_at(self, now: DateTime<Utc>) -> Self {
        let job = self.job.seen_at(now);
        let result = self.result.filter(|_| job.ended_at.is_some());
        Self { job, result, ..self }
    }
}

/// Stores a new job. `false`: one of its kind goes on there already, and nothing was stored.
pub async fn insert(tx: &mut MspTx, job: &Job) -> Result<bool, StoreError> {
    let msp = tx.msp().as_uuid();
    // Of a deletion nothing is to be left that refers to the mailbox.
    let (mailbox, deleted) = if job.kind == JobKind::Deletion { (None, job.mailbox) } else { (job.mailbox, None) };
    let done = sqlx::query!(
        "insert into job (msp_id, tenant_id, job_id, mailbox_id, kind, state, created_at, created_by, not_before, incident_id,
            is_dry_run, deleted_mailbox_id, kept_until)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict do nothing",
        msp,
        job.tenant.as_uuid(),
        job.id.as_uuid(),
        mailbox.map(MailboxId::as_uuid),
        job.kind.as_str(),
        job.state.as_str(),
        job.created_at,
        job.created_by,
        job.not_before,
        job.incident.map(IncidentId::as_uuid),
        job.is_dry_run,
        deleted.map(MailboxId::as_uuid),
        (job.kind == JobKind::Recipients).then(|| job.created_at + gathered::KEPT)
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Reads one as it is seen at `now`; `None` also when it is outside the wall.
#[tracing::instrument(name = "store.job.find", skip_all, fields(job.id = %id))]
pub async fn find(tx: &mut MspTx, id: JobId, now: DateTime<Utc>) -> Result<Option<Kept>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select job_id, tenant_id, coalesce(mailbox_id, deleted_mailbox_id) as mailbox_id, kind, incident_id, is_dry_run, state, created_at, created_by, not_before, started_at, ended_at,
            failure, result, progressed_at, kept_until
        from job where job_id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Kept::try_from).transpose()?.map(|kept| kept.seen_at(now)))
}

/// The one of its kind that goes on on a mailbox.
pub async fn unfinished(tx: &mut MspTx, mailbox: MailboxId, kind: JobKind) -> Result<Option<Job>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select job_id, tenant_id, coalesce(mailbox_id, deleted_mailbox_id) as mailbox_id, kind, incident_id, is_dry_run, state, created_at, created_by, not_before, started_at, ended_at,
            failure, result, progressed_at, kept_until
        from job where mailbox_id = $1 and kind = $2 and ended_at is null",
        mailbox.as_uuid(),
        kind.as_str()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Kept::try_from).transpose()?.map(|kept| kept.job))
}

/// The job that deletes a tenant or a mailbox, if one goes on.
pub async fn deletion(tx: &mut MspTx, target: Target) -> Result<Option<Job>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select job_id, tenant_id, coalesce(mailbox_id, deleted_mailbox_id) as mailbox_id, kind, incident_id, is_dry_run, state,
            created_at, created_by, not_before, started_at, ended_at, failure, result, progressed_at, kept_until
        from job
        where kind = 'deletion' and tenant_id = $1 and deleted_mailbox_id is not distinct from $2 and ended_at is null",
        target.tenant().as_uuid(),
        target.mailbox().map(MailboxId::as_uuid)
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Kept::try_from).transpose()?.map(|kept| kept.job))
}

/// Which jobs to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only of this tenant.
    pub tenant: Option<TenantId>,
    /// Only on this mailbox.
    pub mailbox: Option<MailboxId>,
}

/// Jobs as they are seen at `now`, newest first.
pub async fn list(
    tx: &mut MspTx,
    filter: &JobFilter,
    now: DateTime<Utc>,
    page: Page<JobId>,
) -> Result<Listed<Kept>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select job_id, tenant_id, coalesce(mailbox_id, deleted_mailbox_id) as mailbox_id, kind, incident_id, is_dry_run, state, created_at, created_by, not_before, started_at, ended_at,
            failure, result, progressed_at, kept_until
        from job
        where ($1::uuid is null or tenant_id = $1) and ($2::uuid is null or mailbox_id = $2 or deleted_mailbox_id = $2)
            and ($3::uuid is null or job_id < $3)
        order by job_id desc limit $4",
        filter.tenant.map(TenantId::as_uuid),
        filter.mailbox.map(MailboxId::as_uuid),
        page.before.map(JobId::as_uuid),
        page.probe()
    )
    .fetch_all(tx.conn())
    .await?;
    let kept = rows.into_iter().map(|row| Ok(Kept::try_from(row)?.seen_at(now)));
    Ok(page.cut(kept.collect::<Result<_, StoreError>>()?))
}

/// How many of a tenant's jobs were in vain since then.
pub async fn in_vain_since(tx: &mut MspTx, tenant: TenantId, since: DateTime<Utc>) -> Result<Count, StoreError> {
    Ok(sqlx::query_as!(
        Count,
        r#"select count(*) as "count!", min(ended_at) as first from job where tenant_id = $1 and is_in_vain and ended_at > $2"#,
        tenant.as_uuid(),
        since
    )
    .fetch_one(tx.conn())
    .await?)
}

/// How many of a kind were asked for on a mailbox since then.
pub async fn asked_since(
    tx: &mut MspTx,
    mailbox: MailboxId,
    kind: JobKind,
    since: DateTime<Utc>,
) -> Result<Count, StoreError> {
    Ok(sqlx::query_as!(
        Count,
        r#"select count(*) as "count!", min(created_at) as first from job
        where mailbox_id = $1 and kind = $2 and created_at > $3"#,
        mailbox.as_uuid(),
        kind.as_str(),
        since
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Whether a mailbox on that server was ever read, of those within the wall.
pub async fn knows_host(tx: &mut MspTx, host: &HostName) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (select from mailbox where host = $1 and last_polled_at is not null) as "exists!""#,
        host.as_str()
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Takes a job that is due. `None`: the hint was stale.
///
/// Commit before the work begins. `Lease::attempt` counts how often it was begun since it was given back, this time included. What
/// is planned for hours ahead, or held for an hour, was reckoned by a clock that has been set back since.
#[tracing::instrument(name = "store.job.lease", skip_all, fields(job.id = %id))]
pub async fn lease(
    tx: &mut MspTx,
    id: JobId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<(Job, Lease)>, StoreError> {
    let taken = sqlx::query!(
        r#"update job set lease_token = gen_random_uuid(), lease_until = $3, attempt = attempt + 1, state = 'running',
            started_at = $2
        where job_id = $1 and ended_at is null and (not_before <= $2 or not_before > $2 + interval '2 hours')
            and (lease_until is null or lease_until <= $2 or lease_until > $2 + interval '1 hour')
        returning lease_token as "lease_token!", attempt"#,
        id.as_uuid(),
        now,
        until
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(taken) = taken else { return Ok(None) };
    let lease = Lease { token: taken.lease_token, until, attempt: row::number(TABLE, taken.attempt)? };
    Ok(find(tx, id, now).await?.map(|kept| (kept.job, lease)))
}

/// Keeps a job until `until`. `false`: it is ours no more, stop.
pub async fn renew(tx: &mut MspTx, id: JobId, lease: &Lease, until: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update job set lease_until = $3 where job_id = $1 and lease_token = $2",
        id.as_uuid(),
        lease.token,
        until
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a job back, to be tried at `not_before`. `false`: it is ours no more.
pub async fn postpone(tx: &mut MspTx, id: JobId, lease: &Lease, not_before: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update job set state = 'waiting', not_before = $3, started_at = null, attempt = 0, lease_token = null, lease_until = null
        where job_id = $1 and lease_token = $2",
        id.as_uuid(),
        lease.token,
        not_before
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a job. `false`: it is ours no more, roll back.
#[tracing::instrument(name = "store.job.finish", skip_all, fields(job.id = %id))]
pub async fn finish(tx: &mut MspTx, id: JobId, lease: &Lease, end: &End) -> Result<bool, StoreError> {
    let state = if end.brought.is_ok() { JobState::Done } else { JobState::Failed };
    let done = sqlx::query!(
        "update job set state = $3, result = $4, failure = $5, is_in_vain = $6, ended_at = $7, lease_token = null, lease_until = null
        where job_id = $1 and lease_token = $2",
        id.as_uuid(),
        lease.token,
        state.as_str(),
        end.brought.as_ref().ok().map(row::clean_value),
        end.brought.as_ref().err().map(|failure| failure.as_str()),
        end.is_in_vain,
        end.at
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How far a job has come, as its kind writes it.
pub async fn progress(tx: &mut MspTx, id: JobId) -> Result<Option<Value>, StoreError> {
    let progress = sqlx::query_scalar!("select progress from job where job_id = $1", id.as_uuid());
    Ok(progress.fetch_optional(tx.conn()).await?.flatten())
}

/// Notes that a job has come further, and how far if its kind says so.
pub async fn go_on(tx: &mut MspTx, id: JobId, progress: Option<Value>, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update job set progressed_at = $3, progress = coalesce($2, progress) where job_id = $1",
        id.as_uuid(),
        progress,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes that the addresses that a job has gathered are given: nobody else gets them, nor anybody for long. `false`: they were given
/// before.
pub async fn give(tx: &mut MspTx, id: JobId, to: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update job set result = result || jsonb_build_object('given_at', $2::timestamptz, 'given_to', $3::text),
            kept_until = least(kept_until, $4)
        where job_id = $1 and state = 'done' and not result ? 'given_at'",
        id.as_uuid(),
        now,
        to,
        now + gathered::GIVEN
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets go of what a job keeps elsewhere.
pub async fn let_go(tx: &mut MspTx, id: JobId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("update job set kept_until = $2 where job_id = $1", id.as_uuid(), now).execute(tx.conn()).await?;
    Ok(())
}

/// The same of jobs of an incident that have ended.
pub async fn let_go_of(tx: &mut MspTx, incident: IncidentId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update job set kept_until = $2 where incident_id = $1 and kept_until > $2 and ended_at is not null",
        incident.as_uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

impl Fleet {
    /// Forgets jobs that ended long ago; answers how many.
    pub async fn forget_jobs(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let done = sqlx::query!("delete from job where ended_at < $1", now - KEPT).execute(self.pool()).await?;
        Ok(done.rows_affected())
    }
}
