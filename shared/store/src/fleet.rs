//! The few questions that span MSPs, asked by a role that may read ids and due times and nothing else.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::id::{DeliveryId, DrillId, IncidentId, JobId, MailboxId, MspId, TenantId};
use sqlx::postgres::PgPool;
use uuid::Uuid;

use crate::StoreError;
use crate::msp::LONGEST_KEPT_DAYS;

/// Work that is due, and inside which wall it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Due<I> {
    /// Whose.
    pub msp: MspId,
    /// Of which tenant; none for an event about the MSP itself.
    pub tenant: Option<TenantId>,
    /// Which.
    pub id: I,
}

impl<I> Due<I> {
    fn of(msp: Uuid, tenant: Option<Uuid>, id: I) -> Self {
        Self { msp: MspId::from_uuid(msp), tenant: tenant.map(TenantId::from_uuid), id }
    }
}

/// How much is left to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    /// Mailboxes that are due and in nobody's hands, but for those whose server opens later.
    pub due_mailboxes: i64,
    /// Mailboxes being read.
    pub leased_mailboxes: i64,
    /// Deliveries that are due and in nobody's hands.
    pub due_deliveries: i64,
    /// Deliveries being sent.
    pub leased_deliveries: i64,
    /// Incidents that time moves, or of which something is to be looked at.
    pub due_incidents: i64,
    /// Drills whose next step is due, or that are in somebody's hands.
    pub drills: i64,
    /// Jobs that are due, or in somebody's hands.
    pub jobs: i64,
    /// Digests that are due.
    pub digests: i64,
}

impl Busy {
    /// Nothing due and nothing in flight.
    pub const fn is_idle(self) -> bool {
        self.due_mailboxes == 0
            && self.leased_mailboxes == 0
            && self.due_deliveries == 0
            && self.leased_deliveries == 0
            && self.due_incidents == 0
            && self.drills == 0
            && self.jobs == 0
            && self.digests == 0
    }
}

/// Connections of the fleet role.
#[derive(Clone, Debug)]
pub struct Fleet {
    pool: PgPool,
}

impl Fleet {
    /// Connects. What this role writes is about now (who has a seat, which worker lives) and is not waited for: a crash of the
    /// database may forget the last moment of it.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Ok(Self { pool: crate::tx::connect_for_now(url, 8).await? })
    }

    /// For a pool that exists.
    pub const fn of_pool(pool: PgPool) -> Self {
        Self { pool }
    }

    pub(crate) const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Closes every connection; what runs is waited for.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Mailboxes to read, each tenant's most overdue first, so that a tenant with 10,000 doesn't fill the answer. Of a server no
    /// more than it has seats for: the others wait, and keep nobody else from being read. A time too far ahead for what it is was
    /// written by a clock that has been set back since, and does not count.
    #[tracing::instrument(name = "store.fleet.due_mailboxes", skip_all)]
    pub async fn due_mailboxes(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Due<MailboxId>>, StoreError> {
        let rows = sqlx::query!(
            r#"with room as (
                select host, case when opens_at > $1 and opens_at <= $1 + interval '1 hour' then 0 else connections end
                    - (select count(*) from host_seat where host_seat.host = host.host
                        and taken_until > $1 and taken_until <= $1 + interval '1 hour') as seats
                from host
            ), due as (
                select msp_id, tenant_id, mailbox_id, next_poll_at, seats,
                    row_number() over (partition by host order by next_poll_at, mailbox_id) as place
                from mailbox left join room using (host)
                where polling = 'active' and connection <> 'credential_refused'
                    and (next_poll_at <= $1
                        or (next_poll_at > $1 + interval '2 hours' and connection_fault is distinct from 'set_aside'))
                    and (lease_until is null or lease_until <= $1 or lease_until > $1 + interval '1 hour')
            )
            select msp_id, tenant_id, mailbox_id from due where seats is null or place <= seats
            order by row_number() over (partition by msp_id, tenant_id order by next_poll_at, mailbox_id), next_poll_at
            limit $2"#,
            now,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Due::of(row.msp_id, Some(row.tenant_id), MailboxId::from_uuid(row.mailbox_id)))
            .collect())
    }

    /// Deliveries to send, each tenant's most overdue first.
    #[tracing::instrument(name = "store.fleet.due_deliveries", skip_all)]
    pub async fn due_deliveries(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Due<DeliveryId>>, StoreError> {
        let rows = sqlx::query!(
            r#"select msp_id, tenant_id, delivery_id from delivery
            where state = 'pending' and next_attempt_at <= $1 and (lease_until is null or lease_until <= $1)
            order by row_number() over (partition by msp_id, tenant_id order by next_attempt_at, delivery_id), next_attempt_at
            limit $2"#,
            now,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Due::of(row.msp_id, row.tenant_id, DeliveryId::from_uuid(row.delivery_id)))
            .collect())
    }

    /// Incidents that time moves, or of which something is to be looked at.
    #[tracing::instrument(name = "store.fleet.due_incidents", skip_all)]
    pub async fn due_incidents(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Due<IncidentId>>, StoreError> {
        let rows = sqlx::query!(
            r#"select msp_id as "msp_id!", tenant_id as "tenant_id!", incident_id as "incident_id!"
            from (
                select msp_id, tenant_id, incident_id from incident where due_at <= $1 or held_until <= $1
                union
                select msp_id, tenant_id, incident_id from old_credential where next_try_at <= $1
            ) as due
            limit $2"#,
            now,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Due::of(row.msp_id, Some(row.tenant_id), IncidentId::from_uuid(row.incident_id)))
            .collect())
    }

    /// Drills whose next step is due and in nobody's hands.
    #[tracing::instrument(name = "store.fleet.due_drills", skip_all)]
    pub async fn due_drills(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Due<DrillId>>, StoreError> {
        let rows = sqlx::query!(
            "select msp_id, tenant_id, drill_id from drill_run
            where next_step_at <= $1 and (lease_until is null or lease_until <= $1) order by next_step_at limit $2",
            now,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Due::of(row.msp_id, Some(row.tenant_id), DrillId::from_uuid(row.drill_id)))
            .collect())
    }

    /// Jobs that clients wait for, due and in nobody's hands.
    #[tracing::instrument(name = "store.fleet.due_jobs", skip_all)]
    pub async fn due_jobs(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Due<JobId>>, StoreError> {
        let rows = sqlx::query!(
            "select msp_id, tenant_id, job_id from job
            where ended_at is null and (not_before <= $1 or not_before > $1 + interval '2 hours')
                and (lease_until is null or lease_until <= $1 or lease_until > $1 + interval '1 hour')
            order by not_before limit $2",
            now,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| Due::of(row.msp_id, Some(row.tenant_id), JobId::from_uuid(row.job_id))).collect())
    }

    /// How much is due or in flight at `now`.
    pub async fn busy(&self, now: DateTime<Utc>) -> Result<Busy, StoreError> {
        let counts = sqlx::query!(
            r#"select
                (select count(*) from mailbox where polling = 'active' and connection <> 'credential_refused'
                    and (next_poll_at <= $1
                        or (next_poll_at > $1 + interval '2 hours' and connection_fault is distinct from 'set_aside'))
                    and (lease_until is null or lease_until <= $1 or lease_until > $1 + interval '1 hour')
                    and host not in (select host from host where opens_at > $1 and opens_at <= $1 + interval '1 hour')
                ) as "due_mailboxes!",
                (select count(*) from mailbox
                    where lease_until > $1 and lease_until <= $1 + interval '1 hour') as "leased_mailboxes!",
                (select count(*) from delivery where state = 'pending'
                    and next_attempt_at <= $1 and (lease_until is null or lease_until <= $1)) as "due_deliveries!",
                (select count(*) from delivery where state = 'pending' and lease_until > $1) as "leased_deliveries!",
                (select count(*) from incident where due_at <= $1 or held_until <= $1)
                    + (select count(*) from old_credential where next_try_at <= $1) as "due_incidents!",
                (select count(*) from drill_run where next_step_at <= $1 or lease_until > $1) as "drills!",
                (select count(*) from job where ended_at is null
                    and (not_before <= $1 or not_before > $1 + interval '2 hours' or lease_until > $1)) as "jobs!",
                (select count(*) from digest where next_at <= $1) as "digests!""#,
            now
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Busy {
            due_mailboxes: counts.due_mailboxes,
            leased_mailboxes: counts.leased_mailboxes,
            due_deliveries: counts.due_deliveries,
            leased_deliveries: counts.leased_deliveries,
            due_incidents: counts.due_incidents,
            drills: counts.drills,
            jobs: counts.jobs,
            digests: counts.digests,
        })
    }

    /// MSPs whose daily digest is due.
    #[tracing::instrument(name = "store.fleet.due_digests", skip_all)]
    pub async fn due_digests(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Due<MspId>>, StoreError> {
        let msps = sqlx::query_scalar!(
            "select msp_id from digest where next_at <= $1 order by next_at limit $2",
            now,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(msps.into_iter().map(|msp| Due::of(msp, None, MspId::from_uuid(msp))).collect())
    }

    /// When the oldest delivery was made that has neither arrived nor failed for good, whatever it waits for: its turn, the
    /// end of quiet hours, another attempt.
    pub async fn oldest_undelivered(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(sqlx::query_scalar!("select min(created_at) from delivery where state = 'pending'")
            .fetch_one(&self.pool)
            .await?)
    }

    /// When the oldest delivery that nobody has sent yet became due: how far the workers are behind.
    pub async fn oldest_due_delivery(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(sqlx::query_scalar!(
            "select min(next_attempt_at) from delivery where state = 'pending' and next_attempt_at <= $1",
            now
        )
        .fetch_one(&self.pool)
        .await?)
    }

    /// Makes the months around `at`; answers how many tables were made. The second time it makes none.
    pub async fn ensure_partitions(&self, at: DateTime<Utc>) -> Result<i32, StoreError> {
        Ok(sqlx::query_scalar!(r#"select ensure_partitions($1) as "made!""#, at).fetch_one(&self.pool).await?)
    }

    /// Drops the months that ended by `before`; answers how many tables were dropped.
    pub async fn drop_partitions(&self, before: DateTime<Utc>) -> Result<i32, StoreError> {
        Ok(sqlx::query_scalar!(r#"select drop_partitions($1) as "dropped!""#, before).fetch_one(&self.pool).await?)
    }

    /// For how long each MSP wants bounces, events and deliveries kept, where that is not [`LONGEST_KEPT_DAYS`].
    pub async fn retentions(&self) -> Result<Vec<(MspId, TimeDelta)>, StoreError> {
        let rows = sqlx::query!("select msp_id, retention_days from msp").fetch_all(&self.pool).await?;
        let each = rows.into_iter().map(|row| (MspId::from_uuid(row.msp_id), row.retention_days));
        let shorter = each.filter(|(_, days)| u16::try_from(*days).is_ok_and(|days| days < LONGEST_KEPT_DAYS));
        Ok(shorter.map(|(msp, days)| (msp, TimeDelta::days(days.into()))).collect())
    }

    /// Deletes what an MSP has of before then, at most so many rows of each table; answers how many went.
    pub async fn forget_before(&self, msp: MspId, before: DateTime<Utc>, most: u32) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"select forget_before($1, $2, $3) as "deleted!""#,
            msp.as_uuid(),
            before,
            i32::try_from(most).unwrap_or(i32::MAX)
        )
        .fetch_one(&self.pool)
        .await?)
    }
}
