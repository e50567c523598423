//! The bounces of an incident, counted.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::id::{DrillId, uuid_floor};
use daimon_domain::incident::Incident;
use daimon_domain::reason::Reason;

use crate::{MspTx, StoreError, row};

/// So many of the newest are counted: a report is read by people, and a flood must not hold up the database.
const MOST: i64 = 50_000;
/// So many domains are named.
const MOST_DOMAINS: i32 = 8;
/// So many steps of time are told apart.
const MOST_STEPS: i32 = 200;

/// The bounces of an incident, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many were counted.
    pub bounces: u64,
    /// There are more, and older ones.
    pub is_cut: bool,
    /// How many in each step of time that has any, oldest first.
    pub steps: Vec<(DateTime<Utc>, u64)>,
    /// How many for each reason, most first.
    pub reasons: Vec<(Reason, u64)>,
    /// How many to each domain, most first.
    pub domains: Vec<(String, u64)>,
}

/// Counts, in steps of time of which one begins at `origin`.
///
/// Those that came before it was seen that they make an incident name none, and belong to it all the same.
#[tracing::instrument(name = "store.incident.tally", skip_all, fields(incident.id = %incident.id))]
pub async fn tally(
    tx: &mut MspTx,
    incident: &Incident,
    step: TimeDelta,
    origin: DateTime<Utc>,
) -> Result<Tally, StoreError> {
    const TABLE: &str = "bounce";
    let rows = sqlx::query!(
        r#"with counted as materialized (
            select date_bin(make_interval(secs => $6), received_at, $7) as step, reason, recipient_domain as domain
            from bounce
            where mailbox_id = $1 and bounce_id >= $2 and drill_id is not distinct from $10
                and (incident_id = $3 or (incident_id is null and bounce_id < $4))
            order by bounce_id desc limit $5
        ), tallied as (
            select step, reason, domain, count(*) as bounces, row_number() over (
                partition by grouping(step, reason, domain) order by count(*) desc, domain
            ) as place
            from counted group by grouping sets ((step), (reason), (domain), ())
        )
        select step, reason as "reason?", domain as "domain?", bounces as "bounces!" from tallied
        where place <= case when domain is not null then $8 when step is not null then $9 else 100 end
        order by step, bounces desc, reason, domain"#,
        incident.mailbox.as_uuid(),
        uuid_floor(incident.first_bounce_at),
        incident.id.as_uuid(),
        uuid_floor(incident.opened_at),
        MOST,
        step.as_seconds_f64(),
        origin,
        MOST_DOMAINS,
        MOST_STEPS,
        incident.drill.map(DrillId::as_uuid)
    )
    .fetch_all(tx.conn())
    .await?;
    let mut tally = Tally::default();
    for counted in rows {
        let bounces = row::number(TABLE, counted.bounces)?;
        match (counted.step, counted.reason, counted.domain) {
            (Some(step), _, _) => tally.steps.push((step, bounces)),
            (None, Some(reason), _) => tally.reasons.push((row::text(TABLE, &reason)?, bounces)),
            (None, None, Some(domain)) => tally.domains.push((domain, bounces)),
            (None, None, None) => {
                tally.bounces = bounces;
                tally.is_cut = counted.bounces >= MOST;
            }
        }
    }
    Ok(tally)
}

/// How many recipients of it a server said it was still trying since then, and has not told the end of: for each of them
/// another bounce may come.
#[tracing::instrument(name = "store.incident.still_tried", skip_all, fields(incident.id = %incident.id))]
pub async fn still_tried(tx: &mut MspTx, incident: &Incident, since: DateTime<Utc>) -> Result<u64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"with newest as (
            select recipient_hash, action, received_at from bounce
            where mailbox_id = $1 and bounce_id >= $2 and drill_id is not distinct from $7
                and (incident_id = $3 or (incident_id is null and bounce_id < $4))
            order by bounce_id desc limit $5
        ), waiting as (
            select from newest group by recipient_hash
            having bool_and(action = 'delayed') and max(received_at) >= $6
        )
        select count(*) as "count!" from waiting"#,
        incident.mailbox.as_uuid(),
        uuid_floor(incident.first_bounce_at),
        incident.id.as_uuid(),
        uuid_floor(incident.opened_at),
        MOST,
        since,
        incident.drill.map(DrillId::as_uuid)
    )
    .fetch_one(tx.conn())
    .await?;
    row::number("bounce", count)
}
