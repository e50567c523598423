//! A drill: everything happens as if it were real, and afterwards nothing has happened.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use daimon_tests::catcher::{Catcher, Caught};
use daimon_tests::life::Person;
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A mailbox with a month of life in it.
async fn living(world: &World, name: &str) -> (Person, String) {
    let servers = world.servers;
    let person = Person::with_account(servers, &format!("{name}@{}.example", world.tag), "correct horse").unwrap();
    person.lived_for_a_month(servers, world.clock.now().await).await.unwrap();
    let mailbox = person.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();
    (person, mailbox)
}

async fn started(world: &World, body: &Value) -> String {
    let answer = world.client.post("/v1/drills", body).await.unwrap();
    assert_eq!((answer.status, text(&answer.body, "/state").as_str()), (201, "playing"));
    answer.text("id").unwrap()
}

async fn drill(world: &World, id: &str) -> Value {
    world.client.get(&format!("/v1/drills/{id}")).await.unwrap().body
}

/// Lets the drill go on until it stands there.
async fn until(world: &World, id: &str, state: &str) -> anyhow::Result<Value> {
    for _ in 0..300 {
        let now = drill(world, id).await;
        if text(&now, "/state") == state {
            return Ok(now);
        }
        world.pass(TimeDelta::seconds(1)).await.unwrap();
    }
    anyhow::bail!("the drill does not get there: {}", drill(world, id).await)
}

/// What was told of incidents and of watching, oldest first; what changes again and again once.
fn kinds(caught: &[Caught], livemode: bool) -> Vec<String> {
    let mut told: Vec<Value> = caught.iter().map(|caught| caught.json().unwrap()).collect();
    told.retain(|told| told.pointer("/data/livemode") == Some(&json!(livemode)));
    told.retain(|told| text(told, "/type").starts_with("incident.") || text(told, "/type") == "mailbox.watched");
    told.sort_by_key(|told| {
        (
            text(told, "/timestamp"),
            text(told, "/type") != "mailbox.watched",
            told.pointer("/data/sequence").and_then(Value::as_i64),
        )
    });
    let mut kinds: Vec<String> = told.iter().map(|told| text(told, "/type")).collect();
    kinds.dedup();
    kinds
}

/// The real thing, from the theft to the end.
async fn takeover(world: &World, catcher: &Catcher) -> Vec<String> {
    let (person, _) = living(world, "real").await;
    for batch in [0..3, 3..6, 6..12, 12..24, 24..40] {
        let count = batch.end - batch.start;
        person.was_robbed_of(world.servers, batch, count).await.unwrap();
        world.pass(TimeDelta::minutes(6)).await.unwrap();
    }
    let client = &world.client;
    let incidents = client.incidents().await.unwrap();
    let id = text(incidents.first().unwrap(), "/id");
    for step in ["C01", "C03", "C04"] {
        assert_eq!(client.set_step(&id, step, "done", None).await.unwrap().status, 200);
    }
    world.pass(TimeDelta::minutes(15)).await.unwrap();
    let contained = client.ask(&id, "contain", &json!({ "by": "Mori" })).await.unwrap();
    assert_eq!(contained.status, 200, "{}", contained.body);
    for minutes in [24 * 60, 6, 6] {
        world.pass(TimeDelta::minutes(minutes)).await.unwrap();
    }
    let refused = client.ask(&id, "recover", &json!({})).await.unwrap().body;
    for step in refused.pointer("/missing_steps").and_then(Value::as_array).unwrap() {
        client.set_step(&id, step.as_str().unwrap(), "done", None).await.unwrap();
    }
    for minutes in [10 * 24 * 60, 6, 6] {
        world.pass(TimeDelta::minutes(minutes)).await.unwrap();
    }
    assert_eq!(text(&client.incident(&id).await.unwrap(), "/state"), "closed");
    kinds(&catcher.caught(), true)
}

#[tokio::test]
async fn a_drill_tells_what_the_real_thing_tells_marked_and_signed() {
    let world = World::start().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    let (_, secret) = world.client.create_endpoint(&catcher.url()).await.unwrap();
    let real = takeover(&world, &catcher).await;
    assert_eq!(real.first().map(String::as_str), Some("mailbox.watched"), "{real:?}");
    assert_eq!(real.last().map(String::as_str), Some("incident.closed"), "{real:?}");
    let (person, mailbox) = living(&world, "drilled").await;
    catcher.forget();

    let id = started(&world, &json!({ "mailbox_id": mailbox, "episode": "takeover", "bounces": 20 })).await;
    let played = until(&world, &id, "played").await.unwrap();
    let caught = catcher.caught();
    let drilled = kinds(&caught, false);
    // No two thefts are alike: whether one becomes surer before it is contained, or is sure from the beginning, is the episode's.
    let turns = |told: &[String]| told.iter().filter(|kind| *kind != "incident.updated").cloned().collect::<Vec<_>>();
    assert_eq!(turns(&drilled), turns(&real), "{drilled:?}");
    assert!(drilled.iter().any(|kind| kind == "incident.updated"), "{drilled:?}");
    assert_eq!(kinds(&caught, true), Vec::<String>::new(), "nothing of it is said to be real");
    let mut keys = Vec::new();
    for caught in &caught {
        caught.verify(&secret, false).unwrap();
        let body = caught.json().unwrap();
        assert_eq!(
            (text(&body, "/data/drill_id"), text(&body, "/data/mailbox/address")),
            (id.clone(), person.address.clone())
        );
        assert!(body["data"]["tenant"]["external_refs"].is_object(), "{body}");
        keys.extend(body["data"]["dedup_key"].as_str().map(ToOwned::to_owned));
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys, [format!("{id}:takeover")], "no ticket of a real incident is found by it");
    let told: Vec<String> = played["told"].as_array().unwrap().iter().map(|kind| text(kind, "")).collect();
    assert_eq!(told.len(), caught.len(), "{told:?}");
    assert_eq!((&played["deliveries"], &played["delivered"]), (&json!(told.len()), &json!(told.len())));
}

#[tokio::test]
async fn a_drill_leaves_nothing_behind() {
    let world = World::start().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    world.client.create_endpoint(&catcher.url()).await.unwrap();
    let (_, mailbox) = living(&world, "untouched").await;
    // It is not read meanwhile, so that nothing but the drill could change anything.
    world.client.post(&format!("/v1/mailboxes/{mailbox}/pause"), &json!({})).await.unwrap();
    let before = rest(&world).await;
    let shown = world.client.bounces(&mailbox).await.unwrap();

    let body = json!({ "mailbox_id": mailbox, "episode": "takeover", "bounces": 15, "keep_minutes": 30 });
    let id = started(&world, &body).await;
    let played = until(&world, &id, "played").await.unwrap();
    assert_eq!(world.client.incidents().await.unwrap(), Vec::<Value>::new(), "lists show what happened");
    assert_eq!(world.client.bounces(&mailbox).await.unwrap(), shown);
    let incident = text(&played, "/incident_id");
    let listed = world.client.get("/v1/incidents?livemode=false").await.unwrap().items();
    assert_eq!((listed.len(), text(&listed[0], "/id"), &listed[0]["livemode"]), (1, incident.clone(), &json!(false)));
    let bounces = world.client.get(&format!("/v1/bounces?incident_id={incident}")).await.unwrap().items();
    assert!(bounces.len() > 5 && bounces.iter().all(|bounce| bounce["livemode"] == false), "{bounces:#?}");
    let report = world.client.get(&format!("/v1/incidents/{incident}/report")).await.unwrap().body;
    assert!(text(&report, "/headline").starts_with("This is a drill"), "{report}");

    world.pass(TimeDelta::minutes(30)).await.unwrap();
    let ended = until(&world, &id, "ended").await.unwrap();
    assert_eq!((&ended["told"], &ended["incident_id"]), (&played["told"], &json!(incident)));
    let gone = world.client.request(Method::GET, &format!("/v1/incidents/{incident}"), None, None).await.unwrap();
    assert_eq!(gone.status, 404);
    assert_eq!(rest(&world).await, before);
    let audit = world.client.get("/v1/audit-entries?limit=200").await.unwrap().items();
    for action in ["drill.started", "incident.contained", "incident.closed", "drill.ended"] {
        assert!(audit.iter().any(|entry| entry["action"] == action), "{action} is not in the audit log");
    }
}

/// All tables but the audit log, what is kept of drills, answers that are kept for repeated requests, and which workers live.
async fn rest(world: &World) -> BTreeMap<String, String> {
    let mut contents = world.contents().await.unwrap();
    for table in ["audit_entry", "audit_head", "drill", "idempotency", "idle_worker"] {
        assert!(contents.remove(table).is_some(), "{table}");
    }
    contents
}

#[tokio::test]
async fn people_work_on_a_drill_and_end_it() {
    let world = World::start().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    world.client.create_endpoint(&catcher.url()).await.unwrap();
    let (_, mailbox) = living(&world, "rehearsed").await;
    let client = &world.client;

    let body = json!({ "mailbox_id": mailbox, "episode": "joe_job", "bounces": 20, "plays_response": false });
    let id = started(&world, &body).await;
    let again = client.request(Method::POST, "/v1/drills", None, Some(&body)).await.unwrap();
    let said = (again.status, &again.body["code"], again.retry_after.as_deref());
    assert_eq!(said, (409, &json!("busy"), Some("1")), "{}", again.body);
    let played = until(&world, &id, "played").await.unwrap();
    let incident = text(&played, "/incident_id");
    let shown = client.incident(&incident).await.unwrap();
    assert_eq!((&shown["state"], &shown["verdict"]), (&json!("open"), &json!("backscatter")));
    let dismissed = client.ask(&incident, "dismiss", &json!({ "reason": "this_was_us" })).await.unwrap();
    assert_eq!(dismissed.status, 200, "{}", dismissed.body);
    assert_eq!(client.get("/v1/campaigns").await.unwrap().items().len(), 1);
    let reopened = client.ask(&incident, "reopen", &json!({})).await.unwrap();
    assert_eq!(reopened.status, 200, "{}", reopened.body);
    client.ask(&incident, "comments", &json!({ "text": "Called the owner." })).await.unwrap();
    client.ask(&incident, "tickets", &json!({ "system": "halopsa", "reference": "1" })).await.unwrap();

    let path = format!("/v1/drills/{id}");
    let ending = client.request(Method::DELETE, &path, None, None).await.unwrap();
    assert_eq!(ending.status, 202, "{}", ending.body);
    until(&world, &id, "ended").await.unwrap();
    let told = kinds(&catcher.caught(), false);
    assert_eq!(told.last().map(String::as_str), Some("incident.closed"), "{told:?}");
    assert_eq!(world.number("select count(*) from incident_ticket").await.unwrap(), 0);
    assert_eq!(world.number("select count(*) from event where drill_id is not null").await.unwrap(), 0);
    assert_eq!(client.request(Method::DELETE, &path, None, None).await.unwrap().status, 202, "the second time");

    // The place is free again, and the mailbox takes its drill with it.
    let id = started(&world, &body).await;
    world.pass(TimeDelta::seconds(5)).await.unwrap();
    let etag = client.get(&format!("/v1/mailboxes/{mailbox}")).await.unwrap().etag;
    let path = format!("/v1/mailboxes/{mailbox}");
    assert_eq!(client.request(Method::DELETE, &path, etag.as_deref(), None).await.unwrap().status, 204);
    world.pass(TimeDelta::seconds(5)).await.unwrap();
    let path = format!("/v1/drills/{id}");
    assert_eq!(client.request(Method::GET, &path, None, None).await.unwrap().status, 404);
    assert_eq!(world.number("select count(*) from event where drill_id is not null").await.unwrap(), 0);
}

#[tokio::test]
async fn a_drill_that_cannot_be_is_refused_with_what_is_wrong() {
    let world = World::without_worker().await.unwrap();
    let client = &world.client;
    let tenant = client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let host = "imap.sakura-dental.example";
    let mailbox = client.create_mailbox(&tenant, "a@sakura.example", "secret", host, 993).await.unwrap();
    let stranger = world.another_msp("Other IT").await.unwrap();
    let body = json!({ "mailbox_id": mailbox, "episode": "takeover" });
    let theirs = stranger.request(Method::POST, "/v1/drills", None, Some(&body)).await.unwrap();
    assert_eq!(theirs.status, 404);
    for (field, value, pointer) in [
        ("episode", json!("earthquake"), "/episode"),
        ("episode", json!("tenant_blocked"), "/episode"),
        ("bounces", json!(9), "/bounces"),
        ("keep_minutes", json!(1_441), "/keep_minutes"),
        ("livemode", json!(true), "/livemode"),
    ] {
        let mut body = json!({ "mailbox_id": mailbox, "episode": "takeover" });
        body[field] = value;
        let refused = client.request(Method::POST, "/v1/drills", None, Some(&body)).await.unwrap();
        assert_eq!(
            (refused.status, text(&refused.body, "/errors/0/pointer")),
            (422, pointer.to_owned()),
            "{}",
            refused.body
        );
    }
}

#[tokio::test]
async fn a_drill_outlives_its_worker_and_is_cleaned_up_when_workers_die_of_it() {
    let mut world = World::start().await.unwrap();
    let (_, mailbox) = living(&world, "crashed").await;
    let body = json!({ "mailbox_id": mailbox, "episode": "takeover", "bounces": 20 });
    let id = started(&world, &body).await;
    for _ in 0..8 {
        world.pass(TimeDelta::seconds(1)).await.unwrap();
    }
    let before = drill(&world, &id).await;
    assert_eq!(before["state"], "playing");
    world.kill_worker().unwrap();
    let now = world.clock.now().await;
    // It had the next step in hand.
    let in_hand = |attempt: u32| {
        format!(
            "update drill_run set lease_token = gen_random_uuid(), lease_until = '{}', attempt = {attempt}",
            (now + TimeDelta::seconds(60)).to_rfc3339()
        )
    };
    world.sql(&in_hand(1)).await.unwrap();
    world.start_worker().await.unwrap();
    world.pass(TimeDelta::seconds(61)).await.unwrap();
    let played = until(&world, &id, "played").await.unwrap();
    assert_ne!(played["incident_id"], Value::Null);
    let incidents = world.client.get("/v1/incidents?livemode=false").await.unwrap().items();
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    let path = format!("/v1/drills/{id}");
    world.client.request(Method::DELETE, &path, None, None).await.unwrap();
    until(&world, &id, "ended").await.unwrap();

    let id = started(&world, &body).await;
    for _ in 0..8 {
        world.pass(TimeDelta::seconds(1)).await.unwrap();
    }
    world.kill_worker().unwrap();
    let now = world.clock.now().await;
    let third = format!(
        "update drill_run set lease_token = gen_random_uuid(), lease_until = '{}', attempt = 3",
        (now + TimeDelta::seconds(60)).to_rfc3339()
    );
    world.sql(&third).await.unwrap();
    world.start_worker().await.unwrap();
    world.pass(TimeDelta::seconds(61)).await.unwrap();
    until(&world, &id, "failed").await.unwrap();
    assert_eq!(world.number("select count(*) from bounce where drill_id is not null").await.unwrap(), 0);
}
