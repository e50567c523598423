//! The recipes of `openapi/recipes` as they lie there: each is told by the real worker and files tickets, at systems that are
//! played (`desk`) and by mail through the real Postfix.

mod desk;
mod program;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::{Clock as _, SystemClock};
use daimon_tests::catcher::{Answer, Catcher};
use daimon_tests::life::Person;
use daimon_tests::place::{Place, free_port};
use daimon_tests::world::World;
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use self::desk::{Desk, settings, statuses, text};
use self::program::{Recipe, python};

const ALL: [&str; 6] = ["halopsa", "connectwise", "autotask", "slack", "teams", "mail"];
/// Those whose systems are played.
const PLAYED: [&str; 5] = ["halopsa", "connectwise", "autotask", "slack", "teams"];
/// Those that can be asked whether there is a ticket already.
const PSAS: [&str; 3] = ["halopsa", "connectwise", "autotask"];

/// A provider whose incidents go everywhere.
struct Msp {
    world: World,
    desk: Desk,
    catcher: Catcher,
    recipes: Vec<Recipe>,
    /// Who reads the mails.
    helpdesk: Person,
    _place: Place,
}

impl Msp {
    async fn start() -> Self {
        let world = World::start().await.unwrap();
        let (desk, catcher, place) = (Desk::default(), world.catcher().await.unwrap(), Place::temporary().unwrap());
        let address = format!("helpdesk@{}.example", world.tag);
        let helpdesk = Person::with_account(world.servers, &address, "mail-password").unwrap();
        let base = catcher.url().replace("hooks.psa.example", "localhost").replace("/daimon", "");
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let token = world.client.sign_in().await.unwrap();
        let key = text(&run(&world, &token, &shown("README", "/v1/api-keys")).await, "/key");
        let mut recipes = Vec::new();
        for name in ALL {
            let url = format!("http://127.0.0.1:{}", free_port().unwrap());
            let curl = shown(name, "/v1/webhook-endpoints").replace("https://hooks.msp.example", &url);
            let endpoint = run(&world, &token, &curl).await;
            let mut recipe = Recipe::new(name, &url, &endpoint, place.path(), http.clone());
            recipe.set("DAIMON_URL", &world.client.base);
            recipe.set("DAIMON_API_KEY", &key);
            recipe.set("SSL_CERT_FILE", world.servers.authority.ca.to_str().unwrap());
            for (name, value) in settings(name, &base) {
                recipe.set(name, &value);
            }
            if name == "mail" {
                recipe.set("MAIL_HOST", "127.0.0.1");
                recipe.set("MAIL_PORT", &free_port().unwrap().to_string()); // where nobody listens
                recipe.set("MAIL_TLS", "none");
                recipe.set("MAIL_USER", &address);
                recipe.set("MAIL_PASSWORD", "mail-password");
                recipe.set("MAIL_FROM", &address);
                recipe.set("MAIL_TO", &address);
            }
            recipes.push(recipe);
        }
        join_all(recipes.iter_mut().map(Recipe::start)).await;
        Self { world, desk, catcher, recipes, helpdesk, _place: place }
    }

    fn recipe(&mut self, name: &str) -> &mut Recipe {
        self.recipes.iter_mut().find(|one| one.name == name).unwrap()
    }

    /// A theft is played on a mailbox, and goes on until something is told of an incident.
    async fn is_robbed(&self) -> anyhow::Result<String> {
        let client = &self.world.client;
        let refs = json!({ "halopsa": "1234", "autotask": "77" });
        let tenant = json!({ "name": "Sakura Dental Clinic", "external_refs": refs });
        let tenant = client.post("/v1/tenants", &tenant).await.unwrap().text("id").unwrap();
        let mailbox = client.create_mailbox(&tenant, "sato@sakura.example", "secret", "imap.nowhere.example", 993);
        let mailbox = mailbox.await.unwrap();
        client.post(&format!("/v1/mailboxes/{mailbox}/pause"), &json!({})).await.unwrap();
        let drill = json!({ "mailbox_id": mailbox, "episode": "takeover", "bounces": 20 });
        let drill = client.post("/v1/drills", &drill).await.unwrap().text("id").unwrap();
        for _second in 0..60 {
            if !self.catcher.caught().is_empty() {
                return Ok(drill);
            }
            self.world.pass(TimeDelta::seconds(1)).await.unwrap();
        }
        anyhow::bail!("no incident opens")
    }

    /// Lets it be played to its end, and all be told; the incident.
    async fn sees_it_through(&self, drill: &str) -> anyhow::Result<String> {
        let path = format!("/v1/drills/{drill}");
        for _second in 0..200 {
            self.world.pass(TimeDelta::seconds(1)).await.unwrap();
            let now = self.world.client.get(&path).await.unwrap().body;
            if text(&now, "/state") == "played" && text(&now, "/deliveries") == text(&now, "/delivered") {
                return Ok(text(&now, "/incident_id"));
            }
        }
        anyhow::bail!("not all is told: {}", self.world.client.get(&path).await?.body)
    }
}

fn file(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../openapi/recipes/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The commands of a page that ask for that.
fn shown(page: &str, path: &str) -> String {
    let page = file(&format!("{page}.md"));
    let mut blocks = page.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    blocks.find(|block| block.contains(path)).unwrap().to_owned()
}

/// Runs such commands; the JSON that they print.
async fn run(world: &World, token: &str, commands: &str) -> Value {
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-euc", commands]).env("DAIMON_URL", &world.client.base);
    shell.env("DAIMON_TOKEN", token).env("NO_PROXY", "*");
    let output = shell.output().await.unwrap();
    assert!(output.status.success(), "{commands}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An event about an incident that did happen, in the words of the document.
struct Told {
    example: Value,
    incident: String,
}

impl Told {
    async fn of(world: &World, number: u32) -> Self {
        let document = world.client.get("/openapi.json").await.unwrap().body;
        let example = "/webhooks/incident.opened/post/requestBody/content/application~1json/example";
        Self { example: document.pointer(example).unwrap().clone(), incident: format!("inc_{number:032x}") }
    }

    fn event(&self, kind: &str, sequence: i64, state: &str) -> Value {
        let mut event = self.example.clone();
        for (place, value) in [
            ("/type", json!(format!("incident.{kind}"))),
            ("/data/sequence", json!(sequence)),
            ("/data/incident/state", json!(state)),
            ("/data/incident/id", json!(self.incident)),
        ] {
            *event.pointer_mut(place).unwrap() = value;
        }
        event
    }

    /// The same number is the same webhook.
    fn webhook(&self, sequence: i64) -> String {
        format!("evt_{}{sequence:04}", self.incident.get(8..).unwrap())
    }

    async fn tell(&self, recipe: &Recipe, kind: &str, sequence: i64, state: &str) {
        let answer = recipe.hears(&self.webhook(sequence), now(), &self.event(kind, sequence, state)).await;
        assert_eq!(answer, StatusCode::NO_CONTENT, "{}: {kind}\n{}", recipe.name, recipe.said());
    }
}

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// A header of a mail as it came; empty when absent.
fn header(mail: &str, name: &str) -> String {
    let (head, _) = mail.split_once("\r\n\r\n").unwrap();
    let head = head.replace("\r\n ", " ");
    let found = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_default().to_owned()
}

/// The mails of an incident: the one that begins it, and those that answer it.
fn thread(mails: &[String], incident: &str) -> (String, Vec<String>) {
    let of_it = mails.iter().filter(|mail| header(mail, "Message-ID").contains(incident));
    let (mut first, rest): (Vec<_>, Vec<_>) = of_it.cloned().partition(|mail| header(mail, "In-Reply-To").is_empty());
    assert_eq!(first.len(), 1, "{mails:#?}");
    (first.remove(0), rest)
}

/// What a ticket says of the theft that was played, and where Daimon finds it.
async fn check_drill(msp: &Msp, incident: &str) {
    let shown = msp.world.client.incident(incident).await.unwrap();
    let linked = shown.pointer("/tickets").and_then(Value::as_array).unwrap();
    let report = format!("{}/v1/incidents/{incident}/report", msp.world.client.base);
    for system in PLAYED {
        let ticket = msp.desk.ticket(system, incident);
        let asked = ticket.asked.to_string();
        for wanted in ["[DRILL] ", "sato@sakura.example (Sakura Dental Clinic)", "[ ] C01 ", report.as_str()] {
            assert!(asked.contains(wanted), "{system}: {wanted} is not in {asked}");
        }
        assert!(!ticket.notes.is_empty(), "{system}");
        assert_eq!(ticket.status, statuses(system)[1], "{system}: {ticket:#?}");
        let link = linked.iter().find(|link| link["system"] == system);
        assert_eq!(link.is_some(), system != "teams", "{system}: {linked:#?}");
        if let Some(link) = link {
            assert_eq!(link["reference"], json!(ticket.number), "{system}");
            assert!(link["url"].as_str().is_some_and(|url| url.starts_with("https://")), "{link}");
        }
    }
    assert_eq!(linked.len(), 4, "each once: {linked:#?}");
    // What the tenant is called there, or who has it if it is called nothing.
    for (system, place, wanted) in [
        ("halopsa", "/client_id", "1234"),
        ("autotask", "/companyID", "77"),
        ("autotask", "/queueID", "8"),
        ("connectwise", "/company/identifier", "CatchAll"),
        ("connectwise", "/board/name", "Security"),
    ] {
        assert_eq!(text(&msp.desk.ticket(system, incident).asked, place), wanted, "{system}");
    }
}

/// By mail all of an incident is one thread.
async fn check_mails(msp: &mut Msp, incidents: [(&str, &str); 2]) {
    let sent = u32::try_from(msp.recipe("mail").told()).unwrap();
    msp.helpdesk.wait_for_mail(msp.world.servers, sent).await.unwrap();
    let mails = msp.helpdesk.open(msp.world.servers).await.unwrap().read_all("INBOX").await.unwrap();
    let mails: Vec<String> = mails.into_iter().map(|mail| String::from_utf8(mail).unwrap()).collect();
    assert_eq!(mails.len(), usize::try_from(sent).unwrap(), "{mails:#?}");
    for (incident, mark) in incidents {
        let (first, answers) = thread(&mails, incident);
        let (id, subject) = (header(&first, "Message-ID"), header(&first, "Subject"));
        assert!(subject.starts_with(&format!("[Daimon#{}] {mark}sa", incident.get(28..).unwrap())), "{subject}");
        assert!(first.contains("[ ] C01 ") && first.contains("Report: http"), "{first}");
        for answer in &answers {
            assert_eq!((header(answer, "References"), header(answer, "In-Reply-To")), (id.clone(), id.clone()));
            assert_eq!(header(answer, "Subject"), format!("Re: {subject}"));
        }
        assert!(answers.iter().any(|answer| answer.contains("State: closed")), "{answers:#?}");
    }
}

#[tokio::test]
async fn an_incident_is_one_ticket_in_every_system_from_its_beginning_to_its_end() {
    let mut msp = Msp::start().await;

    // Nobody can file anything when it begins: no ticket, so no 2xx, and Daimon comes again.
    msp.catcher.answer(Answer::Status(500));
    let drill = msp.is_robbed().await.unwrap();
    for recipe in &msp.recipes {
        assert!(recipe.said().contains("is to come again"), "{}: {}", recipe.name, recipe.said());
        assert_eq!(recipe.told(), 0, "{}", recipe.said());
    }
    let shown = msp.world.client.get(&format!("/v1/drills/{drill}")).await.unwrap().body;
    let number = |name| shown.pointer(name).and_then(Value::as_u64).unwrap();
    assert_eq!(number("/deliveries") - number("/delivered"), 6, "one is owed to each: {shown}");
    msp.catcher.answer(msp.desk.answer());
    let submission = msp.world.servers.postfix().unwrap().submission.to_string();
    msp.recipe("mail").set("MAIL_PORT", &submission);
    msp.recipe("mail").start().await;
    let incident = msp.sees_it_through(&drill).await.unwrap();
    check_drill(&msp, &incident).await;

    // What the document shows happens to another incident, and comes late, twice, and in no order.
    let told = Told::of(&msp.world, 4).await;
    for recipe in &msp.recipes {
        told.tell(recipe, "contained", 3, "contained").await;
        told.tell(recipe, "opened", 1, "open").await;
        told.tell(recipe, "contained", 3, "contained").await;
        // What is had is not read again.
        let twice = told.event("closed", 4, "closed");
        assert_eq!(recipe.hears(&told.webhook(3), now(), &twice).await, StatusCode::NO_CONTENT);
    }
    for system in PLAYED {
        let ticket = msp.desk.ticket(system, &told.incident);
        assert!(ticket.notes.is_empty() && !ticket.asked.to_string().contains("[DRILL]"), "{system}: {ticket:#?}");
    }

    // Whoever is not Daimon, or says what it said long ago, is refused, and nobody hears of it.
    let before = msp.catcher.caught().len();
    let (forged, long_ago) = (told.event("closed", 9, "closed"), now() - TimeDelta::seconds(301));
    for (recipe, another) in msp.recipes.iter().zip(msp.recipes.iter().cycle().skip(1)) {
        let answer = recipe.hears_from(&another.secret, "evt_9", now(), &forged).await;
        assert_eq!(answer, StatusCode::UNAUTHORIZED, "{}", recipe.name);
        assert_eq!(recipe.hears("evt_9", long_ago, &forged).await, StatusCode::UNAUTHORIZED, "{}", recipe.name);
    }
    assert_eq!(msp.catcher.caught().len(), before);

    // Who has lost what he wrote down finds the ticket where it is; who can't, as in Slack, has it written down.
    join_all(msp.recipes.iter_mut().filter(|one| PSAS.contains(&one.name)).map(Recipe::forgets)).await;
    msp.recipe("slack").start().await;
    for (kind, sequence, status) in [("monitoring", 4, None), ("closed", 5, Some(1)), ("reopened", 6, Some(0))] {
        for recipe in &msp.recipes {
            told.tell(recipe, kind, sequence, kind).await;
        }
        for system in PLAYED {
            let ticket = msp.desk.ticket(system, &told.incident);
            assert!(status.is_none_or(|which| ticket.status == statuses(system)[which]), "{system}: {ticket:#?}");
        }
    }

    // Each test is a ticket of its own, although all are of one example.
    let path = format!("/v1/webhook-endpoints/{}/test", msp.recipe("connectwise").endpoint);
    for _again in 0..2 {
        msp.world.client.post(&path, &json!({ "type": "incident.opened" })).await.unwrap();
        msp.world.drain().await.unwrap();
    }
    assert_eq!(msp.desk.marked("connectwise", "[TEST] "), 2);

    // What is over before it was filed is not filed, and drills can be left out.
    let (drill, over) = (Told::of(&msp.world, 5).await, Told::of(&msp.world, 6).await);
    let before = msp.catcher.caught().len();
    for recipe in &msp.recipes {
        over.tell(recipe, "closed", 2, "closed").await;
        over.tell(recipe, "opened", 1, "open").await;
    }
    let teams = msp.recipe("teams");
    teams.set("DAIMON_DRILLS", "leave_out");
    teams.start().await;
    let mut event = drill.event("opened", 1, "open");
    event["data"]["livemode"] = json!(false);
    assert_eq!(teams.hears("evt_drill", now(), &event).await, StatusCode::NO_CONTENT);
    assert_eq!(msp.catcher.caught().len(), before);

    check_mails(&mut msp, [(&incident, "[DRILL] "), (&told.incident, "")]).await;
    for recipe in &msp.recipes {
        let said = recipe.said();
        assert!(!said.contains("teams-secret") && recipe.secrets().all(|secret| !said.contains(secret)), "{said}");
    }
}

#[test]
fn every_setting_of_a_recipe_is_on_its_page() {
    let is_setting = |word: &&str| {
        word.len() > 1 && word.contains('_') && word.bytes().all(|one| one.is_ascii_uppercase() || one == b'_')
    };
    for (code, page) in ALL.into_iter().map(|name| (name, name)).chain([("receive", "README")]) {
        let (code, page) = (file(&format!("{code}.py")), file(&format!("{page}.md")));
        let settings: Vec<&str> = code.split(['"', '\'']).filter(is_setting).collect();
        assert!(!settings.is_empty());
        for setting in settings {
            assert!(page.contains(&format!("`{setting}`")) || page.contains(&format!("{setting}=")), "{setting}");
        }
    }
}

#[tokio::test]
async fn a_recipe_that_lacks_a_setting_says_which() {
    let first = ["HALO_URL", "CW_URL", "AUTOTASK_URL", "SLACK_CHANNEL", "TEAMS_WEBHOOK_URL", "MAIL_HOST"];
    let each = "import runpy, sys
for recipe in sys.argv[1:]:
    try: runpy.run_path(recipe)
    except SystemExit as end: print(end)";
    let mut python = python();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi/recipes");
    python.args(["-c", each]).args(ALL.map(|name| format!("{folder}/{name}.py"))).env("PYTHONPATH", folder);
    let output = tokio::process::Command::from(python).output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, first.map(|setting| format!("{setting} is not set\n")).concat());
}
