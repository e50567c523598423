//! A maintenance window holds back what is told, and what is still so afterwards is told once.

use chrono::TimeDelta;
use daimon_tests::catcher::Catcher;
use daimon_tests::life::Person;
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

/// Types of what was told of incidents, in the order of arrival.
fn told(catcher: &Catcher) -> Vec<String> {
    let kinds = catcher.caught().into_iter().map(|caught| caught.kind());
    kinds.filter(|kind| kind.starts_with("incident.") || kind == "mailbox.watched").collect()
}

async fn pass(world: &World, minutes: i64) {
    world.pass(TimeDelta::minutes(minutes)).await.unwrap();
}

async fn living(world: &World, name: &str) -> (Person, String, String) {
    let servers = world.servers;
    let person = Person::with_account(servers, &format!("{name}@{}.example", world.tag), "correct horse").unwrap();
    person.lived_for_a_month(servers, world.clock.now().await).await.unwrap();
    let mailbox = person.onboarded(&world.client, servers).await.unwrap();
    let shown = world.client.mailbox(&mailbox).await.unwrap();
    let tenant = shown.get("tenant_id").and_then(Value::as_str).unwrap().to_owned();
    world.drain().await.unwrap();
    (person, mailbox, tenant)
}

/// A window from now on; its path and its `ETag`.
async fn window(world: &World, tenant: &str, mailboxes: &[&str], minutes: i64) -> (String, String) {
    let ends_at = world.clock.now().await + TimeDelta::minutes(minutes);
    let body = json!({
        "tenant_id": tenant, "mailbox_ids": mailboxes, "ends_at": ends_at, "reason": "Mail moves to another host."
    });
    let made = world.client.post("/v1/maintenance-windows", &body).await.unwrap();
    (format!("/v1/maintenance-windows/{}", made.text("id").unwrap()), made.etag.unwrap())
}

#[tokio::test]
async fn what_is_still_so_when_the_window_ends_is_told_then_and_once() {
    let world = World::start().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    let (_, secret) = world.client.create_endpoint(&catcher.url()).await.unwrap();
    let (person, mailbox, tenant) = living(&world, "moving").await;
    let client = &world.client;
    let (path, _) = window(&world, &tenant, &[], 120).await;

    person.was_robbed_of(world.servers, 0..10, 10).await.unwrap();
    pass(&world, 10).await;
    person.was_robbed_of(world.servers, 10..40, 30).await.unwrap();
    pass(&world, 10).await;
    let incidents = client.incidents().await.unwrap();
    assert_eq!((incidents.len(), &incidents[0]["state"]), (1, &json!("open")), "it is recorded");
    let id = incidents[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(client.incident(&id).await.unwrap()["timeline"][0]["what"], "opened");
    assert_eq!(told(&catcher), Vec::<String>::new());
    let pulled = client.events().await.unwrap();
    assert!(pulled.iter().all(|event| !event["type"].as_str().unwrap().starts_with("incident.")), "{pulled:#?}");
    let assigned = client.ask(&id, "assign", &json!({ "assignee": "Mori" })).await.unwrap();
    assert_eq!(assigned.status, 200);

    // It takes longer than was thought.
    let etag = client.get(&path).await.unwrap().etag;
    let ends_at = world.clock.now().await + TimeDelta::minutes(180);
    let change = json!({ "ends_at": ends_at });
    let longer = client.request(Method::PATCH, &path, etag.as_deref(), Some(&change)).await.unwrap();
    assert_eq!(longer.status, 200, "{}", longer.body);
    let stale = client.request(Method::PATCH, &path, etag.as_deref(), Some(&change)).await.unwrap();
    assert_eq!(stale.status, 412);
    pass(&world, 179).await;
    assert_eq!(told(&catcher), Vec::<String>::new());
    pass(&world, 1).await;
    pass(&world, 1).await;
    assert_eq!(told(&catcher), ["incident.opened"]);
    let opened = catcher.caught().into_iter().find(|caught| caught.kind() == "incident.opened").unwrap();
    opened.verify(&secret, false).unwrap();
    let body = opened.json().unwrap();
    let now = client.incident(&id).await.unwrap();
    assert_eq!(body["data"]["incident"]["tier"], now["tier"], "as it is now");
    assert_eq!((&body["data"]["incident"]["assignee"], &body["data"]["livemode"]), (&json!("Mori"), &json!(true)));
    pass(&world, 60).await;
    assert_eq!(told(&catcher), ["incident.opened"], "once");

    // Of what is known, the end is told, and not before.
    let (path, etag) = window(&world, &tenant, &[&mailbox], 600).await;
    let dismissed = client.ask(&id, "dismiss", &json!({ "reason": "accepted_risk" })).await.unwrap();
    assert_eq!(dismissed.status, 200);
    pass(&world, 5).await;
    assert_eq!(told(&catcher), ["incident.opened"]);
    let taken_back = client.request(Method::DELETE, &path, Some(&etag), None).await.unwrap();
    assert_eq!(taken_back.status, 204, "{}", taken_back.body);
    pass(&world, 1).await;
    assert_eq!(told(&catcher), ["incident.opened", "incident.closed"]);
}

#[tokio::test]
async fn what_is_over_when_the_window_ends_is_not_told_and_other_mailboxes_are() {
    let world = World::start().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    world.client.create_endpoint(&catcher.url()).await.unwrap();
    let (person, mailbox, tenant) = living(&world, "quiet").await;
    let client = &world.client;
    window(&world, &tenant, &[&mailbox], 60).await;
    person.was_stolen(world.servers, 40, 40).await.unwrap();
    pass(&world, 10).await;
    let id = client.incidents().await.unwrap()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(client.ask(&id, "dismiss", &json!({ "reason": "false_alarm" })).await.unwrap().status, 200);

    // Of another mailbox you hear at once.
    let (other, _, _) = living(&world, "loud").await;
    other.was_stolen(world.servers, 40, 40).await.unwrap();
    pass(&world, 10).await;
    assert!(told(&catcher).contains(&"incident.opened".to_owned()));
    catcher.forget();
    pass(&world, 45).await;
    assert_eq!(told(&catcher), Vec::<String>::new());
}

#[tokio::test]
async fn a_mailbox_that_cannot_be_read_in_a_window_is_told_of_if_it_cannot_be_read_after_it() {
    let world = World::start().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    world.client.create_endpoint(&catcher.url()).await.unwrap();
    let client = &world.client;
    let tenant = client.create_tenant("Sakura Dental Clinic").await.unwrap();
    window(&world, &tenant, &[], 24 * 60).await;
    client.create_mailbox(&tenant, "a@sakura.example", "secret", daimon_tests::postfix::NAME, 65_000).await.unwrap();
    let told = || catcher.caught().into_iter().filter(|caught| caught.kind() == "mailbox.unreachable").count();
    for _ in 0..23 {
        pass(&world, 60).await;
    }
    let failures = "select connection_failures::bigint from mailbox";
    assert!(world.number(failures).await.unwrap() >= 5);
    assert_eq!(told(), 0);
    for _ in 0..4 {
        pass(&world, 60).await;
    }
    assert_eq!(told(), 1);
}

#[tokio::test]
async fn a_window_says_what_is_wrong_with_it() {
    let world = World::without_worker().await.unwrap();
    let client = &world.client;
    let tenant = client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let other = client.create_tenant("Kita Clinic").await.unwrap();
    let mailbox = client.create_mailbox(&other, "a@kita.example", "secret", "imap.kita.example", 993).await.unwrap();
    let now = world.clock.now().await;
    let good = json!({ "tenant_id": tenant, "ends_at": now + TimeDelta::days(90), "reason": "Obon" });
    for (field, value, pointer) in [
        ("ends_at", json!(now + TimeDelta::days(90) + TimeDelta::seconds(1)), "/ends_at"),
        ("ends_at", json!(now), "/ends_at"),
        ("starts_at", json!(now + TimeDelta::days(91)), "/ends_at"),
        ("reason", json!(""), "/reason"),
        ("mailbox_ids", json!([mailbox]), "/mailbox_ids/0"),
        ("tenant_id", json!("tnt_019ab1c2d3e47f508192a3b4c5d6e7f8"), "/tenant_id"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let refused = client.request(Method::POST, "/v1/maintenance-windows", None, Some(&body)).await.unwrap();
        let at: Value = refused.body["errors"][0]["pointer"].clone();
        assert_eq!((refused.status, at), (422, json!(pointer)), "{field}: {}", refused.body);
    }
    let made = client.post("/v1/maintenance-windows", &good).await.unwrap();
    assert_eq!(made.body["mailbox_ids"], json!([]));
    let path = format!("/v1/maintenance-windows/{}", made.text("id").unwrap());
    assert_eq!(client.get("/v1/maintenance-windows?current=true").await.unwrap().items().len(), 1);
    assert_eq!(client.get(&format!("/v1/maintenance-windows?tenant_id={other}")).await.unwrap().items().len(), 0);
    let without = client.request(Method::DELETE, &path, None, None).await.unwrap();
    assert_eq!(without.status, 428);
    world.clock.advance(TimeDelta::days(91)).await.unwrap();
    assert_eq!(client.get("/v1/maintenance-windows?current=true").await.unwrap().items().len(), 0);
    let late = client.request(Method::PATCH, &path, made.etag.as_deref(), Some(&json!({ "reason": "Longer" }))).await;
    assert_eq!(late.unwrap().status, 409);
}
