//! One password for several mailboxes: where one is stolen, the others are looked at more closely.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_tests::life::Person;
use daimon_tests::world::World;
use serde_json::{Value, json};

const SHARED: &str = "Spring2026!";

fn time(value: &Value, key: &str) -> DateTime<Utc> {
    value.get(key).and_then(Value::as_str).unwrap().parse().unwrap()
}

/// How long after its last turn a mailbox is read again.
async fn pause(world: &World, mailbox: &str) -> TimeDelta {
    let shown = world.client.mailbox(mailbox).await.unwrap();
    time(&shown, "next_poll_at") - time(&shown, "last_polled_at")
}

#[tokio::test]
async fn mailboxes_with_the_password_of_a_stolen_one_are_watched_until_they_have_another() {
    let world = World::start().await.unwrap();
    let (client, servers) = (&world.client, world.servers);
    let person = |name: &str, password: &str| {
        Person::with_account(servers, &format!("{name}@{}.example", world.tag), password).unwrap()
    };
    let tenant = client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let onboard = async |tenant: &str, person: &Person| {
        person.used_a_mail_program(servers).await.unwrap();
        let port = servers.imaps();
        let host = daimon_tests::postfix::NAME;
        client.create_mailbox(tenant, &person.address, &person.password, host, port).await.unwrap()
    };
    let (sato, suzuki) = (person("sato", SHARED), person("suzuki", SHARED));
    let (mori, ito) = (person("mori", "another one"), person("ito", SHARED));
    sato.lived_for_a_month(servers, world.clock.now().await).await.unwrap();
    onboard(&tenant, &sato).await;
    let (sibling, other) = (onboard(&tenant, &suzuki).await, onboard(&tenant, &mori).await);
    let elsewhere = client.create_tenant("Momiji Law Office").await.unwrap();
    let neighbour = onboard(&elsewhere, &ito).await;
    // As an older program left them: the next opening of the password says which are alike.
    world.sql("update mailbox set secret_hash = null").await.unwrap();
    world.drain().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    client.create_endpoint(&catcher.url()).await.unwrap();

    sato.was_stolen(servers, 40, 40).await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();

    let incidents = client.incidents().await.unwrap();
    let id = incidents[0]["id"].as_str().unwrap().to_owned();
    let incident = client.incident(&id).await.unwrap();
    let siblings = incident["siblings"].as_array().unwrap();
    let named: Vec<_> = siblings.iter().map(|one| (&one["mailbox_id"], &one["address"], &one["is_open"])).collect();
    assert_eq!(named, [(&json!(sibling), &json!(suzuki.address), &json!(true))]);
    let is_it = |caught: &daimon_tests::catcher::Caught| {
        let body: Value = serde_json::from_slice(&caught.body).unwrap_or_default();
        body["data"]["mailbox"]["id"] == sibling.as_str() && body["data"]["because"] == "same_password"
    };
    let patience = Duration::from_secs(20);
    catcher.wait_for(patience, |caught| caught.kind() == "mailbox.watched" && is_it(caught)).await.unwrap();

    world.pass(TimeDelta::minutes(2)).await.unwrap();
    assert!(pause(&world, &sibling).await <= TimeDelta::minutes(1));
    for ordinary in [&other, &neighbour] {
        world.pass(TimeDelta::minutes(10)).await.unwrap();
        let shown = client.mailbox(ordinary).await.unwrap();
        assert_eq!(shown["poll_interval_s"], 300);
        assert!(time(&shown, "next_poll_at") > world.clock.now().await - TimeDelta::minutes(1));
    }
    let report = async |language: &str| {
        client.get(&format!("/v1/incidents/{id}/report?language={language}")).await.unwrap().body["meaning"].to_string()
    };
    let told = report("en").await;
    assert!(told.contains(&format!("Another mailbox has the same password: {}.", suzuki.address)), "{told}");
    let told = report("ja").await;
    assert!(told.contains("同じパスワードを使用しているメールボックスがほかに 1 件あります"), "{told}");

    servers.dovecot.change_password(&suzuki.address, "battery staple").unwrap();
    client.replace_password(&sibling, "battery staple").await.unwrap();
    world.pass(TimeDelta::minutes(2)).await.unwrap();
    let incident = client.incident(&id).await.unwrap();
    assert_eq!(incident["siblings"][0]["is_open"], json!(false));
    let shown = client.mailbox(&sibling).await.unwrap();
    assert_eq!(shown["connection"]["state"], "connected");
    let told = report("en").await;
    assert!(!told.contains("same password"), "{told}");
}
