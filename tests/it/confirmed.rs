//! A person has seen that it is a takeover, and nothing that comes or does not come afterwards makes it less sure.

use std::time::Duration;

use chrono::TimeDelta;
use daimon_tests::catcher::Caught;
use daimon_tests::life::Person;
use daimon_tests::world::World;
use serde_json::{Value, json};

#[tokio::test]
async fn what_a_person_confirmed_is_told_and_stays_confirmed_while_nothing_more_comes() {
    let world = World::start().await.unwrap();
    let (client, servers) = (&world.client, world.servers);
    let sato = Person::with_account(servers, &format!("sato@{}.example", world.tag), "secret").unwrap();
    sato.lived_for_a_month(servers, world.clock.now().await).await.unwrap();
    sato.onboarded(client, servers).await.unwrap();
    world.drain().await.unwrap();
    sato.was_stolen(servers, 6, 6).await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    let incidents = client.incidents().await.unwrap();
    let [opened] = incidents.as_slice() else { panic!("{incidents:#?}") };
    let path = format!("/v1/incidents/{}", opened["id"].as_str().unwrap());
    assert_ne!(opened["tier"], "confirmed", "{opened:#?}");
    let tier = |incident: &Value| (incident["verdict"].clone(), incident["tier"].clone(), incident["severity"].clone());
    let sure = (json!("account_takeover"), json!("confirmed"), json!("critical"));

    let catcher = world.catcher().await.unwrap();
    client.create_endpoint(&catcher.url()).await.unwrap();
    let note = json!({"note": "A sign-in from a country where nobody was."});
    let confirmed = client.post(&format!("{path}/confirm"), &note).await.unwrap().body;
    assert_eq!(tier(&confirmed), sure);
    let again = client.post(&format!("{path}/confirm"), &note).await.unwrap().body;
    assert_eq!(again, confirmed, "the second time changes nothing");
    let told: Vec<_> = confirmed["timeline"].as_array().unwrap().iter().map(|entry| entry["what"].clone()).collect();
    assert_eq!(told.iter().filter(|what| **what == "confirmed").count(), 1, "{told:?}");
    let is_told = |caught: &Caught| {
        let tier = caught.json().ok().and_then(|body| body.pointer("/data/incident/tier").cloned());
        caught.kind() == "incident.updated" && tier == Some(json!("confirmed"))
    };
    catcher.wait_for(Duration::from_secs(20), is_told).await.unwrap();

    for _ in 0..4 {
        world.pass(TimeDelta::days(2)).await.unwrap();
        assert_eq!(tier(&client.get(&path).await.unwrap().body), sure);
    }
    sato.mistyped(servers, 1, world.clock.now().await).await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    assert_eq!(tier(&client.get(&path).await.unwrap().body), sure);
}
