//! What must be true at the end: of what clients were promised, what is stored, and what has arrived.

use std::collections::{BTreeMap, HashMap, HashSet};

use daimon_tests::rig::Rig;
use daimon_tests::sink::Sink;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::traffic::{Move, Promised};

/// The differences: all of them should be none.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) lost: Vec<String>,
    pub(crate) invented: Vec<String>,
    /// Webhooks that came again, with the same id and body.
    pub(crate) repeated: u32,
    pub(crate) events: usize,
    pub(crate) arrived: usize,
}

impl Compared {
    pub(crate) fn is_whole(&self) -> bool {
        self.lost.is_empty() && self.invented.is_empty()
    }

    /// In words.
    pub(crate) fn says(&self) -> String {
        let first = self.lost.iter().chain(&self.invented).take(3).map(|one| format!("; {one}"));
        let first: Vec<String> = first.collect();
        format!(
            "{} lost, {} invented, {} repeated{}",
            self.lost.len(),
            self.invented.len(),
            self.repeated,
            first.concat()
        )
    }

    pub(crate) fn figures(&self) -> Value {
        json!({ "lost": self.lost.len(), "invented": self.invented.len(), "repeated": self.repeated,
            "events": self.events, "arrived": self.arrived })
    }
}

/// Compares promises and database.
#[expect(clippy::disallowed_methods, reason = "it looks, as the superuser, at what the programs have stored")]
pub(crate) async fn stored(rig: &Rig, promised: &Promised, into: &mut Compared) -> anyhow::Result<()> {
    let mut look = rig.look().await?;
    let rows: Vec<(Uuid, String, String)> =
        sqlx::query_as("select event_id, type, body from event").fetch_all(&mut look).await?;
    into.events = rows.len();
    let mut known: HashSet<(String, i64, String)> = HashSet::new();
    let mut moves: BTreeMap<String, u32> = BTreeMap::new();
    for (id, kind, body) in rows {
        let body: Value = serde_json::from_str(&body)?;
        let Some(incident) = body.pointer("/data/incident/id").and_then(Value::as_str) else { continue };
        let sequence = body.pointer("/data/sequence").and_then(Value::as_i64).unwrap_or_default();
        if matches!(kind.as_str(), "incident.closed" | "incident.reopened") {
            *moves.entry(incident.to_owned()).or_default() += 1;
        }
        if !known.insert((incident.to_owned(), sequence, kind)) {
            into.invented.push(format!("event {id} tells of a change that another tells of"));
        }
    }
    let mut accepted: BTreeMap<String, u32> = BTreeMap::new();
    for Move { incident, sequence, kind } in &promised.moves {
        *accepted.entry(incident.clone()).or_default() += 1;
        if !known.contains(&(incident.clone(), *sequence, (*kind).to_owned())) {
            into.lost.push(format!("{kind} of {incident} with sequence {sequence} is not stored"));
        }
    }
    for (incident, count) in moves {
        let most =
            accepted.get(&incident).copied().unwrap_or(0) + promised.unknown.get(&incident).copied().unwrap_or(0);
        if count > most {
            into.invented.push(format!("{incident} was moved {count} times, and asked for were {most}"));
        }
    }
    let names: Vec<String> = sqlx::query_scalar("select name from tenant").fetch_all(&mut look).await?;
    once_each("company", &promised.companies, names, into);
    let comments: Vec<String> = sqlx::query_scalar(
        "select 'inc_' || replace(incident_id::text, '-', '') || ' ' || note from incident_entry where what = 'commented'",
    )
    .fetch_all(&mut look)
    .await?;
    once_each("comment", &promised.comments, comments, into);
    Ok(())
}

fn once_each(what: &str, promised: &[String], stored: Vec<String>, into: &mut Compared) {
    let mut counts: HashMap<String, u32> = HashMap::new();
    for one in stored {
        *counts.entry(one).or_default() += 1;
    }
    into.lost.extend(
        promised.iter().filter(|one| !counts.contains_key(*one)).map(|one| format!("{what} {one} is not stored")),
    );
    into.invented.extend(
        counts
            .iter()
            .filter(|(_, count)| **count > 1)
            .map(|(one, count)| format!("{what} {one} is stored {count} times")),
    );
}

/// What has happened so far, before an endpoint is there to be told of it.
pub(crate) async fn so_far(rig: &Rig) -> anyhow::Result<HashSet<Uuid>> {
    let mut look = rig.look().await?;
    Ok(sqlx::query_scalar::<_, Uuid>("select event_id from event").fetch_all(&mut look).await?.into_iter().collect())
}

/// Compares the database and what came to an endpoint that was to be told of everything.
pub(crate) async fn arrived(rig: &Rig, sink: &Sink, name: &str, into: &mut Compared) -> anyhow::Result<()> {
    arrived_since(rig, sink, name, None, &HashSet::new(), into).await?;
    into.invented.extend(sink.faults());
    Ok(())
}

/// The same where it was to be told of one company only, and of nothing that was `before`.
#[expect(clippy::disallowed_methods, reason = "it looks, as the superuser, at what the programs have stored")]
pub(crate) async fn arrived_since(
    rig: &Rig,
    sink: &Sink,
    name: &str,
    tenant: Option<&str>,
    before: &HashSet<Uuid>,
    into: &mut Compared,
) -> anyhow::Result<()> {
    let mut look = rig.look().await?;
    let tenant = tenant.and_then(|id| id.rsplit('_').next()).and_then(|hex| Uuid::try_parse(hex).ok());
    let rows: Vec<(Uuid, String)> =
        sqlx::query_as("select event_id, body from event where $1::uuid is null or tenant_id = $1")
            .bind(tenant)
            .fetch_all(&mut look)
            .await?;
    let mut came = sink.arrived(name);
    for (id, body) in rows {
        match came.remove(&format!("evt_{}", id.simple())) {
            None if before.contains(&id) => {}
            None => into.lost.push(format!("event {id} has not come to {name}")),
            Some(arrival) if arrival.body != body.as_bytes() => {
                into.invented.push(format!("event {id} came to {name} with another body"));
            }
            Some(arrival) => {
                into.arrived += 1;
                into.repeated += arrival.times - 1;
            }
        }
    }
    into.invented.extend(came.keys().map(|id| format!("{id} came to {name} and is no event")));
    Ok(())
}
