//! A server that gives a folder another UIDVALIDITY each time it is opened.

use chrono::TimeDelta;
use daimon_tests::life::Person;
use daimon_tests::world::World;
use serde_json::Value;

async fn connection(world: &World, mailbox: &str, key: &str) -> String {
    let seen = world.client.mailbox(mailbox).await.unwrap();
    let value = seen.get("connection").and_then(|connection| connection.get(key));
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Makes the next opening show another UIDVALIDITY than the one that is remembered.
async fn renumber(world: &World) {
    world.sql("update folder set uid_validity = uid_validity - 1").await.unwrap();
}

#[tokio::test]
async fn a_folder_that_never_keeps_its_numbers_is_left_until_it_does() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let person = Person::with_account(servers, &format!("numbers@{}.example", world.tag), "secret").unwrap();
    let at = world.clock.now().await - TimeDelta::hours(2);
    person.mistyped(servers, 2, at).await.unwrap();
    let mailbox = person.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();
    let read = "select count(*) from folder where last_uid > 0";
    for _change in 1..=4 {
        renumber(&world).await;
        world.client.poll_now(&mailbox).await.unwrap();
        world.drain().await.unwrap();
        assert_eq!(connection(&world, &mailbox, "state").await, "connected");
        assert_eq!(world.number(read).await.unwrap(), 2, "read anew");
    }

    for _change in 5..=7 {
        renumber(&world).await;
        world.pass(TimeDelta::minutes(20)).await.unwrap();
        assert_eq!(connection(&world, &mailbox, "state").await, "unreachable");
        assert_eq!(connection(&world, &mailbox, "fault").await, "unstable_uids");
        assert!(connection(&world, &mailbox, "advice").await.contains("UIDVALIDITY"));
        assert_eq!(world.number(read).await.unwrap(), 0, "not read any more");
    }

    world.pass(TimeDelta::minutes(20)).await.unwrap();
    assert_eq!(connection(&world, &mailbox, "state").await, "connected");
    assert_eq!(world.number(read).await.unwrap(), 2);
    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 2);
}
