//! Every request that the document shows is made as it is shown, in three languages, on real things: only ids, times and
//! versions are put in.

mod language;
mod page;
mod person;
mod unsaid;

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use daimon_tests::client::Client;
use daimon_tests::furnished::{Furnished, replaced, with_real_ids};
use daimon_tests::life;
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

use self::language::{Env, Language, run_until};
use self::person::Person;

/// An operation, and what it shows in one language.
struct Sample {
    id: String,
    method: String,
    path: String,
    source: String,
}

/// A person's operations and an incident's in an order that makes sense, and what happens before each. All others come first,
/// deletions last.
const LIFE: [(&str, Before); 34] = [
    ("acceptInvitation", Before::Invited),
    ("refreshToken", Before::SignedIn),
    ("revokeToken", Before::SignedIn),
    ("enrolTotp", Before::SignedIn),
    ("confirmTotp", Before::Enrolling),
    ("renewRecoveryCodes", Before::SignedIn),
    ("disableTotp", Before::SignedIn),
    ("changePassword", Before::SignedIn),
    ("getIncident", Before::Nothing),
    ("listIncidentNotices", Before::Nothing),
    ("getIncidentReport", Before::Nothing),
    ("commentIncident", Before::Nothing),
    ("assignIncident", Before::Nothing),
    ("acknowledgeIncident", Before::Nothing),
    ("snoozeIncident", Before::Nothing),
    ("unsnoozeIncident", Before::Nothing),
    ("linkIncidentTicket", Before::Nothing),
    ("unlinkIncidentTicket", Before::Another("tkt")),
    ("setIncidentStep", Before::Nothing),
    ("confirmIncident", Before::Nothing),
    ("tidyIncident", Before::Nothing),
    ("gatherRecipients", Before::Nothing),
    ("takeRecipients", Before::Gathered),
    ("containIncident", Before::StepsDone),
    ("untidyIncident", Before::Drained),
    ("recoverIncident", Before::Quiet),
    ("reopenIncident", Before::Nothing),
    ("dismissIncident", Before::Nothing),
    ("endDrill", Before::Another("drl")),
    ("deleteDigest", Before::Nothing),
    ("deleteMailbox", Before::Another("mbx")),
    ("deleteCredential", Before::Another("crd")),
    ("deleteWebhookEndpoint", Before::Another("whe")),
    ("deleteTenant", Before::Another("tnt")),
];

#[derive(Clone, Copy)]
enum Before {
    Nothing,
    Another(&'static str),
    Invited,
    SignedIn,
    Enrolling,
    Gathered,
    StepsDone,
    Drained,
    Quiet,
}

/// What has to be so before an operation that is in no incident's life.
fn before(operation: &str) -> Before {
    match operation {
        "createDrill" | "replaceMailboxCredential" => Before::Another("mbx"),
        "deleteCampaign" => Before::Another("cmp"),
        "deleteMaintenanceWindow" => Before::Another("mwd"),
        "revokeApiKey" => Before::Another("key"),
        "deleteUser" => Before::Another("usr"),
        _ => Before::Nothing,
    }
}

fn samples(document: &Value, language: &str) -> Vec<Sample> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            let shown = operation["x-codeSamples"].as_array().unwrap().iter().find(|one| one["lang"] == language);
            let source = shown.unwrap()["source"].as_str().unwrap().to_owned();
            found.push(Sample { id, method: method.to_uppercase(), path: path.clone(), source });
        }
    }
    let place = |sample: &Sample| LIFE.iter().position(|(id, _)| *id == sample.id).map_or(0, |place| place + 1);
    // A digest has to be set before it can be read, and nothing is read that is gone.
    found.sort_by_key(|sample| (place(sample), sample.method == "DELETE", sample.id != "setDigest"));
    found
}

/// One provider, its things, and the language in which it is spoken for.
struct Speaker {
    name: &'static str,
    language: Language,
    furnished: Furnished,
    person: Person,
    env: Env,
}

impl Speaker {
    async fn new(world: &World, name: &'static str, client: Client, url: String) -> Self {
        let person = life::Person::with_account(
            world.servers,
            &format!("{}@{}.example", name.to_lowercase(), world.tag),
            "correct horse",
        );
        let person = person.unwrap();
        person.lived_for_a_month(world.servers, world.clock.now().await).await.unwrap();
        let mailbox = person.onboarded(&client, world.servers).await.unwrap();
        world.drain().await.unwrap();
        person.was_stolen(world.servers, 24, 24).await.unwrap();
        person.used_a_mail_program(world.servers).await.unwrap();
        world.pass(TimeDelta::minutes(40)).await.unwrap();
        let incident = first_id(&client.incidents().await.unwrap());
        let bounce = first_id(&client.bounces(&mailbox).await.unwrap());
        let path = format!("/v1/mailboxes/{mailbox}");
        let etag = etag(&client, &path).await;
        let tidying = json!({ "tidying": { "folder": "Daimon" } });
        let changed = client.request(Method::PATCH, &path, Some(&etag), Some(&tidying)).await.unwrap();
        assert_eq!(changed.status, 200, "{}", changed.body);
        let env = Env::from([
            ("DAIMON_URL".to_owned(), client.base.clone()),
            ("DAIMON_API_KEY".to_owned(), client.key().to_owned()),
        ]);
        let mut furnished = Furnished::new(client, url, world.clock.now().await).await.unwrap();
        furnished.set("inc", incident);
        furnished.set("bnc", bounce);
        furnished.another("tkt").await.unwrap();
        Self { name, language: Language::start(name), furnished, person: Person::default(), env }
    }

    /// The sample with what is real in place of what is shown.
    async fn real(&self, sample: &Sample, now: DateTime<Utc>) -> String {
        // An example's time is near this one.
        let shown = "2026-11-24T08:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let source = replaced(&sample.source, 20, |piece| {
            let at = piece.parse::<DateTime<Utc>>().ok()?;
            Some((now + (at - shown)).to_rfc3339_opts(SecondsFormat::Secs, true))
        });
        let source = with_real_ids(&source, &self.furnished);
        let source = self.person.put_in(&source);
        if !source.contains("If-Match") {
            return source;
        }
        // The thing itself is what stands before the end of the first id.
        let (_, path) = source.split_at(source.find("/v1/").unwrap());
        let (whole, _) = path.split_at(path.find(['"', '`', '\'', '?']).unwrap());
        let (single, _) = whole.split_at(whole.find('_').map_or(whole.len(), |at| at + 33));
        let etag = etag(&self.furnished.client, single).await;
        // In JSON, which both languages that quote so read, and plain for the shell.
        source.replace(r#"\"1\""#, &etag.replace('"', "\\\"")).replace(r#"If-Match: "1""#, &format!("If-Match: {etag}"))
    }

    async fn get_ready(&mut self, world: &World, before: Before) {
        match before {
            Before::Nothing => {}
            Before::Another(kind) => self.furnished.another(kind).await.unwrap(),
            Before::Invited => self.person = Person::invited(&self.furnished.client).await,
            Before::SignedIn => self.person.signs_in(world, &self.furnished.client).await,
            Before::Enrolling => self.person.enrols(world, &self.furnished.client).await,
            Before::Gathered => {
                let jobs = self.furnished.client.get("/v1/jobs").await.unwrap().items();
                let job = jobs.into_iter().find(|job| job["kind"] == "recipients").unwrap();
                let job = first_id(&[job]);
                let ended = world.job_of(&self.furnished.client, &job).await.unwrap();
                assert!(ended.get("failure").is_some_and(Value::is_null), "{ended}");
                self.furnished.set("job", job);
            }
            Before::StepsDone => self.does_steps(|step| step["gate"] == "contained").await,
            Before::Drained => drop(world.drain().await.unwrap()),
            // No drill goes on, a day on it is looked at, and then twice more.
            Before::Quiet => {
                for drill in self.furnished.client.get("/v1/drills").await.unwrap().items() {
                    let path = format!("/v1/drills/{}", first_id(&[drill]));
                    self.furnished.client.request(Method::DELETE, &path, None, None).await.unwrap();
                }
                world.drain().await.unwrap();
                for minutes in [24 * 60, 6, 6] {
                    world.pass(TimeDelta::minutes(minutes)).await.unwrap();
                }
                self.does_steps(|_any| true).await;
            }
        }
    }

    async fn does_steps(&self, which: impl Fn(&Value) -> bool) {
        let incident = self.furnished.id("inc").unwrap();
        let seen = self.furnished.client.incident(incident).await.unwrap();
        for step in seen.get("playbook").unwrap().as_array().unwrap().iter().filter(|step| which(step)) {
            let step = step.get("id").and_then(Value::as_str).unwrap();
            let done = self.furnished.client.set_step(incident, step, "done", None).await.unwrap();
            assert_eq!(done.status, 200, "{}", done.body);
        }
    }

    /// Makes the request, and says what went wrong.
    async fn makes(&mut self, world: &World, sample: &Sample) -> Result<(), String> {
        let before =
            LIFE.iter().find(|(id, _)| *id == sample.id).map_or_else(|| before(&sample.id), |(_, before)| *before);
        self.get_ready(world, before).await;
        let is_of_a_person = matches!(before, Before::SignedIn | Before::Enrolling);
        let token =
            if is_of_a_person { self.person.token.clone() } else { self.furnished.client.sign_in().await.unwrap() };
        self.env.insert("DAIMON_TOKEN".to_owned(), token);
        let source = self.real(sample, world.clock.now().await).await;
        if sample.id == "followEvents" {
            let (env, name) = (self.env.clone(), self.name);
            return run_until(name, &source, &env, ":").await;
        }
        if sample.id == "disableTotp" {
            self.person.has_ended_the_second_factor();
        }
        self.language.run(&source, &self.env).await.map(drop).map_err(|said| format!("{source}\n{said}"))
    }
}

fn first_id(all: &[Value]) -> String {
    all.first().unwrap().get("id").and_then(Value::as_str).unwrap().to_owned()
}

async fn etag(client: &Client, path: &str) -> String {
    client.get(path).await.unwrap().etag.unwrap()
}

#[tokio::test]
async fn every_request_that_the_document_shows_works_as_it_is_shown_and_no_log_says_a_secret_or_a_mail() {
    let world = World::talkative().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    let document = world.client.get("/openapi.json").await.unwrap().body;
    let mut failed = BTreeMap::new();
    let mut run = 0;
    for name in language::ALL {
        let client = world.another_msp(name).await.unwrap();
        let mut speaker = Speaker::new(&world, name, client, catcher.url()).await;
        world.drain().await.unwrap();
        if name == "Shell" {
            let said = page::run(&world, &speaker.furnished).await;
            assert!(!said.contains("request_id"), "a problem: {said}");
        }
        for sample in samples(&document, name) {
            run += 1;
            if let Err(why) = speaker.makes(&world, &sample).await {
                failed.insert(format!("{name}: {} {} {}", sample.id, sample.method, sample.path), why);
            }
        }
    }
    assert!(failed.is_empty(), "{} of {run} failed: {failed:#?}", failed.len());
    for program in [world.api(), world.worker().unwrap()] {
        let log = program.output();
        assert!(log.contains("TRACE"), "it wrote down all that it can");
        assert_eq!(unsaid::said(&log), []);
    }
}
