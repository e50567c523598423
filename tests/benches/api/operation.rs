//! What is asked: the same of both servers.

use std::fmt::Write as _;

use chrono::TimeDelta;
use reqwest::{Client, RequestBuilder};
use serde_json::json;

use crate::stock::Stock;

/// A new company, as it is asked for.
const NEW_TENANT: &str = r#"{"name":"Heron Books","language":"ja"}"#;
/// Different requests of one kind take turns.
pub(crate) const TURNS: usize = 100;

/// One thing that clients do.
pub(crate) struct Operation {
    /// What it is called in the figures.
    pub(crate) name: &'static str,
    /// What it is called in the table.
    pub(crate) title: &'static str,
    /// Where it is asked for, in turn.
    paths: Vec<String>,
    /// What is sent; nothing: it is only read.
    body: Option<&'static str>,
}

impl Operation {
    /// What they are called.
    pub(crate) const NAMES: [&str; 4] = ["mailbox", "bounces", "incidents", "create_tenant"];

    /// Every one that is measured.
    pub(crate) fn all(stock: &Stock) -> Vec<Self> {
        let mailboxes = stock.mailboxes.iter().step_by(1 + stock.mailboxes.len() / TURNS);
        let lately = (stock.now - TimeDelta::days(30)).format("%Y-%m-%dT00:00:00Z");
        let bounces = stock.busiest.iter().take(TURNS);
        let [mailbox, of_reason, live, create] = Self::NAMES;
        let read = |name, title, paths| Self { name, title, paths, body: None };
        vec![
            read(mailbox, "one mailbox", mailboxes.map(|id| format!("/v1/mailboxes/{id}")).collect()),
            read(
                of_reason,
                "bounces of a company for a reason, lately",
                bounces.map(|id| format!("/v1/bounces?tenant_id={id}&reason=user_unknown&from={lately}")).collect(),
            ),
            read(live, "live incidents", vec!["/v1/incidents?live=true".to_owned()]),
            Self {
                name: create,
                title: "create a company, once",
                paths: vec!["/v1/tenants".to_owned()],
                body: Some(NEW_TENANT),
            },
        ]
    }

    /// Whether nothing is changed by it.
    pub(crate) const fn is_read(&self) -> bool {
        self.body.is_none()
    }

    /// One request. `once` is what a repeated one would have in common with it.
    pub(crate) fn request(&self, http: &Client, base: &str, token: &str, number: usize, once: &str) -> RequestBuilder {
        let path = self.paths.get(number % self.paths.len().max(1)).map_or("/", String::as_str);
        let url = format!("{base}{path}");
        match self.body {
            None => http.get(url).bearer_auth(token),
            Some(body) => {
                let request = http.post(url).bearer_auth(token).header("content-type", "application/json");
                request.header("idempotency-key", format!("{once}-{number}")).body(body)
            }
        }
    }

    /// The same for wrk.
    pub(crate) fn script(&self, token: &str, once: &str) -> String {
        let mut script = format!("wrk.headers[\"Authorization\"] = \"Bearer {token}\"\nlocal n = 0\n");
        match self.body {
            None => {
                script.push_str("local requests = {}\nfunction init()\n");
                for path in &self.paths {
                    // Writing into a text does not fail.
                    let _ = writeln!(script, "    table.insert(requests, wrk.format(\"GET\", \"{path}\"))");
                }
                script.push_str("end\nfunction request()\n    n = n % #requests + 1\n    return requests[n]\nend\n");
            }
            Some(body) => {
                let path = self.paths.first().map_or("/", String::as_str);
                let _ = write!(
                    script,
                    "wrk.headers[\"Content-Type\"] = \"application/json\"\nfunction request()\n    n = n + 1\n    \
                     wrk.headers[\"Idempotency-Key\"] = \"{once}-\" .. n\n    \
                     return wrk.format(\"POST\", \"{path}\", nil, {})\nend\n",
                    json!(body)
                );
            }
        }
        script
    }
}
