//! What stands between us and a mailbox is said plainly, and nobody's account is locked by us.

use chrono::TimeDelta;
use daimon_tests::authority::UNCERTIFIED;
use daimon_tests::life::Person;
use daimon_tests::place::free_port;
use daimon_tests::world::World;
use serde_json::Value;

fn connection(mailbox: &Value, key: &str) -> String {
    let value = mailbox.get("connection").and_then(|connection| connection.get(key));
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

async fn told(world: &World) -> Vec<String> {
    let events = world.client.events().await.unwrap();
    events.iter().map(|event| event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned()).collect()
}

const HOST: &str = "mail.sakura-dental.example";

#[tokio::test]
async fn a_wrong_password_is_tried_three_times_and_not_again() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let person = Person::with_account(servers, &format!("wrong@{}.example", world.tag), "right").unwrap();
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let port = servers.imaps();
    let mailbox = world.client.create_mailbox(&tenant, &person.address, "not this", HOST, port).await.unwrap();
    for _ in 0..8 {
        world.pass(TimeDelta::minutes(16)).await.unwrap();
    }
    let seen = world.client.mailbox(&mailbox).await.unwrap();
    let tries = servers.sign_ins(&person.address).unwrap();
    if servers.courier.is_some() {
        // It says only that it failed, which busy servers say too: it is tried on, so rarely that no account is locked for it.
        assert_eq!(connection(&seen, "fault"), "sign_in_failed", "{seen}");
        assert!((3..=8).contains(&tries), "{tries} sign-ins in two hours");
        for _ in 0..8 {
            world.pass(TimeDelta::minutes(30)).await.unwrap();
        }
        let more = servers.sign_ins(&person.address).unwrap() - tries;
        assert!(more <= 5, "{more} sign-ins in four hours");
        return;
    }
    assert_eq!(connection(&seen, "state"), "credential_refused", "{seen}");
    assert!((1..=3).contains(&tries), "{tries} sign-ins");
    assert!(told(&world).await.contains(&"mailbox.credential_refused".to_owned()));
}

#[tokio::test]
async fn a_server_that_is_away_is_unreachable() {
    let world = World::start().await.unwrap();
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let port = free_port().unwrap();
    let mailbox = world.client.create_mailbox(&tenant, "a@away.example", "secret", HOST, port).await.unwrap();
    world.drain().await.unwrap();
    let seen = world.client.mailbox(&mailbox).await.unwrap();
    assert_eq!((connection(&seen, "state"), connection(&seen, "fault")), ("unreachable".into(), "unreachable".into()));
}

#[tokio::test]
async fn a_certificate_for_another_name_ends_the_session_before_the_password() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let person = Person::with_account(servers, &format!("tls@{}.example", world.tag), "secret").unwrap();
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let port = servers.imaps();
    let mailbox = world.client.create_mailbox(&tenant, &person.address, "secret", UNCERTIFIED, port).await.unwrap();
    world.drain().await.unwrap();
    let seen = world.client.mailbox(&mailbox).await.unwrap();
    assert_eq!(connection(&seen, "fault"), "tls_failed", "{seen}");
    assert_eq!(servers.sign_ins(&person.address).unwrap(), 0);
}
