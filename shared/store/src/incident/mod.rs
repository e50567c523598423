//! Incidents. One live one per mailbox and cause: the partial unique index `incident_live_once` keeps that promise also
//! when two workers find the same cause at once.

mod held;
mod moving;
mod tally;
mod ticket;
mod timeline;

use chrono::{DateTime, Utc};
use daimon_domain::id::{DrillId, IncidentId, MailboxId, TenantId};
use daimon_domain::incident::{Dismissal, Incident, IncidentState, Life, Snooze};
use daimon_domain::verdict::Verdict;
use uuid::Uuid;

pub use held::{release, telling};
pub use moving::{Body, Note, settled, tell, tell_now, write_move};
pub use tally::{Tally, still_tried, tally};
pub use ticket::{Ticket, link, tickets, unlink};
pub use timeline::{Entry, StepDone, StepState, add_entry, entries, set_step, steps};

use crate::{Listed, MspTx, Page, StoreError, row};

struct Row {
    incident_id: Uuid,
    tenant_id: Uuid,
    mailbox_id: Uuid,
    verdict: String,
    tier: String,
    severity: String,
    state: String,
    score_db: f64,
    bounces: i64,
    unexpected_recipients: i64,
    evidence: serde_json::Value,
    dedup_key: String,
    sequence: i64,
    opened_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    first_bounce_at: DateTime<Utc>,
    last_bounce_at: DateTime<Utc>,
    contained_at: Option<DateTime<Utc>>,
    assignee: Option<String>,
    snoozed_until: Option<DateTime<Utc>>,
    snooze_reason: Option<String>,
    snooze_tier: Option<String>,
    dismissal: Option<String>,
    refused_since: Option<DateTime<Utc>>,
    closes_at: Option<DateTime<Utc>>,
    trailing_bounces: i64,
    continued_recipients: i64,
    unread_bounces: i64,
    drill_id: Option<Uuid>,
}

impl TryFrom<Row> for Incident {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        const TABLE: &str = "incident";
        let snooze = match (row.snoozed_until, row.snooze_reason, row.snooze_tier) {
            (Some(until), Some(reason), Some(tier)) => Some(Snooze { until, reason, tier: row::text(TABLE, &tier)? }),
            _none => None,
        };
        let life = Life {
            assignee: row.assignee,
            snooze,
            dismissal: row::maybe_text(TABLE, row.dismissal.as_deref())?,
            refused_since: row.refused_since,
            closes_at: row.closes_at,
            trailing: row::number(TABLE, row.trailing_bounces)?,
            continued: row::number(TABLE, row.continued_recipients)?,
            unread: row::number(TABLE, row.unread_bounces)?,
        };
        Ok(Self {
            id: IncidentId::from_uuid(row.incident_id),
            tenant: TenantId::from_uuid(row.tenant_id),
            mailbox: MailboxId::from_uuid(row.mailbox_id),
            drill: row.drill_id.map(DrillId::from_uuid),
            verdict: row::text(TABLE, &row.verdict)?,
            tier: row::text(TABLE, &row.tier)?,
            severity: row::text(TABLE, &row.severity)?,
            state: row::text(TABLE, &row.state)?,
            score_db: row.score_db,
            bounces: row::number(TABLE, row.bounces)?,
            unexpected_recipients: row::number(TABLE, row.unexpected_recipients)?,
            evidence: serde_json::from_value(row.evidence).map_err(|error| row::corrupt(TABLE, error))?,
            dedup_key: row.dedup_key,
            sequence: row.sequence,
            opened_at: row.opened_at,
            updated_at: row.updated_at,
            first_bounce_at: row.first_bounce_at,
            last_bounce_at: row.last_bounce_at,
            contained_at: row.contained_at,
            life,
        })
    }
}

/// Which incidents to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Only of this tenant.
    pub tenant: Option<TenantId>,
    /// Only of this mailbox.
    pub mailbox: Option<MailboxId>,
    /// Only with this cause.
    pub verdict: Option<Verdict>,
    /// Only in this state.
    pub state: Option<IncidentState>,
    /// Only those that new evidence would update.
    pub live_only: bool,
    /// Only those that happened, or only those that drills made up.
    pub livemode: Option<bool>,
}

/// The live incidents of a mailbox, oldest first, held until the transaction ends: whoever changes one waits.
pub async fn live_for_mailbox(tx: &mut MspTx, mailbox: MailboxId) -> Result<Vec<Incident>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select incident_id, tenant_id, mailbox_id, verdict, tier, severity, state, score_db, bounces,
            unexpected_recipients, evidence, dedup_key, sequence, opened_at, updated_at, first_bounce_at, last_bounce_at,
            contained_at, assignee, snoozed_until, snooze_reason, snooze_tier, dismissal, refused_since, closes_at, trailing_bounces,
            continued_recipients, unread_bounces, drill_id
        from incident
        where mailbox_id = $1 and drill_id is null and state in ('open', 'contained', 'monitoring', 'recovered', 'reopened')
        order by incident_id for update",
        mailbox.as_uuid()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Incident::try_from).collect()
}

/// The live incidents that a drill made up, held like the mailbox's own, which these are not.
pub async fn live_for_drill(tx: &mut MspTx, drill: DrillId) -> Result<Vec<Incident>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select incident_id, tenant_id, mailbox_id, verdict, tier, severity, state, score_db, bounces,
            unexpected_recipients, evidence, dedup_key, sequence, opened_at, updated_at, first_bounce_at, last_bounce_at,
            contained_at, assignee, snoozed_until, snooze_reason, snooze_tier, dismissal, refused_since, closes_at, trailing_bounces,
            continued_recipients, unread_bounces, drill_id
        from incident
        where drill_id = $1 and state in ('open', 'contained', 'monitoring', 'recovered', 'reopened')
        order by incident_id for update",
        drill.as_uuid()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Incident::try_from).collect()
}

/// Stores a new incident. `Conflict { incident_live_once }`: there is a live one for this cause.
pub async fn insert(tx: &mut MspTx, incident: &Incident) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into incident (msp_id, tenant_id, incident_id, mailbox_id, verdict, tier, severity, state, score_db,
            bounces, unexpected_recipients, evidence, dedup_key, sequence, opened_at, updated_at, first_bounce_at,
            last_bounce_at, contained_at, drill_id)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        msp,
        incident.tenant.as_uuid(),
        incident.id.as_uuid(),
        incident.mailbox.as_uuid(),
        incident.verdict.as_str(),
        incident.tier.as_str(),
        incident.severity.as_str(),
        incident.state.as_str(),
        incident.score_db,
        i64::from(incident.bounces),
        i64::from(incident.unexpected_recipients),
        evidence(incident)?,
        incident.dedup_key,
        incident.sequence,
        incident.opened_at,
        incident.updated_at,
        incident.first_bounce_at,
        incident.last_bounce_at,
        incident.contained_at,
        incident.drill.map(DrillId::as_uuid)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes an incident that moved on. `false`: the stored one is as new or newer, or it is gone.
///
/// `incident.sequence` must have grown: two who read the same state can't both write.
pub async fn update(tx: &mut MspTx, incident: &Incident) -> Result<bool, StoreError> {
    let life = &incident.life;
    let snooze = life.snooze.as_ref();
    let done = sqlx::query!(
        "update incident set verdict = $3, tier = $4, severity = $5, state = $6, score_db = $7, bounces = $8,
            unexpected_recipients = $9, evidence = $10, dedup_key = $11, sequence = $2, updated_at = $12,
            first_bounce_at = $13, last_bounce_at = $14, contained_at = $15, assignee = $16, snoozed_until = $17,
            snooze_reason = $18, snooze_tier = $19, dismissal = $20, refused_since = $21, closes_at = $22, trailing_bounces = $23,
            continued_recipients = $24, due_at = $25
        where incident_id = $1 and sequence < $2",
        incident.id.as_uuid(),
        incident.sequence,
        incident.verdict.as_str(),
        incident.tier.as_str(),
        incident.severity.as_str(),
        incident.state.as_str(),
        incident.score_db,
        i64::from(incident.bounces),
        i64::from(incident.unexpected_recipients),
        evidence(incident)?,
        incident.dedup_key,
        incident.updated_at,
        incident.first_bounce_at,
        incident.last_bounce_at,
        incident.contained_at,
        life.assignee,
        snooze.map(|snooze| snooze.until),
        snooze.map(|snooze| snooze.reason.as_str()),
        snooze.map(|snooze| snooze.tier.as_str()),
        life.dismissal.map(Dismissal::as_str),
        life.refused_since,
        life.closes_at,
        i64::from(life.trailing),
        i64::from(life.continued),
        incident.due_at()
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Adds bounces that were counted and not read. Nothing else of it changes, and nobody is told.
pub async fn count_unread(tx: &mut MspTx, id: IncidentId, more: usize) -> Result<(), StoreError> {
    let more = i64::try_from(more).unwrap_or(i64::MAX);
    sqlx::query!("update incident set unread_bounces = unread_bounces + $2 where incident_id = $1", id.as_uuid(), more)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Looks at an incident again not before `at`: time was to move it, and it did not.
pub async fn postpone(tx: &mut MspTx, id: IncidentId, at: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("update incident set due_at = $2 where incident_id = $1", id.as_uuid(), at).execute(tx.conn()).await?;
    Ok(())
}

/// Reads one incident; `None` also when it is outside the wall.
pub async fn find(tx: &mut MspTx, id: IncidentId) -> Result<Option<Incident>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select incident_id, tenant_id, mailbox_id, verdict, tier, severity, state, score_db, bounces,
            unexpected_recipients, evidence, dedup_key, sequence, opened_at, updated_at, first_bounce_at, last_bounce_at,
            contained_at, assignee, snoozed_until, snooze_reason, snooze_tier, dismissal, refused_since, closes_at, trailing_bounces,
            continued_recipients, unread_bounces, drill_id
        from incident where incident_id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Incident::try_from).transpose()
}

/// Reads one incident to change it: whoever else changes it waits until the transaction ends.
pub async fn find_held(tx: &mut MspTx, id: IncidentId) -> Result<Option<Incident>, StoreError> {
    sqlx::query_scalar!("select incident_id from incident where incident_id = $1 for update", id.as_uuid())
        .fetch_optional(tx.conn())
        .await?;
    find(tx, id).await
}

/// An incident without its evidence, which is longer than all the rest and shown by no list.
#[derive(Clone, Debug, PartialEq)]
pub struct Brief(pub Incident);

/// Incidents, newest first.
pub async fn list(
    tx: &mut MspTx,
    filter: &IncidentFilter,
    page: Page<IncidentId>,
) -> Result<Listed<Brief>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select incident_id, tenant_id, mailbox_id, verdict, tier, severity, state, score_db, bounces,
            unexpected_recipients, '[]'::jsonb as "evidence!", dedup_key, sequence, opened_at, updated_at, first_bounce_at, last_bounce_at,
            contained_at, assignee, snoozed_until, snooze_reason, snooze_tier, dismissal, refused_since, closes_at, trailing_bounces,
            continued_recipients, unread_bounces, drill_id
        from incident
        where ($1::uuid is null or tenant_id = $1) and ($2::uuid is null or mailbox_id = $2)
            and ($3::text is null or verdict = $3) and ($4::text is null or state = $4)
            and (not $5 or state in ('open', 'contained', 'monitoring', 'recovered', 'reopened'))
            and ($6::uuid is null or incident_id < $6) and ($8::boolean is null or (drill_id is null) = $8)
        order by incident_id desc limit $7"#,
        filter.tenant.map(TenantId::as_uuid),
        filter.mailbox.map(MailboxId::as_uuid),
        filter.verdict.map(Verdict::as_str),
        filter.state.map(IncidentState::as_str),
        filter.live_only,
        page.before.map(IncidentId::as_uuid),
        page.probe(),
        filter.livemode
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(page.cut(rows.into_iter().map(|row| row.try_into().map(Brief)).collect::<Result<_, _>>()?))
}

/// Who said that they are on it, and when.
pub async fn acknowledged(tx: &mut MspTx, id: IncidentId) -> Result<Option<(DateTime<Utc>, String)>, StoreError> {
    let row =
        sqlx::query!("select acknowledged_at, acknowledged_by from incident where incident_id = $1", id.as_uuid())
            .fetch_optional(tx.conn())
            .await?;
    Ok(row.and_then(|row| row.acknowledged_at.zip(row.acknowledged_by)))
}

/// Notes that somebody is on it. The second time it keeps the first; `false` when there is no such incident.
pub async fn acknowledge(tx: &mut MspTx, id: IncidentId, by: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update incident set acknowledged_at = coalesce(acknowledged_at, $3),
            acknowledged_by = coalesce(acknowledged_by, $2)
        where incident_id = $1",
        id.as_uuid(),
        by,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

fn evidence(incident: &Incident) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(&incident.evidence).map_err(|error| row::corrupt("incident", error))
}
