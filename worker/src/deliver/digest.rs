//! Telling the MSP once a day what the last one brought.

use chrono::{DateTime, Utc};
use daimon_domain::event::EventType;
use daimon_domain::id::MspId;
use daimon_domain::scope::Wall;
use daimon_store::digest::{self, DueDigest, Facts};
use daimon_store::{StoreError, event};
use daimon_verdict::telling::{body, time};
use serde_json::{Map, Value, json};

use super::job::Deliverer;

/// How many incidents and mailboxes are named; of the rest it is said how many there are.
const NAMED: usize = 20;
/// What a body may have.
const LONGEST: usize = 20_000;

/// Tells it, if it is due. `false`: it was not, or somebody else was faster.
///
/// The event, its deliveries and the time of the next one are one transaction: nothing is told twice, whoever dies.
#[tracing::instrument(name = "digest", skip_all, fields(msp.id = %msp))]
pub async fn tell_digest(ctx: &Deliverer, msp: MspId) -> Result<bool, StoreError> {
    let now = ctx.clock.now();
    let mut tx = ctx.db.begin(&Wall::whole(msp)).await?;
    let Some(due) = digest::take(&mut tx, now).await? else { return Ok(false) };
    let facts = digest::facts(&mut tx, due.since, now).await?;
    let kind = EventType::DigestDaily;
    let told = event::New { kind, at: now, body: written(due, &facts, now), verdict: None, drill: None };
    let deliveries = event::tell(&mut tx, told, None, None, &ctx.entropy).await?;
    tx.commit().await?;
    metrics::counter!("daimon_events_total", "type" => kind.as_str()).increment(1);
    tracing::info!(endpoints = deliveries.len(), "the day's digest is told");
    Ok(true)
}

/// The body, with as many names as an event has room for.
fn written(due: DueDigest, facts: &Facts, now: DateTime<Utc>) -> String {
    let named = |most: usize| body(EventType::DigestDaily, now, &data(due, facts, most, now));
    (0..=NAMED).rev().map(named).find(|text| text.len() < LONGEST).unwrap_or_else(|| named(0))
}

/// Counts by word; what there was none of is left out.
fn counts<W: std::fmt::Display>(counted: &[(W, i64)]) -> Value {
    counted.iter().map(|(word, count)| (word.to_string(), json!(count))).collect::<Map<_, _>>().into()
}

fn data(due: DueDigest, facts: &Facts, most: usize, now: DateTime<Utc>) -> Value {
    let ongoing: Vec<Value> = facts
        .ongoing
        .iter()
        .take(most)
        .map(|incident| {
            json!({
                "id": incident.id,
                "tenant": { "id": incident.tenant.0, "name": incident.tenant.1 },
                "mailbox": { "id": incident.mailbox.0, "address": incident.mailbox.1 },
                "verdict": incident.verdict,
                "tier": incident.tier,
                "severity": incident.severity,
                "state": incident.state,
                "opened_at": time(incident.opened_at),
            })
        })
        .collect();
    let unread: Vec<Value> = facts
        .longest_unread
        .iter()
        .take(most)
        .map(|mailbox| {
            json!({
                "id": mailbox.id,
                "address": mailbox.address,
                "tenant": { "id": mailbox.tenant.0, "name": mailbox.tenant.1 },
                "connection": mailbox.connection,
                "code": mailbox.fault,
                "since": mailbox.since.map(time),
            })
        })
        .collect();
    let (failing, disabled) = facts.endpoints;
    json!({
        "livemode": true,
        "since": time(due.since),
        "until": time(now),
        "time_zone": due.time.zone().as_str(),
        "events": counts(&facts.events),
        "bounces": { "total": facts.bounces, "by_verdict": counts(&facts.explained) },
        "incidents": { "by_state": counts(&facts.states), "most_urgent": ongoing },
        "unread_mailboxes": { "total": facts.unread, "longest": unread },
        "webhook_endpoints": { "failing": failing, "disabled": disabled },
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use daimon_domain::clock::SeededEntropy;
    use daimon_domain::day::DigestTime;
    use daimon_domain::id::{IncidentId, MailboxId, TenantId};
    use daimon_domain::incident::IncidentState;
    use daimon_domain::verdict::{Severity, Tier, Verdict};
    use daimon_store::digest::{Ongoing, Unread};

    use super::*;

    #[test]
    fn a_digest_of_the_longest_names_is_less_than_20_kb() {
        let (at, entropy) = (DateTime::UNIX_EPOCH, SeededEntropy::new(1));
        // Of 200 characters, which is as much as a name may have.
        let tenant = (TenantId::new(at, &entropy), "名".repeat(200));
        let address = format!("{}@{}", "a".repeat(64), "b".repeat(255));
        let ongoing = Ongoing {
            id: IncidentId::new(at, &entropy),
            tenant: tenant.clone(),
            mailbox: (MailboxId::new(at, &entropy), address.clone()),
            verdict: Verdict::AccountTakeover,
            tier: Tier::Confirmed,
            severity: Severity::Critical,
            state: IncidentState::Monitoring,
            opened_at: at,
        };
        let unread = Unread {
            id: MailboxId::new(at, &entropy),
            address,
            tenant,
            connection: "credential_refused".to_owned(),
            fault: Some("credential_refused".to_owned()),
            since: Some(at),
        };
        let facts = Facts {
            events: EventType::ALL.iter().map(|kind| (*kind, 7)).collect(),
            bounces: 14,
            explained: vec![(Verdict::Legit, 7)],
            states: vec![(IncidentState::Open, 7)],
            ongoing: vec![ongoing; 20],
            unread: 20,
            longest_unread: vec![unread; 20],
            endpoints: (1, 2),
        };
        let due = DueDigest { time: DigestTime::new(7, "Asia/Tokyo".parse().unwrap()).unwrap(), since: at };
        let text = written(due, &facts, at + TimeDelta::days(1));
        assert!(text.len() < LONGEST, "{}", text.len());
        let data: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(data["data"]["events"]["incident.opened"], 7);
        assert_eq!(data["data"]["bounces"]["by_verdict"], json!({ "legit": 7 }));
        let named = data["data"]["incidents"]["most_urgent"].as_array().unwrap().len();
        assert!((5..NAMED).contains(&named), "{named}");
    }
}
