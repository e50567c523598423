//! Who is told, how an endpoint is tried out, and how what was missed is made up for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DurationRound, TimeDelta, Timelike};
use daimon_domain::event::EventType;
use daimon_domain::verdict::{Severity, Verdict};
use daimon_tests::catcher::{Answer, Catcher};
use daimon_tests::client::Client;
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

/// What came, by path.
fn heard(catcher: &Catcher) -> BTreeMap<String, Vec<String>> {
    let mut heard: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for caught in catcher.caught() {
        heard.entry(caught.path.rsplit('/').next().unwrap().to_owned()).or_default().push(caught.kind());
    }
    heard
}

async fn endpoint(client: &Client, url: &str, more: Value) -> String {
    let mut body = more;
    body.as_object_mut().unwrap().insert("url".to_owned(), json!(url));
    client.post("/v1/webhook-endpoints", &body).await.unwrap().text("id").unwrap()
}

async fn change(client: &Client, id: &str, change: &Value) -> Value {
    let path = format!("/v1/webhook-endpoints/{id}");
    let etag = client.get(&path).await.unwrap().etag.unwrap();
    let answer = client.request(Method::PATCH, &path, Some(&etag), Some(change)).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

async fn limited(client: &Client, tenant: &str) -> Client {
    let body = json!({
        "name": "one tenant", "permissions": ["events:read", "webhooks:read", "webhooks:write"], "tenants": [tenant]
    });
    client.with_key(&client.post("/v1/api-keys", &body).await.unwrap().text("key").unwrap()).unwrap()
}

#[tokio::test]
async fn an_endpoint_is_told_of_groups_verdicts_and_all_tenants_but_some() {
    let world = World::start().await.unwrap();
    let (client, catcher) = (&world.client, world.catcher().await.unwrap());
    let sakura = json!({ "name": "Sakura Dental Clinic", "groups": ["gold", "tokyo"] });
    let sakura = client.post("/v1/tenants", &sakura).await.unwrap();
    assert_eq!(sakura.body["groups"], json!(["gold", "tokyo"]));
    let sakura = sakura.text("id").unwrap();
    let kita = client.create_tenant("Kita Clinic").await.unwrap();
    let at = |name: &str| format!("{}/{name}", catcher.url());
    endpoint(client, &at("gold"), json!({ "tenant_groups": ["gold"] })).await;
    endpoint(client, &at("thefts"), json!({ "verdicts": ["account_takeover"], "severities": ["critical"] })).await;
    endpoint(client, &at("others"), json!({ "except_tenants": [sakura] })).await;
    let (opened, theft) = (EventType::IncidentOpened, Some(Verdict::AccountTakeover));
    world.happens(opened, theft, Some(Severity::Critical), Some(&sakura)).await.unwrap();
    world.happens(EventType::IncidentClosed, Some(Verdict::Outage), Some(Severity::Low), Some(&kita)).await.unwrap();
    world.drain().await.unwrap();
    let told = |kind: &str| vec![kind.to_owned()];
    assert_eq!(
        heard(&catcher),
        BTreeMap::from([
            ("gold".to_owned(), told("incident.opened")),
            ("thefts".to_owned(), told("incident.opened")),
            ("others".to_owned(), told("incident.closed")),
        ])
    );

    // A company that joins a group is told of there from then on.
    let path = format!("/v1/tenants/{kita}");
    let etag = client.get(&path).await.unwrap().etag.unwrap();
    client.request(Method::PATCH, &path, Some(&etag), Some(&json!({ "groups": ["gold"] }))).await.unwrap();
    catcher.forget();
    world.happens(EventType::MailboxRecovered, None, None, Some(&kita)).await.unwrap();
    world.drain().await.unwrap();
    assert_eq!(heard(&catcher).into_keys().collect::<Vec<_>>(), ["gold", "others"]);

    for (field, value) in [
        ("tenant_groups", json!(["Gold"])),
        ("rate_limit_per_minute", json!(0)),
        ("except_tenants", json!(["tnt_019ab1c2d3e47f508192a3b4c5d6e7f8"])),
        ("quiet_hours", json!({ "from": "25:00", "until": "07:00", "time_zone": "Asia/Tokyo" })),
        ("quiet_hours", json!({ "from": "22:00", "until": "07:00", "time_zone": "Tokyo" })),
        ("quiet_hours", json!({ "from": "22:00", "until": "22:00", "time_zone": "Asia/Tokyo" })),
    ] {
        let mut body = json!({ "url": at("x") });
        body[field] = value;
        let answer = client.request(Method::POST, "/v1/webhook-endpoints", None, Some(&body)).await.unwrap();
        let pointer = answer.body.pointer("/errors/0/pointer").and_then(Value::as_str).unwrap_or_default();
        assert!(answer.status == 422 && pointer.starts_with(&format!("/{field}")), "{body}: {}", answer.body);
    }
    let only_sakura = limited(client, &sakura).await;
    let body = json!({ "url": at("x"), "tenants": [sakura], "tenant_groups": ["gold"] });
    let answer = only_sakura.request(Method::POST, "/v1/webhook-endpoints", None, Some(&body)).await.unwrap();
    assert_eq!(answer.status, 403, "a group may have others: {}", answer.body);
}

#[tokio::test]
async fn an_endpoint_is_tried_out_with_every_type_and_nothing_follows_from_it() {
    let world = World::start().await.unwrap();
    let (client, catcher) = (&world.client, world.catcher().await.unwrap());
    let (id, secret) = client.create_endpoint(&catcher.url()).await.unwrap();
    endpoint(client, &format!("{}/other", catcher.url()), json!({})).await;
    let document = client.get("/openapi.json").await.unwrap().body;
    let webhooks = document["webhooks"].as_object().unwrap();
    assert_eq!(webhooks.len(), EventType::ALL.len());
    let path = format!("/v1/webhook-endpoints/{id}/test");
    for kind in webhooks.keys() {
        let sent = client.post(&path, &json!({ "type": kind })).await.unwrap();
        assert_eq!((sent.status, &sent.body["is_test"], &sent.body["endpoint_id"]), (202, &json!(true), &json!(id)));
    }
    world.drain().await.unwrap();
    let caught = catcher.caught();
    assert_eq!(caught.len(), webhooks.len(), "{:?}", heard(&catcher));
    for came in caught {
        came.verify(&secret, true).unwrap();
        let mut example =
            webhooks[&came.kind()].pointer("/post/requestBody/content/application~1json/example").unwrap().clone();
        let mut body = came.json().unwrap();
        assert_eq!((&body["data"]["livemode"], &body["data"]["test"]), (&json!(false), &json!(true)));
        for changed in [&mut example, &mut body] {
            changed["timestamp"].take();
            changed["data"]["livemode"].take();
            changed["data"].as_object_mut().unwrap().remove("test");
        }
        assert_eq!(body, example);
    }
    assert_eq!(client.events().await.unwrap(), Vec::<Value>::new(), "nothing happened");

    catcher.answer(Answer::Status(500));
    let sent = client.post(&path, &json!({ "type": "incident.opened" })).await.unwrap().text("id").unwrap();
    world.drain().await.unwrap();
    let delivery = client.get(&format!("/v1/deliveries/{sent}")).await.unwrap().body;
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("failed"), &json!(1)));
    let attempts = client.get(&format!("/v1/deliveries/{sent}/attempts")).await.unwrap().items();
    assert_eq!((attempts.len(), &attempts[0]["status"]), (1, &json!(500)));
    assert_eq!(attempts[0]["request_sha256"].as_str().map(str::len), Some(64));
    let shown = client.get(&format!("/v1/webhook-endpoints/{id}")).await.unwrap().body;
    assert_eq!((&shown["failures"], &shown["undelivered_since"]), (&json!(0), &Value::Null));

    change(client, &id, &json!({ "disabled": true })).await;
    let body = json!({ "type": "incident.opened" });
    assert_eq!(client.request(Method::POST, &path, None, Some(&body)).await.unwrap().status, 409);
}

#[tokio::test]
async fn an_endpoint_is_tried_out_sixty_times_an_hour_and_whoever_comes_when_told_is_let_in() {
    let world = World::without_worker().await.unwrap();
    let (client, catcher) = (&world.client, world.catcher().await.unwrap());
    let id = endpoint(client, &catcher.url(), json!({})).await;
    let (path, body) = (format!("/v1/webhook-endpoints/{id}/test"), json!({ "type": "incident.opened" }));
    let tried = || client.request(Method::POST, &path, None, Some(&body));
    assert_eq!(tried().await.unwrap().status, 202);
    world.clock.advance(TimeDelta::minutes(20)).await.unwrap();
    for _ in 1..60 {
        assert_eq!(tried().await.unwrap().status, 202);
    }

    let refused = tried().await.unwrap();
    assert_eq!((refused.status, refused.retry_after.as_deref()), (429, Some("2401")), "{}", refused.body);
    world.clock.advance(TimeDelta::seconds(2401)).await.unwrap();
    assert_eq!(tried().await.unwrap().status, 202, "an hour after the first");
    assert_eq!(tried().await.unwrap().status, 429, "and the others were later");
}

#[tokio::test]
async fn a_rate_limit_holds_back_and_what_it_held_goes_out_when_it_is_lifted() {
    let world = World::start().await.unwrap();
    let (client, catcher) = (&world.client, world.catcher().await.unwrap());
    let id = endpoint(client, &catcher.url(), json!({ "rate_limit_per_minute": 6 })).await;
    let began = world.clock.now().await;
    for _ in 0..5 {
        world.happens(EventType::IncidentOpened, None, None, None).await.unwrap();
    }
    world.drain().await.unwrap();
    assert_eq!(catcher.caught().len(), 1);
    let held = client.get(&format!("/v1/deliveries?endpoint_id={id}&state=pending")).await.unwrap().items();
    assert_eq!(held.len(), 4);
    assert!(held.iter().all(|one| one["waits_for"] == "rate_limit"), "{held:#?}");
    world.pass(TimeDelta::seconds(10)).await.unwrap();
    assert_eq!(catcher.caught().len(), 2);
    let shown = client.get(&format!("/v1/webhook-endpoints/{id}")).await.unwrap().body;
    let since = shown["undelivered_since"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!((shown["rate_limit_per_minute"].clone(), since), (json!(6), began));

    change(client, &id, &json!({ "rate_limit_per_minute": null })).await;
    world.drain().await.unwrap();
    assert_eq!(catcher.caught().len(), 5);
    assert_eq!(
        client.get(&format!("/v1/webhook-endpoints/{id}")).await.unwrap().body["undelivered_since"],
        Value::Null
    );
}

#[tokio::test]
async fn a_rotation_whose_answer_got_lost_is_repeated_and_takes_no_secret_away() {
    let world = World::start().await.unwrap();
    let (client, catcher) = (&world.client, world.catcher().await.unwrap());
    let (id, first) = client.create_endpoint(&catcher.url()).await.unwrap();
    let path = format!("/v1/webhook-endpoints/{id}");
    let rotate = async |key: &str, overlap_s: u32| {
        let etag = client.get(&path).await.unwrap().etag.unwrap();
        let body = json!({ "overlap_s": overlap_s });
        client.change_once(&format!("{path}/rotate-secret"), Some(&etag), key, &body).await.unwrap()
    };
    let rotated = rotate("first", 3_600).await;
    let again = rotate("first", 3_600).await;
    assert_eq!((rotated.status, again.status, &again.body), (200, 200, &rotated.body));
    assert_eq!(again.etag, rotated.etag);
    let second = rotated.text("secret").unwrap();
    let until = client.get(&path).await.unwrap().body["previous_secret_until"].clone();
    assert_eq!(until, rotated.body["previous_secret_until"]);
    assert_eq!(rotate("second", 3_600).await.status, 409);

    let told = async || {
        catcher.forget();
        world.happens(EventType::IncidentOpened, None, None, None).await.unwrap();
        world.drain().await.unwrap();
        catcher.caught().remove(0)
    };
    let both = told().await;
    both.verify(&first, true).unwrap();
    both.verify(&second, true).unwrap();

    // Whoever fears for both ends both.
    let third = rotate("third", 0).await.text("secret").unwrap();
    let newest = told().await;
    newest.verify(&third, true).unwrap();
    assert!(newest.verify(&first, true).is_err() && newest.verify(&second, true).is_err());
    assert_eq!(rotate("fourth", 3_600).await.status, 200);
}

#[tokio::test]
async fn what_waits_for_a_broken_receiver_is_told_soon_at_another_url_and_one_that_is_disabled_says_why_it_was_not() {
    let world = World::start().await.unwrap();
    let (client, catcher) = (&world.client, world.catcher().await.unwrap());
    let id = endpoint(client, &format!("{}/old", catcher.url()), json!({})).await;
    catcher.answer(Answer::Later(503, 86_400));
    let tell = async || {
        world.happens(EventType::IncidentOpened, None, None, None).await.unwrap();
        world.drain().await.unwrap();
    };
    tell().await;
    catcher.answer(Answer::Status(204));
    change(client, &id, &json!({ "url": format!("{}/new", catcher.url()) })).await;
    world.drain().await.unwrap();
    let told = || vec!["incident.opened".to_owned()];
    let expected = BTreeMap::from([("old".to_owned(), told()), ("new".to_owned(), told())]);
    assert_eq!(heard(&catcher), expected);

    catcher.answer(Answer::Later(503, 3_600));
    tell().await;
    change(client, &id, &json!({ "disabled": true })).await;
    world.pass(TimeDelta::hours(1)).await.unwrap();
    let failed = client.get(&format!("/v1/deliveries?endpoint_id={id}&state=failed")).await.unwrap().items();
    let because: Vec<&Value> = failed.iter().map(|one| &one["failed_because"]).collect();
    assert_eq!(because, ["endpoint_disabled"]);
}

#[tokio::test]
async fn what_happened_while_an_endpoint_was_away_is_replayed_once() {
    let world = World::start().await.unwrap();
    let (client, catcher) = (&world.client, world.catcher().await.unwrap());
    let tenant = client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let id = endpoint(client, &catcher.url(), json!({ "types": ["incident.opened", "incident.closed"] })).await;
    let since = world.clock.now().await;
    world.happens(EventType::IncidentOpened, None, None, Some(&tenant)).await.unwrap();
    world.drain().await.unwrap();
    change(client, &id, &json!({ "disabled": true })).await;
    for kind in [EventType::IncidentOpened, EventType::IncidentUpdated, EventType::IncidentClosed] {
        world.happens(kind, None, None, Some(&tenant)).await.unwrap();
    }
    world.pass(TimeDelta::minutes(1)).await.unwrap();
    change(client, &id, &json!({ "disabled": false })).await;
    assert_eq!(catcher.caught().len(), 1);

    let path = format!("/v1/webhook-endpoints/{id}/replay");
    let dry = client.post(&path, &json!({ "since": since, "dry_run": true })).await.unwrap();
    assert_eq!((dry.status, dry.body), (200, json!({ "events": 2, "more": false, "dry_run": true })));
    let all = json!({ "since": since, "which": "all", "dry_run": true });
    assert_eq!(client.post(&path, &all).await.unwrap().body["events"], 3);
    let none =
        client.post(&path, &json!({ "since": since, "types": ["incident.updated"], "dry_run": true })).await.unwrap();
    assert_eq!(none.body["events"], 0, "it does not want them");
    let future = json!({ "since": since + TimeDelta::hours(1) });
    assert_eq!(client.request(Method::POST, &path, None, Some(&future)).await.unwrap().status, 422);

    let made = client.post(&path, &json!({ "since": since })).await.unwrap();
    assert_eq!((made.status, &made.body["events"]), (202, &json!(2)));
    assert_eq!(
        client.post(&path, &json!({ "since": since })).await.unwrap().body["events"],
        0,
        "they are on their way"
    );
    world.drain().await.unwrap();
    let came: BTreeSet<String> = catcher.caught().iter().map(|one| one.header("webhook-id").to_owned()).collect();
    let listed = client.events().await.unwrap();
    let wanted = listed.iter().filter(|one| one["type"] != "incident.updated").filter_map(|one| one["id"].as_str());
    assert_eq!((catcher.caught().len(), &came), (3, &wanted.map(str::to_owned).collect()));

    // One alone, also when it has arrived.
    let delivery = client.get(&format!("/v1/deliveries?endpoint_id={id}")).await.unwrap().items()[0]["id"].clone();
    let path = format!("/v1/deliveries/{}/replay", delivery.as_str().unwrap());
    let again = client.post(&path, &json!({})).await.unwrap();
    assert_eq!((again.status, &again.body["attempts"]), (201, &json!(0)));
    world.drain().await.unwrap();
    assert_eq!(catcher.caught().len(), 4);
    assert!(came.contains(catcher.caught()[3].header("webhook-id")));

    // As if it were older than the events that are kept.
    world.sql("delete from event").await.unwrap();
    let gone = client.request(Method::POST, &path, None, Some(&json!({}))).await.unwrap();
    assert_eq!((gone.status, &gone.body["detail"]), (409, &json!("What it told of is kept no longer.")));
    assert_eq!(world.number("select count(*) from delivery where state = 'pending'").await.unwrap(), 0);
}

#[tokio::test]
async fn the_day_is_told_once_at_its_hour() {
    let world = World::start().await.unwrap();
    let (client, catcher) = (&world.client, world.catcher().await.unwrap());
    let tenant = client.create_tenant("Sakura Dental Clinic").await.unwrap();
    endpoint(client, &catcher.url(), json!({ "types": ["digest.daily"] })).await;
    assert_eq!(client.request(Method::GET, "/v1/digest", None, None).await.unwrap().status, 404);
    let now = world.clock.now().await;
    let due = now.duration_trunc(TimeDelta::hours(1)).unwrap() + TimeDelta::hours(1);
    let body = json!({ "hour": due.hour(), "time_zone": "UTC" });
    let only = limited(client, &tenant).await;
    assert_eq!(only.request(Method::PUT, "/v1/digest", None, Some(&body)).await.unwrap().status, 403);
    let set = client.request(Method::PUT, "/v1/digest", None, Some(&body)).await.unwrap();
    assert_eq!((set.status, &set.body["next_at"]), (200, &json!(due)), "{}", set.body);
    let again = async |etag: Option<&str>| {
        let answer = client.request(Method::PUT, "/v1/digest", etag, Some(&body)).await.unwrap();
        (answer.status, answer.etag)
    };
    assert_eq!((again(None).await.0, again(Some("\"9\"")).await.0), (428, 412));
    let (status, etag) = again(set.etag.as_deref()).await;
    assert_eq!((status, client.get("/v1/digest").await.unwrap().etag), (200, etag.clone()));
    world.happens(EventType::IncidentOpened, None, None, Some(&tenant)).await.unwrap();
    world.pass(due - now).await.unwrap();
    world.pass(TimeDelta::minutes(5)).await.unwrap();
    let told = catcher.caught();
    assert_eq!(told.len(), 1, "{:?}", heard(&catcher));
    let data = &told[0].json().unwrap()["data"];
    assert_eq!(data["events"], json!({ "incident.opened": 1 }));
    assert_eq!((&data["until"], &data["bounces"]["total"]), (&json!(due), &json!(0)));

    world.pass(TimeDelta::days(1)).await.unwrap();
    assert_eq!(catcher.caught().len(), 2);
    let end = async |etag: Option<&str>| client.request(Method::DELETE, "/v1/digest", etag, None).await.unwrap().status;
    assert_eq!((end(None).await, end(Some("\"1\"")).await, end(etag.as_deref()).await), (428, 412, 204));
    world.pass(TimeDelta::days(1)).await.unwrap();
    assert_eq!(catcher.caught().len(), 2);
}
