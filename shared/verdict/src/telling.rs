//! The bodies of events: what people and their systems are told, thin, and with what a ticket needs.

use chrono::{DateTime, SecondsFormat, Utc};
use daimon_domain::event::EventType;
use daimon_domain::id::DrillId;
use daimon_domain::incident::Incident;
use daimon_domain::mailbox::Mailbox;
use daimon_domain::tenant::Tenant;
use serde_json::{Value, json};

use crate::playbook;

/// How many lines of evidence and steps of the playbook an event carries; the rest is behind the API.
const LINES: usize = 8;
const STEPS: usize = 5;

/// Of whom an event tells.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The client company.
    pub tenant: &'a Tenant,
    /// Its mailbox.
    pub mailbox: &'a Mailbox,
    /// The drill that made it up; `None`: it happened.
    pub drill: Option<DrillId>,
}

/// What is common to every event of a mailbox.
fn data(subject: Subject<'_>) -> Value {
    let Subject { tenant, mailbox, drill } = subject;
    let mut data = json!({
        "tenant": { "id": tenant.id, "name": tenant.name.as_str(), "external_refs": tenant.external_refs },
        "mailbox": { "id": mailbox.id, "address": mailbox.address.as_str() },
        "livemode": drill.is_none(),
    });
    if let Some(drill) = drill {
        add(&mut data, "drill_id", json!(drill));
    }
    data
}

fn add(data: &mut Value, name: &str, value: Value) {
    if let Some(fields) = data.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// The data of an event about an incident.
pub fn of_incident(subject: Subject<'_>, incident: &Incident) -> Value {
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
        "bounces_unread": incident.life.unread,
        "unexpected_recipients": incident.unexpected_recipients,
        "contained_at": incident.contained_at.map(time),
        "closes_at": incident.life.closes_at.map(time),
        "trailing": incident.life.trailing,
        "continued": incident.life.continued,
        "dismissed_reason": incident.life.dismissal,
        "assignee": incident.life.assignee,
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
pub fn of_mailbox(subject: Subject<'_>, more: &[(&str, Value)]) -> Value {
    let mut data = data(subject);
    for (name, value) in more {
        add(&mut data, name, value.clone());
    }
    data
}

/// An event's body, byte for byte as endpoints and pullers get it.
pub fn body(kind: EventType, at: DateTime<Utc>, data: &Value) -> String {
    json!({ "type": kind, "timestamp": time(at), "data": data }).to_string()
}

/// A time as the API writes it.
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use daimon_domain::mailbox::{Connection, Idling, ImapServer, NewMail, Polling, TlsMode};
    use daimon_domain::tenant::Language;
    use daimon_domain::verdict::{EvidenceLine, Verdict};

    use super::*;
    use crate::stories;

    #[test]
    fn an_incident_with_much_evidence_fits_into_20_kb_and_names_its_tenant_everywhere() {
        let at = DateTime::UNIX_EPOCH;
        let line = EvidenceLine {
            item: "gen_site".to_owned(),
            value: "own_provider".to_owned(),
            db: 12.0,
            count: 9,
            against: Some(Verdict::Legit),
        };
        let incident =
            Incident { sequence: 4, evidence: vec![line; 100], ..stories::incident(Verdict::AccountTakeover) };
        let references: BTreeMap<_, _> = (0..20).map(|n| (format!("system{n}"), "9".repeat(64))).collect();
        let tenant = Tenant {
            id: incident.tenant,
            name: "名".repeat(200).parse().unwrap(),
            language: Language::Japanese,
            external_refs: references,
            groups: BTreeSet::new(),
            created_at: at,
            is_deleting: false,
            version: 1,
        };
        let mailbox = Mailbox {
            id: incident.mailbox,
            tenant: tenant.id,
            address: "sato@sakura.example".parse().unwrap(),
            server: ImapServer { host: "imap.host.example".parse().unwrap(), port: 993, tls: TlsMode::Implicit },
            username: "sato".to_owned(),
            credential: None,
            polling: Polling::Active,
            connection: Connection::New,
            poll_interval_s: 300,
            new_mail: NewMail::Poll,
            idling: Idling::Starting,
            tidying: None,
            next_poll_at: at,
            last_polled_at: None,
            created_at: at,
            version: 1,
        };
        let subject = Subject { tenant: &tenant, mailbox: &mailbox, drill: None };
        let data = of_incident(subject, &incident);
        assert!(data.to_string().len() < 20_000, "{}", data.to_string().len());
        assert_eq!(data["tenant"]["external_refs"].as_object().unwrap().len(), 20);
        assert_eq!(data["incident"]["next_steps"].as_array().unwrap().len(), STEPS);
        assert_eq!((&data["sequence"], &data["livemode"]), (&json!(4), &json!(true)));
        assert_eq!(data.get("drill_id"), None);

        let drill: DrillId = "drl_01985aa0000070008000000000000001".parse().unwrap();
        let data = of_mailbox(Subject { drill: Some(drill), ..subject }, &[]);
        assert_eq!((&data["drill_id"], &data["livemode"]), (&json!(drill), &json!(false)));
    }
}
