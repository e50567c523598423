//! What was done about an incident, and what happened to it, by whom and when.

use chrono::{DateTime, Utc};
use daimon_domain::id::IncidentId;
use daimon_domain::incident::Incident;
use daimon_domain::words;

use crate::{MspTx, StoreError, row};

words! {
    /// Where a step of the playbook stands.
    StepState {
        /// To be done.
        Open = "open",
        /// Done.
        Done = "done",
        /// Not needed here.
        Skipped = "skipped",
    }
}

/// A step of the playbook that somebody touched. The others are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepDone {
    /// Its id, such as `C01`.
    pub step: String,
    /// Where it stands.
    pub state: StepState,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// What they wrote down.
    pub note: Option<String>,
}

/// A line of an incident's story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: DateTime<Utc>,
    /// What happened, such as `opened` or `commented`.
    pub what: String,
    /// Who did it: a key's id, or `daimon`.
    pub who: String,
    /// In their words.
    pub note: Option<String>,
}

/// As `migrations/` has it.
const LONGEST_NOTE: usize = 2_000;

/// The steps that somebody touched.
pub async fn steps(tx: &mut MspTx, incident: IncidentId) -> Result<Vec<StepDone>, StoreError> {
    let rows = sqlx::query!(
        "select step, state, done_by, done_at, note from incident_step where incident_id = $1 order by step",
        incident.as_uuid()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(StepDone {
                step: row.step,
                state: row::text("incident_step", &row.state)?,
                by: row.done_by,
                at: row.done_at,
                note: row.note,
            })
        })
        .collect()
}

/// Writes where a step stands; the last one to say so counts.
pub async fn set_step(tx: &mut MspTx, incident: &Incident, step: &StepDone) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into incident_step (msp_id, tenant_id, incident_id, step, state, done_by, done_at, note)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict on constraint incident_step_pk do update set state = excluded.state,
            done_by = excluded.done_by, done_at = excluded.done_at, note = excluded.note",
        msp,
        incident.tenant.as_uuid(),
        incident.id.as_uuid(),
        step.step,
        step.state.as_str(),
        step.by,
        step.at,
        step.note.as_ref().map(|note| row::clean(note, LONGEST_NOTE))
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An incident's story, oldest first.
pub async fn entries(tx: &mut MspTx, incident: IncidentId) -> Result<Vec<Entry>, StoreError> {
    Ok(sqlx::query_as!(
        Entry,
        "select happened_at as at, what, who, note from incident_entry where incident_id = $1 order by sequence limit 1000",
        incident.as_uuid()
    )
    .fetch_all(tx.conn())
    .await?)
}

/// Adds a line to an incident's story.
///
/// Hold the incident first (`find_held`, `live_for_mailbox`), or just have made it: lines are counted.
pub async fn add_entry(tx: &mut MspTx, incident: &Incident, entry: &Entry) -> Result<(), StoreError> {
    let msp = tx.msp().as_uuid();
    sqlx::query!(
        "insert into incident_entry (msp_id, tenant_id, incident_id, sequence, happened_at, what, who, note)
        select $1, $2, $3, coalesce(max(sequence), 0) + 1, $4, $5, $6, $7 from incident_entry where incident_id = $3",
        msp,
        incident.tenant.as_uuid(),
        incident.id.as_uuid(),
        entry.at,
        entry.what,
        entry.who,
        entry.note.as_ref().map(|note| row::clean(note, LONGEST_NOTE))
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
