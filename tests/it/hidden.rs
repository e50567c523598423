//! A thief's rule hides the bounces, or the owner's own filter does.

use chrono::TimeDelta;
use daimon_tests::life::Person;
use daimon_tests::world::World;
use serde_json::Value;

/// Everything from the message on that came after so many goes into another folder, as a rule would file it.
async fn filed(world: &World, person: &Person, after: u32, folder: &str) {
    let mut imap = person.open(world.servers).await.unwrap();
    imap.command(&format!("CREATE \"{folder}\"")).await.unwrap();
    imap.command("SELECT INBOX").await.unwrap();
    imap.command(&format!("MOVE {}:* \"{folder}\"", after + 1)).await.unwrap();
}

/// A stolen mailbox whose bounces are filed there before anybody reads them; its one incident.
async fn stolen_and_filed(world: &World, name: &str, folder: &str) -> Value {
    let servers = world.servers;
    let sato = Person::with_account(servers, &format!("{name}@{}.example", world.tag), "correct horse").unwrap();
    sato.lived_for_a_month(servers, world.clock.now().await).await.unwrap();
    sato.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();
    let before = sato.open(servers).await.unwrap().count("INBOX").await.unwrap();
    sato.was_stolen(servers, 40, 40).await.unwrap();
    filed(world, &sato, before, folder).await;
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    let incidents = world.client.incidents().await.unwrap();
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    world.client.incident(&text(incidents.first().unwrap(), "id")).await.unwrap()
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn has(incident: &Value, item: &str, value: &str) -> bool {
    let lines = incident.get("evidence").and_then(Value::as_array).unwrap();
    lines.iter().any(|line| text(line, "item") == item && text(line, "value") == value)
}

async fn meaning(world: &World, incident: &Value, language: &str) -> String {
    let path = format!("/v1/incidents/{}/report?language={language}", text(incident, "id"));
    world.client.get(&path).await.unwrap().body.get("meaning").unwrap().to_string()
}

#[tokio::test]
async fn bounces_that_lie_where_nobody_looks_as_soon_as_they_come_are_evidence() {
    let world = World::start().await.unwrap();
    let incident = stolen_and_filed(&world, "hidden", "RSS Feeds").await;
    assert_eq!(incident["verdict"], "account_takeover", "{incident:#}");
    assert!(has(&incident, "window", "bounces_hidden"), "{:#}", incident["evidence"]);
    assert!(!has(&incident, "filing", "ordinary_folder"), "{:#}", incident["evidence"]);
}

#[tokio::test]
async fn an_owners_filter_proves_nothing_and_the_owner_is_told_that_it_hides_the_warning() {
    let world = World::start().await.unwrap();
    let incident = stolen_and_filed(&world, "filter", "Errors").await;
    assert_eq!(incident["verdict"], "account_takeover", "{incident:#}");
    assert!(!has(&incident, "window", "bounces_hidden"), "{:#}", incident["evidence"]);
    assert!(has(&incident, "filing", "ordinary_folder"), "{:#}", incident["evidence"]);
    let told = meaning(&world, &incident, "en").await;
    assert!(told.contains("Your filter hides the warning"), "{told}");
    let told = meaning(&world, &incident, "ja").await;
    assert!(told.contains("振り分けルールによって警告が見えなくなっています"), "{told}");
}
