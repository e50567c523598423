//! A service provider who has one of everything that there is an id for.

use std::collections::BTreeMap;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use daimon_seal::ApiKey;
use serde_json::{Value, json};

use crate::client::Client;
use crate::world::World;

/// Ids by what they begin with: `mbx` → `mbx_019ab1c2…`.
#[derive(Debug)]
pub struct Furnished {
    /// Who owns it all.
    pub client: Client,
    /// Where its endpoint is.
    pub url: String,
    now: DateTime<Utc>,
    ids: BTreeMap<&'static str, String>,
    made: u32,
}

impl Furnished {
    /// Makes a company with a mailbox that no server answers for, and one of everything else but incidents and bounces.
    pub async fn new(client: Client, url: String, now: DateTime<Utc>) -> anyhow::Result<Self> {
        let msp = ApiKey::parse(client.key()).ok().context("no key")?.msp.to_string();
        let mut furnished = Self { client, url, now, ids: BTreeMap::from([("msp", msp)]), made: 0 };
        for kind in ["tnt", "mbx", "crd", "cmp", "mwd", "whe", "key", "usr", "dlv", "job", "drl"] {
            furnished.another(kind).await?;
        }
        Ok(furnished)
    }

    /// The id of the one that there is.
    pub fn id(&self, kind: &str) -> anyhow::Result<&str> {
        self.ids.get(kind).map(String::as_str).with_context(|| format!("nobody has made a {kind}"))
    }

    /// Another one is meant from now on.
    pub fn set(&mut self, kind: &'static str, id: String) {
        self.ids.insert(kind, id);
    }

    /// Makes another one, which is meant from now on. What belongs to a tenant belongs to the newest.
    pub async fn another(&mut self, kind: &'static str) -> anyhow::Result<()> {
        self.made += 1;
        let number = self.made;
        let tenant = || self.id("tnt");
        let (path, body) = match kind {
            "tnt" => ("/v1/tenants".to_owned(), json!({ "name": format!("Company {number}") })),
            "mbx" => {
                let imap = json!({ "host": "imap.nowhere.example" });
                let address = format!("person{number}@nowhere.example");
                let body =
                    json!({ "tenant_id": tenant()?, "address": address, "imap": imap, "password": "correct horse" });
                ("/v1/mailboxes".to_owned(), body)
            }
            "crd" => {
                let body = json!({
                    "tenant_id": tenant()?, "name": format!("Right {number}"), "kind": "microsoft_client_credentials",
                    "directory_id": "0f1e2d3c-4b5a-4697-8879-6a5b4c3d2e1f",
                    "client_id": "1a2b3c4d-5e6f-4708-9192-a3b4c5d6e7f8", "client_secret": "not known anywhere",
                });
                ("/v1/credentials".to_owned(), body)
            }
            "cmp" => {
                let (starts_at, ends_at) = (self.now, self.now + TimeDelta::days(1));
                let name = format!("Newsletter {number}");
                let list = format!("list{number}.nowhere.example");
                let body = json!({
                    "tenant_id": tenant()?, "name": name, "list_id": list, "starts_at": starts_at, "ends_at": ends_at,
                });
                ("/v1/campaigns".to_owned(), body)
            }
            "mwd" => {
                let (starts_at, ends_at) = (self.now, self.now + TimeDelta::days(1));
                let body =
                    json!({ "tenant_id": tenant()?, "reason": "A move.", "starts_at": starts_at, "ends_at": ends_at });
                ("/v1/maintenance-windows".to_owned(), body)
            }
            "whe" => ("/v1/webhook-endpoints".to_owned(), json!({ "url": self.url })),
            "key" => {
                let body = json!({ "name": format!("Key {number}"), "permissions": ["incidents:read"] });
                ("/v1/api-keys".to_owned(), body)
            }
            "usr" => {
                let email = format!("person{number}@kestrel-it.example");
                (
                    "/v1/users".to_owned(),
                    json!({ "email": email, "name": format!("Person {number}"), "role": "viewer" }),
                )
            }
            "dlv" => {
                let path = format!("/v1/webhook-endpoints/{}/test", self.id("whe")?);
                (path, json!({ "type": "incident.opened" }))
            }
            "job" => (format!("/v1/mailboxes/{}/test-connection", self.id("mbx")?), json!({})),
            "drl" => {
                let mailbox = self.id("mbx")?;
                let body =
                    json!({ "mailbox_id": mailbox, "episode": "takeover", "bounces": 20, "plays_response": false });
                ("/v1/drills".to_owned(), body)
            }
            "tkt" => {
                let path = format!("/v1/incidents/{}/tickets", self.id("inc")?);
                (path, json!({ "system": "generic", "reference": format!("ticket {number}") }))
            }
            other => anyhow::bail!("nobody knows how to make a {other}"),
        };
        let answer = self.client.post(&path, &body).await.with_context(|| format!("a {kind} could not be made"))?;
        let id = answer.body.get("id").and_then(Value::as_str).with_context(|| format!("{path}: {}", answer.body))?;
        self.ids.insert(kind, id.to_owned());
        Ok(())
    }

    /// Plays a drill until there is an incident with bounces, which are meant from now on.
    pub async fn drilled(&mut self, world: &World) -> anyhow::Result<()> {
        for _second in 0..300 {
            world.pass(TimeDelta::seconds(1)).await?;
            let drill = self.client.get(&format!("/v1/drills/{}", self.id("drl")?)).await?;
            let Some(incident) = drill.body.get("incident_id").and_then(Value::as_str).map(str::to_owned) else {
                continue;
            };
            let bounces = self.client.get("/v1/bounces?livemode=false").await?.items();
            if let Some(bounce) = bounces.first().and_then(|bounce| bounce.get("id")).and_then(Value::as_str) {
                self.set("bnc", bounce.to_owned());
                self.set("inc", incident);
                return self.another("tkt").await;
            }
        }
        anyhow::bail!("the drill opens no incident")
    }
}

/// The length of an id: three letters, an underscore, and a UUID without hyphens.
const ID: usize = 36;

/// A text of the document with the ids of what there is in place of those of the examples.
pub fn with_real_ids(text: &str, furnished: &Furnished) -> String {
    replaced(text, ID, |piece| {
        let (kind, rest) = piece.split_once('_')?;
        let is_id = kind.len() == 3 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
        furnished.id(kind).ok().filter(|_| is_id).map(str::to_owned)
    })
}

/// The text with what `put_in` makes of each piece of that many bytes that it knows.
pub fn replaced(text: &str, length: usize, mut put_in: impl FnMut(&str) -> Option<String>) -> String {
    let (mut done, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let piece = rest.split_at_checked(length);
        if let Some((real, after)) = piece.and_then(|(piece, after)| Some((put_in(piece)?, after))) {
            done.push_str(&real);
            rest = after;
        } else {
            done.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    done
}
