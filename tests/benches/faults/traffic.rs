//! Clients of the API that change things, and remember what they were promised.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::TimeDelta;
use daimon_domain::clock::{Clock as _, SystemClock};
use daimon_tests::client::{Answer, Client};
use daimon_tests::flood;
use daimon_tests::life::Person;
use daimon_tests::postfix;
use daimon_tests::rig::Rig;
use daimon_tests::scripted_imap::ScriptedImap;
use reqwest::Method;
use serde_json::{Value, json};

/// So many bounces lie in a mailbox: enough for an incident.
pub(crate) const BOUNCES: u32 = 30;
/// How long a client that was not answered waits.
const PAUSE: Duration = Duration::from_millis(50);

/// An incident of a company of its own.
pub(crate) struct Case {
    pub(crate) tenant: String,
    pub(crate) incident: String,
    _server: ScriptedImap,
}

/// A mailbox on a server of its own, with bounces of what a thief sent; of which company.
pub(crate) async fn mailbox(rig: &Rig, name: &str, new_mail: &str) -> anyhow::Result<(String, ScriptedImap)> {
    let server = ScriptedImap::start(&rig.authority).await?;
    let owner = Person { address: format!("{name}@sakura-dental.example"), password: "secret".to_owned() };
    let now = SystemClock.now();
    for number in 0..BOUNCES {
        let at = now - TimeDelta::seconds(i64::from(BOUNCES - number) * 20);
        server.deliver(&flood::one(&owner, number, at), at);
    }
    let tenant = rig.client.create_tenant(&format!("Company {name}")).await?;
    let body = json!({
        "tenant_id": tenant, "address": owner.address, "password": owner.password, "new_mail": new_mail,
        "poll_interval_s": 900, "imap": { "host": postfix::NAME, "port": server.port }
    });
    rig.client.post("/v1/mailboxes", &body).await?;
    Ok((tenant, server))
}

/// That many companies with an incident each. A worker must run.
pub(crate) async fn cases(rig: &Rig, count: usize) -> anyhow::Result<Vec<Case>> {
    let mut servers = HashMap::new();
    for number in 0..count {
        let (tenant, server) = mailbox(rig, &format!("user{number}"), "poll").await?;
        servers.insert(tenant, server);
    }
    let opened = "select count(distinct tenant_id) from incident";
    rig.until(opened, i64::try_from(count)?, Duration::from_mins(2)).await?;
    let mut cases = Vec::new();
    for incident in rig.client.incidents().await? {
        let text = |key: &str| incident.get(key).and_then(Value::as_str).map(ToOwned::to_owned).context("an incident");
        let (tenant, incident) = (text("tenant_id")?, text("id")?);
        if let Some(server) = servers.remove(&tenant) {
            cases.push(Case { tenant, incident, _server: server });
        }
    }
    ensure!(cases.len() == count, "{} of {count} incidents", cases.len());
    // Their verdicts may still be on their way.
    rig.until("select count(*) from mailbox where lease_until is not null", 0, Duration::from_mins(1)).await?;
    Ok(cases)
}

/// A change that was answered with 2xx.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Move {
    pub(crate) incident: String,
    pub(crate) sequence: i64,
    pub(crate) kind: &'static str,
}

/// What one client was promised.
#[derive(Debug, Default)]
pub(crate) struct Promised {
    pub(crate) moves: Vec<Move>,
    /// Companies, by name: entered once each.
    pub(crate) companies: Vec<String>,
    /// Comments: written down once each.
    pub(crate) comments: Vec<String>,
    /// Moves whose answer never came, or was none: they may have happened.
    pub(crate) unknown: HashMap<String, u32>,
    /// Answers that were neither 2xx nor an honest 503.
    pub(crate) odd: Vec<String>,
}

impl Promised {
    pub(crate) fn count(&self) -> usize {
        self.moves.len() + self.companies.len() + self.comments.len()
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.moves.extend(other.moves);
        self.companies.extend(other.companies);
        self.comments.extend(other.comments);
        self.odd.extend(other.odd);
        for (incident, count) in other.unknown {
            *self.unknown.entry(incident).or_default() += count;
        }
    }

    fn note_odd(&mut self, path: &str, answer: &Answer) {
        if !answer.is_honest_refusal() && self.odd.len() < 20 {
            self.odd.push(format!("{path}: {} {}", answer.status, answer.body));
        }
    }
}

/// What clients share: how many changes are wanted, how many were accepted, and whether to stop earlier.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    pub(crate) accepted: AtomicU32,
    pub(crate) stop: AtomicBool,
    pub(crate) wanted: u32,
    pub(crate) pause: Duration,
}

impl Pace {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && self.accepted.load(Ordering::Relaxed) < self.wanted
    }
}

/// Dismisses and reopens one incident again and again; of ten changes one enters a company, and one is a comment.
pub(crate) async fn client(api: Arc<Client>, incident: String, pace: Arc<Pace>) -> Promised {
    let mut promised = Promised::default();
    let mut number = 0_u32;
    let mut is_over = None;
    while pace.goes_on() {
        number += 1;
        let is_done = match number % 10 {
            3 => {
                let name = format!("Company {number} of {incident}");
                let done = until_done(&api, &pace, "/v1/tenants", &name, &json!({ "name": name }), &mut promised).await;
                promised.companies.extend(done.then_some(name));
                done
            }
            7 => {
                let text = format!("Comment {number}");
                let path = format!("/v1/incidents/{incident}/comments");
                let once = format!("{number} of {incident}");
                let done = until_done(&api, &pace, &path, &once, &json!({ "text": text }), &mut promised).await;
                promised.comments.extend(done.then(|| format!("{incident} {text}")));
                done
            }
            _ => moved(&api, &incident, &mut is_over, &mut promised).await,
        };
        if is_done {
            pace.accepted.fetch_add(1, Ordering::Relaxed);
            if !pace.pause.is_zero() {
                tokio::time::sleep(pace.pause).await;
            }
        }
    }
    promised
}

/// Asks again, under the same key, until it is accepted.
async fn until_done(api: &Client, pace: &Pace, path: &str, once: &str, body: &Value, promised: &mut Promised) -> bool {
    while !pace.stop.load(Ordering::Relaxed) {
        match api.post_once(path, once, body).await {
            Ok(answer) if (200..300).contains(&answer.status) => return true,
            // The request before is being answered right now, as far as the database knows.
            Ok(answer) if answer.word("code") == "idempotency_key_in_use" => {}
            Ok(answer) => promised.note_odd(path, &answer),
            Err(_no_answer) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
    false
}

/// One move, if it is known how things stand.
async fn moved(api: &Client, incident: &str, is_over: &mut Option<bool>, promised: &mut Promised) -> bool {
    let Some(over) = *is_over else {
        let seen = api.request(Method::GET, &format!("/v1/incidents/{incident}"), None, None).await;
        match seen {
            Ok(answer) if answer.status == 200 => *is_over = Some(answer.word("state") == "dismissed"),
            Ok(answer) => promised.note_odd("GET", &answer),
            Err(_no_answer) => {}
        }
        if is_over.is_none() {
            tokio::time::sleep(PAUSE).await;
        }
        return false;
    };
    let (what, kind, body) = if over {
        ("reopen", "incident.reopened", json!({}))
    } else {
        ("dismiss", "incident.closed", json!({ "reason": "duplicate" }))
    };
    match api.ask(incident, what, &body).await {
        Ok(answer) if answer.status == 200 => {
            let sequence = answer.body.get("sequence").and_then(Value::as_i64).unwrap_or_default();
            promised.moves.push(Move { incident: incident.to_owned(), sequence, kind });
            *is_over = Some(!over);
            return true;
        }
        // It was moved by a request whose answer was lost.
        Ok(answer) if answer.status == 409 => {}
        Ok(answer) => {
            promised.note_odd(what, &answer);
            *promised.unknown.entry(incident.to_owned()).or_default() += 1;
        }
        Err(_no_answer) => *promised.unknown.entry(incident.to_owned()).or_default() += 1,
    }
    *is_over = None;
    false
}
