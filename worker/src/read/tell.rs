//! Events: what is written for people and their systems, in the transaction of what happened.

use chrono::{DateTime, SecondsFormat, Utc};
use daimon_domain::clock::Entropy;
use daimon_domain::delivery::{Delivery, DeliveryState};
use daimon_domain::event::{Event, EventType};
use daimon_domain::id::{DeliveryId, EventId};
use daimon_domain::incident::Incident;
use daimon_domain::mailbox::Mailbox;
use daimon_domain::tenant::Tenant;
use daimon_domain::verdict::Severity;
use daimon_store::{MspTx, StoreError, delivery, endpoint, event};
use daimon_verdict::playbook;
use serde_json::{Value, json};

/// How many lines of evidence and steps of the playbook an event carries; the rest is behind the API.
const LINES: usize = 8;
const STEPS: usize = 5;

/// Of whom an event tells.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) mailbox: &'a Mailbox,
}

/// What is common to every event of a mailbox.
fn data(subject: Subject<'_>) -> Value {
    let Subject { tenant, mailbox } = subject;
    json!({
        "tenant": { "id": tenant.id, "name": tenant.name.as_str(), "external_refs": tenant.external_refs },
        "mailbox": { "id": mailbox.id, "address": mailbox.address.as_str() },
        "livemode": true,
    })
}

fn add(data: &mut Value, name: &str, value: Value) {
    if let Some(fields) = data.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// The data of an event about an incident.
pub(crate) fn of_incident(subject: Subject<'_>, incident: &Incident) -> Value {
    let language = subject.tenant.language;
    let steps: Vec<Value> = playbook::steps_for(incident.verdict)
        .into_iter()
        .take(STEPS)
        .map(|step| {
            json!({ "id": step.id, "phase": step.phase, "who": step.who, "title": step.title.in_language(language) })
        })
        .collect();
    let mut data = data(subject);
    let summary = json!({
        "id": incident.id,
        "verdict": incident.verdict,
        "tier": incident.tier,
        "severity": incident.severity,
        "state": incident.state,
        "score_db": incident.score_db,
        "bounces": incident.bounces,
        "unexpected_recipients": incident.unexpected_recipients,
        "opened_at": time(incident.opened_at),
        "first_bounce_at": time(incident.first_bounce_at),
        "last_bounce_at": time(incident.last_bounce_at),
        "evidence": incident.evidence.iter().take(LINES).collect::<Vec<_>>(),
        "next_steps": steps,
    });
    add(&mut data, "incident", summary);
    add(&mut data, "dedup_key", json!(incident.dedup_key));
    add(&mut data, "sequence", json!(incident.sequence));
    data
}

/// The data of an event about a mailbox alone.
pub(crate) fn of_mailbox(subject: Subject<'_>, more: &[(&str, Value)]) -> Value {
    let mut data = data(subject);
    for (name, value) in more {
        add(&mut data, name, value.clone());
    }
    data
}

/// A time as the API writes it.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Stores an event and a delivery for each endpoint that wants it; answers the deliveries, to be hinted after the commit.
pub(crate) async fn tell(
    tx: &mut MspTx,
    subject: Subject<'_>,
    kind: EventType,
    severity: Option<Severity>,
    data: &Value,
    now: DateTime<Utc>,
    entropy: &dyn Entropy,
) -> Result<Vec<DeliveryId>, StoreError> {
    let tenant = Some(subject.tenant.id);
    let body = json!({ "type": kind, "timestamp": time(now), "data": data }).to_string();
    let event = Event { id: EventId::new(now, entropy), kind, occurred_at: now, body };
    event::insert(tx, &event, tenant, severity).await?;
    let wanted = endpoint::for_event(tx, kind, severity, tenant).await?;
    let deliveries: Vec<Delivery> = wanted
        .into_iter()
        .map(|endpoint| Delivery {
            id: DeliveryId::new(now, entropy),
            event: event.id,
            endpoint,
            state: DeliveryState::Pending,
            attempts: 0,
            next_attempt_at: Some(now),
            created_at: now,
        })
        .collect();
    delivery::insert_many(tx, tenant, &deliveries).await?;
    metrics::counter!("daimon_events_total", "type" => kind.as_str()).increment(1);
    Ok(deliveries.into_iter().map(|delivery| delivery.id).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use daimon_domain::id::{IncidentId, MailboxId, TenantId};
    use daimon_domain::incident::IncidentState;
    use daimon_domain::mailbox::{Connection, ImapServer, Polling, TlsMode};
    use daimon_domain::tenant::Language;
    use daimon_domain::verdict::{EvidenceLine, Tier, Verdict};
    use uuid::Uuid;

    use super::*;

    pub(in crate::read) fn an_incident() -> Incident {
        let at = DateTime::UNIX_EPOCH;
        let line = EvidenceLine {
            item: "gen_site".to_owned(),
            value: "own_provider".to_owned(),
            db: 12.0,
            count: 9,
            against: Some(Verdict::Legit),
        };
        Incident {
            id: IncidentId::from_uuid(Uuid::from_u128(3)),
            tenant: TenantId::from_uuid(Uuid::from_u128(1)),
            mailbox: MailboxId::from_uuid(Uuid::from_u128(2)),
            verdict: Verdict::AccountTakeover,
            tier: Tier::Probable,
            severity: Severity::Critical,
            state: IncidentState::Open,
            score_db: 52.5,
            bounces: 40,
            unexpected_recipients: 38,
            evidence: vec![line; 100],
            dedup_key: "key".to_owned(),
            sequence: 4,
            opened_at: at,
            updated_at: at,
            first_bounce_at: at,
            last_bounce_at: at,
            contained_at: None,
        }
    }

    #[test]
    fn an_incident_with_much_evidence_fits_into_20_kb_and_names_its_tenant_everywhere() {
        let at = DateTime::UNIX_EPOCH;
        let references: BTreeMap<_, _> = (0..20).map(|n| (format!("system{n}"), "9".repeat(64))).collect();
        let tenant = Tenant {
            id: TenantId::from_uuid(Uuid::from_u128(1)),
            name: "名".repeat(200).parse().unwrap(),
            language: Language::Japanese,
            external_refs: references,
            created_at: at,
            version: 1,
        };
        let mailbox = Mailbox {
            id: MailboxId::from_uuid(Uuid::from_u128(2)),
            tenant: tenant.id,
            address: "sato@sakura.example".parse().unwrap(),
            server: ImapServer { host: "imap.host.example".parse().unwrap(), port: 993, tls: TlsMode::Implicit },
            username: "sato".to_owned(),
            polling: Polling::Active,
            connection: Connection::New,
            poll_interval_s: 300,
            next_poll_at: at,
            last_polled_at: None,
            created_at: at,
            version: 1,
        };
        let incident = an_incident();
        let data = of_incident(Subject { tenant: &tenant, mailbox: &mailbox }, &incident);
        assert!(data.to_string().len() < 20_000, "{}", data.to_string().len());
        assert_eq!(data["tenant"]["external_refs"].as_object().unwrap().len(), 20);
        assert_eq!(data["incident"]["next_steps"].as_array().unwrap().len(), STEPS);
        assert_eq!((&data["sequence"], &data["livemode"]), (&json!(4), &json!(true)));
    }
}
