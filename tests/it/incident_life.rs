//! From the theft to the proof that it is over, on real servers, while the story's own clock moves.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_tests::catcher::Catcher;
use daimon_tests::life::Person;
use daimon_tests::world::World;
use serde_json::{Value, json};

const STOLEN: &str = "correct horse";

fn field(value: &Value, pointer: &str) -> Value {
    value.pointer(pointer).cloned().unwrap_or_default()
}

/// An incident under watch: what it looks like, and what was told of it.
struct Case<'a> {
    world: &'a World,
    catcher: &'a Catcher,
    secret: String,
    id: String,
}

impl Case<'_> {
    async fn shows(&self, key: &str) -> Value {
        field(&self.world.client.incident(&self.id).await.unwrap(), &format!("/{key}"))
    }

    async fn step(&self, id: &str) -> Value {
        let playbook = self.shows("playbook").await;
        let step = playbook.as_array().unwrap().iter().find(|step| field(step, "/id") == id).unwrap();
        field(step, "/state")
    }

    async fn story(&self) -> Vec<String> {
        let timeline = self.shows("timeline").await;
        timeline.as_array().unwrap().iter().map(|entry| field(entry, "/what").as_str().unwrap().to_owned()).collect()
    }

    /// Waits for the webhook of that type and state, and verifies it.
    async fn was_told(&self, kind: &str, state: &str) {
        let is_it = |body: &Value| field(body, "/type") == kind && field(body, "/data/incident/state") == state;
        let wanted = |caught: &daimon_tests::catcher::Caught| caught.json().is_ok_and(|body| is_it(&body));
        let told = self.catcher.wait_for(Duration::from_secs(30), wanted).await.unwrap();
        told.verify(&self.secret, false).unwrap();
        let body = told.json().unwrap();
        assert_eq!(field(&body, "/data/incident/id"), self.id.as_str());
        assert!(!String::from_utf8(told.body).unwrap().contains(STOLEN));
    }

    /// The report, whose story is to be told in its language: what programs wrote is for programs.
    async fn report(&self, language: &str) -> Value {
        let path = format!("/v1/incidents/{}/report?language={language}", self.id);
        let report = self.world.client.get(&path).await.unwrap().body;
        for told in field(&report, "/timeline").as_array().unwrap() {
            let what = field(told, "/what");
            let what = what.as_str().unwrap();
            assert!(what.is_ascii() == (language == "en") && !what.contains('_'), "{told}");
        }
        report
    }

    fn told(&self, kind: &str) -> usize {
        self.catcher.caught().iter().filter(|caught| caught.kind() == kind).count()
    }
}

async fn stolen<'a>(world: &'a World, catcher: &'a Catcher, name: &str) -> (Person, String, Case<'a>) {
    let servers = world.servers;
    let sato = Person::with_account(servers, &format!("{name}@{}.example", world.tag), STOLEN).unwrap();
    sato.lived_for_a_month(servers, world.clock.now().await).await.unwrap();
    let (_, secret) = world.client.create_endpoint(&catcher.url()).await.unwrap();
    let mailbox = sato.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();
    sato.was_stolen(servers, 40, 40).await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    let incidents = world.client.incidents().await.unwrap();
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    let incident = incidents.first().unwrap();
    assert_eq!(field(incident, "/verdict"), "account_takeover");
    let id = field(incident, "/id").as_str().unwrap().to_owned();
    (sato, mailbox, Case { world, catcher, secret, id })
}

async fn pass(world: &World, minutes: &[i64]) {
    for minutes in minutes {
        world.pass(TimeDelta::minutes(*minutes)).await.unwrap();
    }
}

#[tokio::test]
async fn a_takeover_is_led_to_its_end_and_ends_only_when_that_is_proved() {
    let world = World::start().await.unwrap();
    let why = "it says of an old password only that the sign-in failed, which proves nothing";
    if !world.servers.is_of_dovecot("a takeover is led to its end", why).unwrap() {
        return;
    }
    let catcher = world.catcher().await.unwrap();
    let began = world.clock.now().await;
    let (mut sato, mailbox, case) = stolen(&world, &catcher, "sato").await;
    let (client, servers, id) = (&world.client, world.servers, case.id.clone());
    case.was_told("incident.opened", "open").await;

    // Nothing was done yet, and the answer says what is missing.
    let refused = client.ask(&id, "contain", &json!({ "by": "Mori" })).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("steps_missing")), "{}", refused.body);
    assert_eq!(refused.body["missing_steps"], json!(["C01", "C03", "C04"]));
    let refused = client.ask(&id, "recover", &json!({})).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("wrong_state")), "{}", refused.body);

    // A new password, on the server first and then here. The old one is kept, tried, and refused.
    servers.dovecot.change_password(&sato.address, "battery staple").unwrap();
    sato.password = "battery staple".to_owned();
    client.replace_password(&mailbox, &sato.password).await.unwrap();
    world.drain().await.unwrap();
    let before = servers.sign_ins(&sato.address).unwrap();
    assert_eq!(world.number("select count(*) from old_credential").await.unwrap(), 1);
    for step in ["C01", "C03"] {
        assert_eq!(client.set_step(&id, step, "done", None).await.unwrap().status, 200);
    }
    pass(&world, &[9]).await;
    assert_eq!(world.number("select tries::bigint from old_credential").await.unwrap(), 0, "not so soon");
    pass(&world, &[1, 1]).await;
    assert_eq!(world.number("select tries::bigint from old_credential").await.unwrap(), 1);
    assert!(case.story().await.contains(&"old_credential_refused_once".to_owned()));
    assert_eq!(case.shows("old_credential_refused_since").await, Value::Null, "once is not enough");
    pass(&world, &[9, 2, 2]).await;
    assert_ne!(case.shows("old_credential_refused_since").await, Value::Null, "{:?}", case.story().await);
    assert_eq!(world.number("select tries::bigint from old_credential").await.unwrap(), 2);
    assert_eq!((case.step("V01").await, case.shows("state").await), (json!("done"), json!("open")));
    assert!(servers.sign_ins(&sato.address).unwrap() > before);

    // The last step of the gate contains it.
    assert_eq!(client.set_step(&id, "C04", "skipped", None).await.unwrap().status, 422, "say why");
    let skipped = client.set_step(&id, "C04", "skipped", Some("The host has none.")).await.unwrap();
    assert_eq!(skipped.status, 200);
    assert_eq!(case.shows("state").await, "contained");
    assert_eq!(case.shows("contained_at").await, case.shows("old_credential_refused_since").await);
    world.drain().await.unwrap();
    case.was_told("incident.contained", "contained").await;
    let proof = case.report("en").await["proof"].to_string();
    assert!(proof.contains("The old password has been refused since ") && !proof.contains("stated by"), "{proof}");

    // What was sent before goes on coming back, and means nothing.
    let now = world.clock.now().await;
    sato.more_came_back(servers, 6, "a", TimeDelta::zero(), now).await.unwrap();
    pass(&world, &[2]).await;
    assert_eq!((case.shows("state").await, case.shows("trailing").await), (json!("contained"), json!(6)));
    assert_eq!(case.told("incident.reopened"), 0);

    // What is sent after it means that the thief is still inside.
    pass(&world, &[20]).await;
    let now = world.clock.now().await;
    sato.more_came_back(servers, 3, "b", now - began, now).await.unwrap();
    pass(&world, &[2]).await;
    assert_eq!((case.shows("state").await, case.shows("severity").await), (json!("reopened"), json!("critical")));
    assert_eq!((case.shows("contained_at").await, case.step("C01").await), (Value::Null, json!("open")));
    assert_eq!(case.shows("continued").await, 3);
    assert_eq!(world.number("select count(*) from old_credential").await.unwrap(), 0, "it proved what it could");
    case.was_told("incident.reopened", "reopened").await;

    // Again, and this time the MSP states it: not for a time when mail still went out.
    for step in ["C01", "C03", "C04"] {
        client.set_step(&id, step, "done", None).await.unwrap();
    }
    let too_early = json!({ "at": began + TimeDelta::minutes(1) });
    let refused = client.ask(&id, "contain", &too_early).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("still_sending")), "{}", refused.body);
    let stated = client.ask(&id, "contain", &json!({ "by": "Mori", "note": "An app password." })).await.unwrap();
    assert_eq!((stated.status, &stated.body["state"]), (200, &json!("contained")), "{}", stated.body);
    let contained_at: DateTime<Utc> = stated.body["contained_at"].as_str().unwrap().parse().unwrap();
    let closes_at: DateTime<Utc> = stated.body["closes_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(closes_at - contained_at, TimeDelta::days(10));
    let report = case.report("en").await;
    assert!(report["proof"].to_string().contains("That it is closed was stated by "), "{}", report["proof"]);
    assert!(report["late_bounces"].to_string().contains("(10 days left)"), "{}", report["late_bounces"]);

    // A day on which only the echo of what was sent before comes. (Dovecot believes no date two hours ahead of its own.)
    pass(&world, &[5]).await;
    let now = world.clock.now().await;
    sato.more_came_back(servers, 2, "c", TimeDelta::zero(), now).await.unwrap();
    pass(&world, &[2, 24 * 60 - 9]).await;
    assert_eq!((case.shows("trailing").await, case.shows("continued").await), (json!(2), json!(0)));
    assert_eq!(case.shows("state").await, "contained");
    pass(&world, &[2, 5, 5]).await;
    assert_eq!((case.shows("state").await, case.step("V02").await), (json!("monitoring"), json!("done")));
    case.was_told("incident.updated", "monitoring").await;

    // The repair, step by step; the last one moves it.
    let refused = client.ask(&id, "recover", &json!({})).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("steps_missing")), "{}", refused.body);
    let missing = refused.body["missing_steps"].as_array().unwrap().clone();
    assert!(missing.len() > 10 && missing.contains(&json!("E02")), "{missing:?}");
    for step in &missing {
        let step = step.as_str().unwrap();
        assert_eq!(case.shows("state").await, "monitoring", "before {step}");
        client.set_step(&id, step, "done", Some("Looked at.")).await.unwrap();
    }
    assert_eq!(case.shows("state").await, "recovered");
    let said = client.ask(&id, "recover", &json!({ "note": "Mori looked at it all." })).await.unwrap();
    assert_eq!((said.status, &said.body["state"]), (200, &json!("recovered")), "it is, and the note is kept");
    world.drain().await.unwrap();
    case.was_told("incident.updated", "recovered").await;

    // The end, when no echo can come any more.
    world.pass(closes_at - world.clock.now().await - TimeDelta::minutes(2)).await.unwrap();
    assert_eq!(case.shows("state").await, "recovered");
    pass(&world, &[2, 5, 5]).await;
    assert_eq!(case.shows("state").await, "closed");
    case.was_told("incident.closed", "closed").await;
    assert_eq!((case.told("incident.reopened"), case.told("incident.closed")), (1, 1));

    let report = case.report("ja").await;
    assert_eq!(report["remaining_note"], "残っている対応はありません。");
    assert!(report["proof"].to_string().contains("遮断後に送信されたものはありません"), "{}", report["proof"]);

    let audit = client.get("/v1/audit-entries?limit=200").await.unwrap().items();
    for action in ["contained", "reopened", "monitoring", "recovered", "closed"] {
        let is_it = |entry: &Value| entry["action"] == format!("incident.{action}") && entry["subject"] == id.as_str();
        assert!(audit.iter().any(is_it), "{action} is not in the audit log");
    }
    let whole = client.incident(&id).await.unwrap().to_string();
    assert!(!whole.contains(STOLEN) && !whole.contains("battery staple"));
}

#[tokio::test]
async fn what_was_us_raises_no_alarm_again() {
    let world = World::start().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    let began = world.clock.now().await;
    let (sato, mailbox, case) = stolen(&world, &catcher, "news").await;
    let (client, id) = (&world.client, case.id.clone());

    let dismissed = client.ask(&id, "dismiss", &json!({ "reason": "this_was_us" })).await.unwrap();
    let shown = (dismissed.status, &dismissed.body["state"], &dismissed.body["dismissal"]);
    assert_eq!(shown, (200, &json!("dismissed"), &json!("this_was_us")));
    world.drain().await.unwrap();
    case.was_told("incident.closed", "dismissed").await;
    let campaigns = client.get(&format!("/v1/campaigns?mailbox_id={mailbox}")).await.unwrap().items();
    assert_eq!(campaigns.len(), 1);
    assert_eq!((&campaigns[0]["incident_id"], &campaigns[0]["mailbox_id"]), (&json!(id), &json!(mailbox)));
    assert_eq!(campaigns[0]["templates"].as_array().unwrap().len(), 2, "two letters: {campaigns:#?}");

    pass(&world, &[60]).await;
    let now = world.clock.now().await;
    sato.more_came_back(world.servers, 20, "a", now - began, now).await.unwrap();
    pass(&world, &[20]).await;
    assert!(client.bounces(&mailbox).await.unwrap().len() >= 60);
    let live = client.get("/v1/incidents?live=true").await.unwrap().items();
    let alarms = live.iter().filter(|incident| incident["severity"] != "low").count();
    assert_eq!(alarms, 0, "{live:#?}");

    // Whoever says that it was not takes that back.
    let reopened = client.ask(&id, "reopen", &json!({ "note": "It was not." })).await.unwrap();
    assert_eq!((reopened.status, &reopened.body["state"]), (200, &json!("reopened")), "{}", reopened.body);
    assert_eq!(client.get("/v1/campaigns").await.unwrap().items(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_snoozed_incident_tells_nothing_until_it_is_surer() {
    let world = World::start().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    let servers = world.servers;
    let sato = Person::with_account(servers, &format!("asleep@{}.example", world.tag), STOLEN).unwrap();
    sato.lived_for_a_month(servers, world.clock.now().await).await.unwrap();
    let (_, secret) = world.client.create_endpoint(&catcher.url()).await.unwrap();
    sato.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();
    sato.was_robbed_of(servers, 0..5, 5).await.unwrap();
    pass(&world, &[10]).await;
    let incidents = world.client.incidents().await.unwrap();
    let id = field(incidents.first().unwrap(), "/id").as_str().unwrap().to_owned();
    let case = Case { world: &world, catcher: &catcher, secret, id: id.clone() };
    let before = case.shows("tier").await;
    assert_ne!(before, "confirmed");
    let until = world.clock.now().await + TimeDelta::days(2);
    let asleep = world.client.ask(&id, "snooze", &json!({ "reason": "Obon", "until": until })).await.unwrap();
    assert_eq!(asleep.status, 200, "{}", asleep.body);

    let told = case.told("incident.updated");
    sato.was_robbed_of(servers, 5..40, 35).await.unwrap();
    pass(&world, &[10]).await;
    let story = case.story().await;
    assert!(story.contains(&"woken".to_owned()), "{before} to {}: {story:?}", case.shows("tier").await);
    assert_eq!(case.shows("snoozed_until").await, Value::Null);
    assert!(case.told("incident.updated") > told);

    // What it does by itself while it sleeps is in its story only.
    let asleep = world.client.ask(&id, "snooze", &json!({ "reason": "Obon", "until": until })).await.unwrap();
    assert_eq!(asleep.status, 200, "{}", asleep.body);
    for step in ["C01", "C03", "C04"] {
        world.client.set_step(&id, step, "done", None).await.unwrap();
    }
    let contained = world.client.ask(&id, "contain", &json!({})).await.unwrap();
    assert_eq!(contained.status, 200, "{}", contained.body);
    let told = case.told("incident.updated");
    pass(&world, &[24 * 60, 5, 5]).await;
    assert_eq!((case.shows("state").await, case.told("incident.updated")), (json!("monitoring"), told));
    assert!(case.told("incident.contained") == 1 && case.story().await.contains(&"monitoring".to_owned()));
}

#[tokio::test]
async fn people_share_an_incident_and_sleep_meanwhile() {
    let world = World::start().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    let (_sato, _mailbox, case) = stolen(&world, &catcher, "shared").await;
    let (client, id) = (&world.client, case.id.clone());

    let assigned = client.ask(&id, "assign", &json!({ "assignee": "Mori" })).await.unwrap();
    assert_eq!((assigned.status, &assigned.body["assignee"]), (200, &json!("Mori")));
    let comment = client.ask(&id, "comments", &json!({ "text": "On a plane until 18:00." })).await.unwrap();
    assert_eq!((comment.status, &comment.body["note"]), (201, &json!("On a plane until 18:00.")));
    let ticket = json!({ "system": "halopsa", "reference": "4711", "url": "https://psa.example/4711" });
    let linked = client.ask(&id, "tickets", &ticket).await.unwrap();
    assert_eq!(linked.status, 201, "{}", linked.body);
    assert_eq!(client.ask(&id, "tickets", &ticket).await.unwrap().status, 409);
    let script = json!({ "system": "halopsa", "reference": "1", "url": "javascript:alert(1)" });
    assert_eq!(client.ask(&id, "tickets", &script).await.unwrap().status, 422);
    assert_eq!(case.shows("tickets").await[0]["reference"], "4711");
    let path = format!("/v1/incidents/{id}/tickets/{}", linked.text("id").unwrap());
    for status in [204, 404] {
        assert_eq!(client.request(reqwest::Method::DELETE, &path, None, None).await.unwrap().status, status);
    }

    let now = world.clock.now().await;
    for until in [now, now + TimeDelta::days(91)] {
        let asked = json!({ "reason": "Obon", "until": until });
        assert_eq!(client.ask(&id, "snooze", &asked).await.unwrap().status, 422);
    }
    let until = now + TimeDelta::hours(2);
    let asleep = client.ask(&id, "snooze", &json!({ "reason": "Obon", "until": until })).await.unwrap();
    assert_eq!((asleep.status, &asleep.body["snooze_reason"]), (200, &json!("Obon")));
    let woken = client.ask(&id, "unsnooze", &json!({})).await.unwrap();
    assert_eq!((woken.status, &woken.body["snoozed_until"]), (200, &Value::Null));
    client.ask(&id, "snooze", &json!({ "reason": "Obon", "until": until })).await.unwrap();
    pass(&world, &[119]).await;
    let told = case.told("incident.updated");
    assert_ne!(case.shows("snoozed_until").await, Value::Null);
    pass(&world, &[2]).await;
    assert_eq!(case.shows("snoozed_until").await, Value::Null);
    assert_eq!(case.told("incident.updated"), told + 1, "people are told that it is still there");
    let story = case.story().await;
    for what in ["assigned", "commented", "ticket_linked", "ticket_unlinked", "snoozed", "woken"] {
        assert!(story.iter().any(|line| line == what), "{what} is not in {story:?}");
    }
}
