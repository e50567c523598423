//! What an event of each type looks like: for the document, and for whoever tries an endpoint out.
//!
//! What is about an incident or a mailbox is written by the same functions as what is told in earnest.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::event::EventType;
use daimon_domain::incident::{Incident, IncidentState, Life};
use daimon_domain::mailbox::{Connection, ConnectionFault, Idling, ImapServer, Mailbox, NewMail, Polling, TlsMode};
use daimon_domain::tenant::{Language, Tenant};
use daimon_domain::verdict::{EvidenceLine, Severity, Tier, Verdict};
use daimon_verdict::dedup_key;
use daimon_verdict::telling::{Subject, of_incident, of_mailbox, time};
use serde_json::{Value, json};

/// When the example happened: 2026-11-24 08:00 UTC.
const AT_S: i64 = 1_795_507_200;

/// What the type is for, in a sentence or two.
pub(crate) const fn description(kind: EventType) -> &'static str {
    match kind {
        EventType::IncidentOpened => {
            "An incident opened: a mailbox has a problem that somebody should look at. Make a ticket of it under `dedup_key`."
        }
        EventType::IncidentUpdated => {
            "What is known of an incident changed: its tier, verdict, evidence or playbook. Drop it if its `sequence` is older than yours."
        }
        EventType::IncidentContained => {
            "The way in is shut, and that is proved or was stated. The incident is watched from now on."
        }
        EventType::IncidentReopened => {
            "Mail went out again after the incident was contained or closed: it is open once more."
        }
        EventType::IncidentClosed => {
            "It is over: the last late bounces have come in, or a person said that it is none."
        }
        EventType::MailboxConnected => "A mailbox was read for the first time: from now on its bounces are judged.",
        EventType::MailboxWatched => {
            "A mailbox is looked at more closely, though there is no incident yet. `because` says why, where it is no bounce of its own."
        }
        EventType::MailboxCredentialRefused => {
            "The password of a mailbox was refused three times and is not tried again until it is replaced."
        }
        EventType::MailboxUnreachable => {
            "A mailbox can't be read. `code` says why, and `advice` what to do; it is tried again by itself."
        }
        EventType::MailboxRecovered => "A mailbox that could not be read is read again, from where reading had ended.",
        EventType::EndpointFailing => {
            "Every attempt at a webhook endpoint has failed for 24 hours. After five days it is not called any more."
        }
        EventType::EndpointDisabled => {
            "A webhook endpoint is not called any more, because it answered 410 or has failed for five days. Enable it again, and replay what it missed."
        }
        EventType::DigestDaily => {
            "What the last day brought, once a day at the hour that `PUT /v1/digest` sets. Only endpoints that are told of all tenants get it."
        }
    }
}

/// The data of an example. `Null` never happens: a test sees to it.
pub(crate) fn data(kind: EventType) -> Value {
    known(kind).unwrap_or(Value::Null)
}

/// The same as a test has it.
pub(crate) fn test_data(kind: EventType) -> Value {
    let mut data = data(kind);
    if let Some(fields) = data.as_object_mut() {
        fields.insert("livemode".to_owned(), json!(false));
        fields.insert("test".to_owned(), json!(true));
    }
    data
}

fn known(kind: EventType) -> Option<Value> {
    let at = DateTime::from_timestamp(AT_S, 0)?;
    let (tenant, mailbox) = (tenant(at)?, mailbox(at)?);
    let subject = Subject { tenant: &tenant, mailbox: &mailbox, drill: None };
    let troubled =
        |code: ConnectionFault| of_mailbox(subject, &[("code", json!(code)), ("advice", json!(code.advice()))]);
    let endpoint = "whe_019ab1c2d3e47f508192a3b4c5d6e7f8";
    Some(match kind {
        EventType::IncidentOpened => of_incident(subject, &incident(at, IncidentState::Open, 1)?),
        EventType::IncidentUpdated => of_incident(subject, &incident(at, IncidentState::Open, 2)?),
        EventType::IncidentContained => of_incident(subject, &incident(at, IncidentState::Contained, 3)?),
        EventType::IncidentReopened => of_incident(subject, &incident(at, IncidentState::Reopened, 4)?),
        EventType::IncidentClosed => of_incident(subject, &incident(at, IncidentState::Closed, 5)?),
        EventType::MailboxWatched => {
            let more = [("tier", json!(Tier::Watch)), ("verdict", json!(Verdict::Undetermined))];
            of_mailbox(subject, &more)
        }
        EventType::MailboxCredentialRefused => troubled(ConnectionFault::CredentialRefused),
        EventType::MailboxUnreachable => troubled(ConnectionFault::Unreachable),
        EventType::MailboxConnected | EventType::MailboxRecovered => {
            of_mailbox(subject, &[("code", Value::Null), ("advice", Value::Null)])
        }
        EventType::EndpointFailing => {
            json!({ "endpoint_id": endpoint, "failing_since": time(at - TimeDelta::days(1)), "livemode": true })
        }
        EventType::EndpointDisabled => json!({ "endpoint_id": endpoint, "reason": "failing", "livemode": true }),
        EventType::DigestDaily => digest(at, &tenant, &mailbox)?,
    })
}

fn tenant(at: DateTime<Utc>) -> Option<Tenant> {
    Some(Tenant {
        id: "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8".parse().ok()?,
        name: "Sakura Dental Clinic".parse().ok()?,
        language: Language::English,
        external_refs: BTreeMap::from([("halopsa".to_owned(), "1234".to_owned())]),
        groups: BTreeSet::new(),
        created_at: at,
        is_deleting: false,
        version: 1,
    })
}

fn mailbox(at: DateTime<Utc>) -> Option<Mailbox> {
    Some(Mailbox {
        id: "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8".parse().ok()?,
        tenant: "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8".parse().ok()?,
        address: "sato@sakura-dental.example".parse().ok()?,
        server: ImapServer { host: "imap.sakura-dental.example".parse().ok()?, port: 993, tls: TlsMode::Implicit },
        username: "sato@sakura-dental.example".to_owned(),
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
    })
}

fn incident(at: DateTime<Utc>, state: IncidentState, sequence: i64) -> Option<Incident> {
    let mailbox = "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8".parse().ok()?;
    let verdict = Verdict::AccountTakeover;
    Some(Incident {
        id: "inc_019ab1c2d3e47f508192a3b4c5d6e7f8".parse().ok()?,
        tenant: "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8".parse().ok()?,
        mailbox,
        drill: None,
        verdict,
        tier: Tier::Probable,
        severity: Severity::Critical,
        state,
        score_db: 61.5,
        bounces: 41,
        unexpected_recipients: 39,
        evidence: vec![EvidenceLine {
            item: "gen_site".to_owned(),
            value: "own_provider".to_owned(),
            db: 48.0,
            count: 39,
            against: Some(Verdict::Backscatter),
        }],
        dedup_key: dedup_key(&mailbox, verdict),
        sequence,
        opened_at: at - TimeDelta::minutes(12),
        updated_at: at,
        first_bounce_at: at - TimeDelta::minutes(20),
        last_bounce_at: at - TimeDelta::minutes(1),
        contained_at: matches!(state, IncidentState::Contained | IncidentState::Closed).then_some(at),
        life: Life::default(),
    })
}

fn digest(at: DateTime<Utc>, tenant: &Tenant, mailbox: &Mailbox) -> Option<Value> {
    let incident = incident(at, IncidentState::Open, 1)?;
    let tenant = json!({ "id": tenant.id, "name": tenant.name.as_str() });
    Some(json!({
        "livemode": true,
        "since": time(at - TimeDelta::days(1)),
        "until": time(at),
        "time_zone": "Asia/Tokyo",
        "events": { "incident.opened": 1, "mailbox.unreachable": 1 },
        "bounces": { "total": 57, "by_verdict": { "account_takeover": 41, "legit": 16 } },
        "incidents": { "by_state": { "open": 1 }, "most_urgent": [{
            "id": incident.id, "tenant": tenant.clone(), "mailbox": { "id": mailbox.id, "address": mailbox.address.as_str() },
            "verdict": incident.verdict, "tier": incident.tier, "severity": incident.severity, "state": incident.state,
            "opened_at": time(incident.opened_at),
        }]},
        "unread_mailboxes": { "total": 1, "longest": [{
            "id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f9", "address": "mori@sakura-dental.example", "tenant": tenant,
            "connection": "unreachable", "code": "host_not_found", "since": time(at - TimeDelta::hours(30)),
        }]},
        "webhook_endpoints": { "failing": 0, "disabled": 1 },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_an_example_that_says_whose_it_is_and_that_it_is_a_test_where_it_is() {
        for kind in EventType::ALL {
            let example = data(*kind);
            assert_eq!(example["livemode"], true, "{kind}");
            assert_eq!(example.get("test"), None, "{kind}");
            let is_of_msp =
                matches!(kind, EventType::EndpointFailing | EventType::EndpointDisabled | EventType::DigestDaily);
            assert_eq!(example["tenant"]["external_refs"]["halopsa"].is_string(), !is_of_msp, "{kind}");
            assert_eq!(example["sequence"].is_i64(), kind.as_str().starts_with("incident."), "{kind}");
            let test = test_data(*kind);
            assert_eq!((&test["livemode"], &test["test"]), (&json!(false), &json!(true)), "{kind}");
            assert!(description(*kind).len() >= 40, "{kind}");
        }
    }
}
