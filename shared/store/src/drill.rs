//! Drills. `drill` is what is kept of one; everything that it makes up hangs on its row in `drill_run`, and goes with it.

use chrono::{DateTime, Utc};
use daimon_domain::drill::{Drill, DrillState};
use daimon_domain::id::{DrillId, IncidentId, MailboxId, TenantId};
use daimon_domain::job::Lease;
use uuid::Uuid;

use crate::mailbox::DetectorState;
use crate::{Listed, MspTx, Page, StoreError, row};

/// What is over for longer than it may be of interest is forgotten when the next one begins.
const KEPT_DAYS: i64 = 400;

/// A drill that goes on, in the hands of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Which of the episodes that its id makes is played; `None` until one was chosen.
    pub variant: Option<u32>,
    /// Until when, by the clock inside the episode, its mails have been read.
    pub played_until: Option<DateTime<Utc>>,
    /// What its own detector remembers.
    pub memory: Option<DetectorState>,
}

struct Row {
    drill_id: Uuid,
    tenant_id: Uuid,
    mailbox_id: Uuid,
    episode: String,
    bounces: i32,
    plays_response: bool,
    state: String,
    started_at: DateTime<Utc>,
    started_by: String,
    ends_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    incident_id: Option<Uuid>,
    told: Vec<String>,
    deliveries: i32,
    delivered: i32,
}

impl TryFrom<Row> for Drill {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        const TABLE: &str = "drill";
        Ok(Self {
            id: DrillId::from_uuid(row.drill_id),
            tenant: TenantId::from_uuid(row.tenant_id),
            mailbox: MailboxId::from_uuid(row.mailbox_id),
            episode: row::text(TABLE, &row.episode)?,
            bounces: row::number(TABLE, row.bounces)?,
            plays_response: row.plays_response,
            state: row::text(TABLE, &row.state)?,
            started_at: row.started_at,
            started_by: row.started_by,
            ends_at: row.ends_at,
            ended_at: row.ended_at,
            incident: row.incident_id.map(IncidentId::from_uuid),
            told: row.told.iter().map(|kind| row::text(TABLE, kind)).collect::<Result<_, _>>()?,
            deliveries: row::number(TABLE, row.deliveries)?,
            delivered: row::number(TABLE, row.delivered)?,
        })
    }
}

/// Which drills to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrillFilter {
    /// Only of this tenant.
    pub tenant: Option<TenantId>,
    /// Only on this mailbox.
    pub mailbox: Option<MailboxId>,
    /// Only in this state.
    pub state: Option<DrillState>,
}

/// Stores a drill that begins now. `Conflict { drill_run_once }`: one goes on there already.
pub async fn insert(tx: &mut MspTx, drill: &Drill) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!("delete from drill where ended_at < $1", drill.started_at - chrono::TimeDelta::days(KEPT_DAYS))
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        "insert into drill (msp_id, tenant_id, drill_id, mailbox_id, episode, bounces, plays_response, state, started_at,
            started_by, ends_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        msp,
        drill.tenant.as_uuid(),
        drill.id.as_uuid(),
        drill.mailbox.as_uuid(),
        drill.episode.as_str(),
        row::int(drill.bounces),
        drill.plays_response,
        drill.state.as_str(),
        drill.started_at,
        drill.started_by,
        drill.ends_at
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into drill_run (msp_id, tenant_id, drill_id, mailbox_id, next_step_at) values ($1, $2, $3, $4, $5)",
        msp,
        drill.tenant.as_uuid(),
        drill.id.as_uuid(),
        drill.mailbox.as_uuid(),
        drill.started_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reads one; `None` also when it is outside the wall. While it goes on, what it brought is counted as it is now.
#[tracing::instrument(name = "store.drill.find", skip_all, fields(drill.id = %id))]
pub async fn find(tx: &mut MspTx, id: DrillId) -> Result<Option<Drill>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select drill_id, tenant_id, mailbox_id, episode, bounces, plays_response, state, started_at, started_by, ends_at,
            ended_at, incident_id, told, deliveries, delivered
        from drill where drill_id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(mut drill) = row.map(Drill::try_from).transpose()? else { return Ok(None) };
    if !drill.state.is_over() {
        let now = brought(tx, id).await?;
        (drill.incident, drill.told, drill.deliveries, drill.delivered) =
            (now.incident, now.told, now.deliveries, now.delivered);
    }
    Ok(Some(drill))
}

/// What a drill has brought that is still there.
struct Brought {
    incident: Option<IncidentId>,
    told: Vec<daimon_domain::event::EventType>,
    deliveries: u32,
    delivered: u32,
}

async fn brought(tx: &mut MspTx, id: DrillId) -> Result<Brought, StoreError> {
    const TABLE: &str = "drill";
    let incident = sqlx::query_scalar!(
        "select incident_id from incident where drill_id = $1 order by incident_id limit 1",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    let told = sqlx::query_scalar!(
        "select type from event where drill_id = $1 order by occurred_at, event_id limit 1000",
        id.as_uuid()
    )
    .fetch_all(tx.conn())
    .await?;
    let counted = sqlx::query!(
        r#"select count(*) as "deliveries!", count(*) filter (where state = 'delivered') as "delivered!"
        from delivery where drill_id = $1"#,
        id.as_uuid()
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Brought {
        incident: incident.map(IncidentId::from_uuid),
        told: told.iter().map(|kind| row::text(TABLE, kind)).collect::<Result<_, _>>()?,
        deliveries: row::number(TABLE, counted.deliveries)?,
        delivered: row::number(TABLE, counted.delivered)?,
    })
}

/// Drills, newest first. What one that goes on has brought so far is only in [`find`].
pub async fn list(tx: &mut MspTx, filter: &DrillFilter, page: Page<DrillId>) -> Result<Listed<Drill>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select drill_id, tenant_id, mailbox_id, episode, bounces, plays_response, state, started_at, started_by, ends_at,
            ended_at, incident_id, told, deliveries, delivered
        from drill
        where ($1::uuid is null or tenant_id = $1) and ($2::uuid is null or mailbox_id = $2)
            and ($3::text is null or state = $3) and ($4::uuid is null or drill_id < $4)
        order by drill_id desc limit $5",
        filter.tenant.map(TenantId::as_uuid),
        filter.mailbox.map(MailboxId::as_uuid),
        filter.state.map(DrillState::as_str),
        page.before.map(DrillId::as_uuid),
        page.probe()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(Drill::try_from).collect::<Result<_, _>>()?))
}

/// Lets a drill end now instead of at its time. The second time it changes nothing; `false`: it is over, or there is none.
pub async fn end(tx: &mut MspTx, id: DrillId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    keep_mailbox(tx, id).await?;
    sqlx::query!("update drill_run set next_step_at = least(next_step_at, $2) where drill_id = $1", id.as_uuid(), now)
        .execute(tx.conn())
        .await?;
    let done = sqlx::query!(
        "update drill set ends_at = least(ends_at, $2) where drill_id = $1 and ended_at is null",
        id.as_uuid(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a drill whose next step is due. `None`: the hint was stale.
///
/// Commit before the step is prepared. `Lease::attempt` counts steps that began since one ended, this one included.
#[tracing::instrument(name = "store.drill.lease", skip_all, fields(drill.id = %id))]
pub async fn lease(
    tx: &mut MspTx,
    id: DrillId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<(Drill, Run, Lease)>, StoreError> {
    const TABLE: &str = "drill_run";
    let taken = sqlx::query!(
        r#"update drill_run set lease_token = gen_random_uuid(), lease_until = $3, attempt = attempt + 1
        where drill_id = $1 and next_step_at <= $2 and (lease_until is null or lease_until <= $2)
        returning variant, played_until, memory, memory_version, lease_token as "lease_token!", attempt"#,
        id.as_uuid(),
        now,
        until
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(taken) = taken else { return Ok(None) };
    let Some(drill) = find(tx, id).await? else { return Ok(None) };
    let run = Run {
        variant: taken.variant.map(|variant| row::number(TABLE, variant)).transpose()?,
        played_until: taken.played_until,
        memory: taken.memory.map(|bytes| DetectorState { version: taken.memory_version, bytes }),
    };
    let lease = Lease { token: taken.lease_token, until, attempt: row::number(TABLE, taken.attempt)? };
    Ok(Some((drill, run, lease)))
}

/// Keeps the mailbox of a drill from being deleted until the transaction ends: it is locked before what goes with it.
async fn keep_mailbox(tx: &mut MspTx, id: DrillId) -> Result<(), StoreError> {
    sqlx::query_scalar!(
        "select mailbox_id from mailbox where mailbox_id = (select mailbox_id from drill where drill_id = $1) for key share",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(())
}

/// Holds a drill until the transaction ends, before anything else in it. `false`: it is ours no more, stop.
pub async fn hold(tx: &mut MspTx, id: DrillId, lease: &Lease) -> Result<bool, StoreError> {
    keep_mailbox(tx, id).await?;
    let held = sqlx::query_scalar!(
        r#"select 1 as "one!" from drill_run where drill_id = $1 and lease_token = $2 for no key update"#,
        id.as_uuid(),
        lease.token
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(held.is_some())
}

/// Gives a drill back after a step, in the transaction of what it brought. `false`: it is ours no more, roll back.
pub async fn progress(
    tx: &mut MspTx,
    id: DrillId,
    lease: &Lease,
    (run, state): (&Run, DrillState),
    next_step_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update drill_run set variant = $3, played_until = $4, memory = $5, memory_version = $6,
            next_step_at = least($7, (select ends_at from drill where drill_id = $1 and $8)), attempt = 0, lease_token = null, lease_until = null
        where drill_id = $1 and lease_token = $2",
        id.as_uuid(),
        lease.token,
        run.variant.map(row::int),
        run.played_until,
        run.memory.as_ref().map(|memory| memory.bytes.as_slice()),
        run.memory.as_ref().map_or(0, |memory| memory.version),
        next_step_at,
        // Somebody may have ended it meanwhile.
        state != DrillState::Ending
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("update drill set state = $2 where drill_id = $1", id.as_uuid(), state.as_str())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes when the end was told.
pub async fn closed(tx: &mut MspTx, id: DrillId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("update drill set ends_at = $2 where drill_id = $1", id.as_uuid(), now).execute(tx.conn()).await?;
    Ok(())
}

/// Whether a webhook of it is on its way, or is to be sent by then.
pub async fn is_telling(tx: &mut MspTx, id: DrillId, by: DateTime<Utc>) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (
            select from delivery where drill_id = $1 and state = 'pending' and (next_attempt_at <= $2 or lease_until > $2)
        ) as "any!""#,
        id.as_uuid(),
        by
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Removes everything that a drill brought; what is kept says what that was. `None`: it is ours no more, roll back.
#[tracing::instrument(name = "store.drill.erase", skip_all, fields(drill.id = %id))]
pub async fn erase(
    tx: &mut MspTx,
    id: DrillId,
    lease: &Lease,
    state: DrillState,
    now: DateTime<Utc>,
) -> Result<Option<Drill>, StoreError> {
    // What goes with it lies in many tables: it does not go while somebody makes partitions of them.
    sqlx::query!(r#"select pg_advisory_xact_lock_shared(hashtextextended('daimon.partitions', 0)) as "held!: ()""#)
        .fetch_one(tx.conn())
        .await?;
    let brought = brought(tx, id).await?;
    let done =
        sqlx::query!("delete from drill_run where drill_id = $1 and lease_token = $2", id.as_uuid(), lease.token)
            .execute(tx.conn())
            .await?;
    if done.rows_affected() != 1 {
        return Ok(None);
    }
    let told: Vec<_> = brought.told.iter().map(|kind| kind.as_str().to_owned()).collect();
    sqlx::query!(
        "update drill set state = $2, ended_at = $3, incident_id = $4, told = $5, deliveries = $6, delivered = $7
        where drill_id = $1",
        id.as_uuid(),
        state.as_str(),
        now,
        brought.incident.map(IncidentId::as_uuid),
        &told,
        row::int(brought.deliveries),
        row::int(brought.delivered)
    )
    .execute(tx.conn())
    .await?;
    find(tx, id).await
}
