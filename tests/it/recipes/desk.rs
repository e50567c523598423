//! The other side of the recipes: three ticket systems, Slack and Teams, as far as recipes ask them, behind the paths
//! `/halopsa`, `/connectwise` … of one catcher. Whoever does not show the right credentials gets 401.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use daimon_tests::catcher::{Answer, Caught, Speaker};
use serde_json::{Value, json};
use url::Url;

/// What is filed for an incident.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) system: String,
    pub(super) number: String,
    pub(super) incident: String,
    /// The request that made it.
    pub(super) asked: Value,
    /// Where it stands, as that system calls it.
    pub(super) status: String,
    pub(super) notes: Vec<Value>,
}

/// All systems, and what they keep.
#[derive(Clone, Default)]
pub(super) struct Desk(Arc<Mutex<Vec<Ticket>>>);

/// What each recipe is told to reach it: the settings that its page names.
pub(super) fn settings(recipe: &str, base: &str) -> Vec<(&'static str, String)> {
    let url = format!("{base}/{recipe}");
    match recipe {
        "halopsa" => vec![
            ("HALO_URL", url),
            ("HALO_TENANT", "kestrel".to_owned()),
            ("HALO_CLIENT_ID", "halo-client".to_owned()),
            ("HALO_CLIENT_SECRET", "halo-secret".to_owned()),
            ("HALO_CLIENT", "1".to_owned()),
        ],
        "connectwise" => vec![
            ("CW_URL", url),
            ("CW_COMPANY", "kestrel".to_owned()),
            ("CW_PUBLIC_KEY", "cw-public".to_owned()),
            ("CW_PRIVATE_KEY", "cw-private".to_owned()),
            ("CW_CLIENT_ID", "cw-client".to_owned()),
            ("CW_BOARD", "Security".to_owned()),
            ("CW_DEFAULT_COMPANY", "CatchAll".to_owned()),
        ],
        "autotask" => vec![
            ("AUTOTASK_URL", url),
            ("AUTOTASK_INTEGRATION_CODE", "autotask-code".to_owned()),
            ("AUTOTASK_USER", "api@kestrel.example".to_owned()),
            ("AUTOTASK_SECRET", "autotask-secret".to_owned()),
            ("AUTOTASK_QUEUE", "8".to_owned()),
            ("AUTOTASK_COMPANY", "0".to_owned()),
        ],
        "slack" => vec![
            ("SLACK_URL", url),
            ("SLACK_TOKEN", "xoxb-slack-token".to_owned()),
            ("SLACK_CHANNEL", "C1H9RESGL".to_owned()),
        ],
        _teams => vec![("TEAMS_WEBHOOK_URL", format!("{url}/hook?sig=teams-secret"))],
    }
}

/// The statuses of an open and of a closed ticket.
pub(super) fn statuses(system: &str) -> [&'static str; 2] {
    match system {
        "halopsa" => ["1", "9"],
        "connectwise" => ["New", "Closed"],
        "autotask" => ["1", "5"],
        _of_chats => ["reopened", "closed"],
    }
}

/// What is there, as text.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).cloned().unwrap_or_default();
    found.as_str().map_or_else(|| found.to_string(), ToOwned::to_owned)
}

/// The incident that a text names.
fn incident_in(text: &str) -> String {
    let start = text.find("inc_").or_else(|| text.find("evt_")).unwrap();
    text.get(start..start + 36).unwrap().to_owned()
}

fn unauthorized() -> (u16, Value) {
    (401, json!({ "message": "who are you?" }))
}

impl Desk {
    pub(super) fn answer(&self) -> Answer {
        let desk = self.clone();
        Answer::Says(Speaker::new(move |asked| desk.answers(asked)))
    }

    fn tickets(&self, system: &str, incident: &str) -> Vec<Ticket> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().filter(|one| one.system == system && one.incident == incident).cloned().collect()
    }

    /// The one ticket of an incident.
    pub(super) fn ticket(&self, system: &str, incident: &str) -> Ticket {
        let mut tickets = self.tickets(system, incident);
        assert_eq!(tickets.len(), 1, "{system}: {tickets:#?}");
        tickets.remove(0)
    }

    /// How many tickets have that mark.
    pub(super) fn marked(&self, system: &str, mark: &str) -> usize {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().filter(|one| one.system == system && one.asked.to_string().contains(mark)).count()
    }

    fn answers(&self, asked: &Caught) -> (u16, Value) {
        let url = Url::parse(&format!("https://desk.example{}", asked.path)).unwrap();
        let path: Vec<&str> = url.path_segments().unwrap().collect();
        let (system, path) = path.split_first().unwrap();
        let query = url.query_pairs().next().map(|(_, value)| value.into_owned()).unwrap_or_default();
        let body = asked.json().unwrap_or_default();
        match *system {
            "halopsa" => self.halopsa(asked, path, &query, &body),
            "connectwise" => self.connectwise(asked, path, &query, &body),
            "autotask" => self.autotask(asked, path, &query, &body),
            "slack" => self.slack(asked, path, &query, &body),
            _teams => self.teams(asked, &query, &body),
        }
    }

    fn opens(&self, system: &str, incident: &str, asked: &Value, status: &str) -> String {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = (4_711 + kept.len()).to_string();
        kept.push(Ticket {
            system: system.to_owned(),
            number: number.clone(),
            incident: incident.to_owned(),
            asked: asked.clone(),
            status: status.to_owned(),
            notes: Vec::new(),
        });
        number
    }

    /// 404 when there is no such ticket.
    fn changes(&self, system: &str, number: &str, change: impl FnOnce(&mut Ticket)) -> (u16, Value) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.iter_mut().find(|one| one.system == system && one.number == number) {
            Some(ticket) => change(ticket),
            None => return (404, json!({})),
        }
        (200, json!({ "ok": true, "id": number.parse::<u32>().unwrap_or_default() }))
    }

    fn notes(&self, system: &str, number: &str, note: &Value) -> (u16, Value) {
        self.changes(system, number, |ticket| ticket.notes.push(note.clone()))
    }

    fn is_now(&self, system: &str, number: &str, status: String) -> (u16, Value) {
        self.changes(system, number, |ticket| ticket.status = status)
    }

    fn numbers(&self, system: &str, incident: &str) -> Vec<u32> {
        self.tickets(system, incident).iter().map(|one| one.number.parse().unwrap()).collect()
    }

    fn halopsa(&self, asked: &Caught, path: &[&str], query: &str, body: &Value) -> (u16, Value) {
        if path == ["auth", "token"] {
            let form: Vec<(String, String)> = url::form_urlencoded::parse(&asked.body).into_owned().collect();
            let shows = |name: &str, value: &str| form.contains(&(name.to_owned(), value.to_owned()));
            let is_known = shows("grant_type", "client_credentials")
                && shows("client_id", "halo-client")
                && shows("client_secret", "halo-secret")
                && query == "kestrel";
            let token = json!({ "access_token": "halo-token", "token_type": "Bearer", "expires_in": 3600 });
            return if is_known { (200, token) } else { unauthorized() };
        }
        if asked.header("authorization") != "Bearer halo-token" {
            return unauthorized();
        }
        match (asked.method.as_str(), path) {
            ("GET", ["api", "tickets"]) => {
                let found: Vec<Value> = self.numbers("halopsa", query).iter().map(|id| json!({ "id": id })).collect();
                (200, json!({ "record_count": found.len(), "tickets": found }))
            }
            ("GET", ["api", "tickets", number]) => {
                let mut details = Value::Null;
                self.changes("halopsa", number, |ticket| details = json!(text(&ticket.asked, "/details")));
                (200, json!({ "id": number.parse::<u32>().unwrap(), "details": details }))
            }
            ("POST", ["api", "tickets"]) if body.pointer("/0/id").is_some() => {
                self.is_now("halopsa", &text(body, "/0/id"), text(body, "/0/status_id"))
            }
            ("POST", ["api", "tickets"]) => {
                let number =
                    self.opens("halopsa", &incident_in(&text(body, "/0/details")), body.pointer("/0").unwrap(), "1");
                (201, json!({ "id": number.parse::<u32>().unwrap() }))
            }
            ("POST", ["api", "actions"]) => self.notes("halopsa", &text(body, "/0/ticket_id"), body),
            _other => (405, json!({})),
        }
    }

    fn connectwise(&self, asked: &Caught, path: &[&str], query: &str, body: &Value) -> (u16, Value) {
        let login = format!("Basic {}", BASE64_STANDARD.encode("kestrel+cw-public:cw-private"));
        if (asked.header("authorization"), asked.header("clientid")) != (login.as_str(), "cw-client") {
            return unauthorized();
        }
        let ["v4_6_release", "apis", "3.0", "service", "tickets", rest @ ..] = path else { return (404, json!({})) };
        match (asked.method.as_str(), rest) {
            ("GET", []) => {
                let incident = query.trim_start_matches("externalXRef=").trim_matches('"');
                let found = self.numbers("connectwise", incident).into_iter();
                (200, found.map(|id| json!({ "id": id, "externalXRef": incident })).collect())
            }
            ("POST", []) => {
                let number = self.opens("connectwise", &text(body, "/externalXRef"), body, "New");
                (201, json!({ "id": number.parse::<u32>().unwrap() }))
            }
            ("POST", [number, "notes"]) => self.notes("connectwise", number, body),
            ("PATCH", [number]) if text(body, "/0/op") == "replace" && text(body, "/0/path") == "status" => {
                self.is_now("connectwise", number, text(body, "/0/value/name"))
            }
            _other => (405, json!({})),
        }
    }

    fn autotask(&self, asked: &Caught, path: &[&str], query: &str, body: &Value) -> (u16, Value) {
        let shown = ["apiintegrationcode", "username", "secret"].map(|name| asked.header(name));
        if shown != ["autotask-code", "api@kestrel.example", "autotask-secret"] {
            return unauthorized();
        }
        let ["atservicesrest", "v1.0", "Tickets", rest @ ..] = path else { return (404, json!({})) };
        match (asked.method.as_str(), rest) {
            ("GET", ["query"]) => {
                let filter: Value = serde_json::from_str(query).unwrap();
                assert_eq!(
                    (text(&filter, "/filter/0/op"), text(&filter, "/filter/0/field")),
                    ("eq".into(), "externalID".into())
                );
                let incident = text(&filter, "/filter/0/value");
                let found = self.numbers("autotask", &incident).into_iter();
                let items: Vec<Value> = found.map(|id| json!({ "id": id, "externalID": incident })).collect();
                (200, json!({ "items": items }))
            }
            ("POST", []) => {
                let number = self.opens("autotask", &text(body, "/externalID"), body, &text(body, "/status"));
                (200, json!({ "itemId": number.parse::<u32>().unwrap() }))
            }
            ("POST", [number, "Notes"]) => self.notes("autotask", number, body),
            ("PATCH", []) => self.is_now("autotask", &text(body, "/id"), text(body, "/status")),
            _other => (405, json!({})),
        }
    }

    fn slack(&self, asked: &Caught, path: &[&str], query: &str, body: &Value) -> (u16, Value) {
        if asked.header("authorization") != "Bearer xoxb-slack-token" {
            return (200, json!({ "ok": false, "error": "invalid_auth" }));
        }
        let has_channel = text(body, "/channel") == "C1H9RESGL" || query == "C1H9RESGL";
        let stands = || text(body, "/blocks/1/fields/0/text").replace("*State*\n", "");
        match (asked.method.as_str(), path) {
            _elsewhere if !has_channel => (200, json!({ "ok": false, "error": "channel_not_found" })),
            ("POST", ["chat.postMessage"]) if body.pointer("/thread_ts").is_some() => {
                self.notes("slack", &text(body, "/thread_ts"), body)
            }
            ("POST", ["chat.postMessage"]) => {
                let number = self.opens("slack", &incident_in(&body.to_string()), body, &stands());
                (200, json!({ "ok": true, "channel": "C1H9RESGL", "ts": number }))
            }
            ("POST", ["chat.update"]) => self.is_now("slack", &text(body, "/ts"), stands()),
            ("GET", ["chat.getPermalink"]) => {
                (200, json!({ "ok": true, "permalink": "https://kestrel.slack.example/archives/C1H9RESGL/p1" }))
            }
            _other => (200, json!({ "ok": false, "error": "unknown_method" })),
        }
    }

    /// A card is of the incident that its button leads to.
    fn teams(&self, asked: &Caught, query: &str, body: &Value) -> (u16, Value) {
        let attachment = body.pointer("/attachments/0").cloned().unwrap_or_default();
        let is_card = text(&attachment, "/contentType") == "application/vnd.microsoft.card.adaptive"
            && text(&attachment, "/content/type") == "AdaptiveCard"
            && text(body, "/type") == "message";
        if query != "teams-secret" || asked.method != "POST" || !is_card {
            return unauthorized();
        }
        let incident = incident_in(&text(&attachment, "/content/actions/0/url"));
        let stands = text(&attachment, "/content/body/1/facts/0/value");
        if let Some(known) = self.tickets("teams", &incident).first() {
            self.notes("teams", &known.number, body);
            self.is_now("teams", &known.number, stands);
        } else {
            self.opens("teams", &incident, body, &stands);
        }
        (202, Value::Null)
    }
}
