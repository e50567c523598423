//! The power goes off at the worst moment: nothing is lost, nothing is twice.

use std::time::Duration;

use chrono::TimeDelta;
use daimon_tests::life::{Person, letter, returned};
use daimon_tests::world::World;
use sqlx::Connection;

/// A person with `count` bounces that nobody has read yet, and the mailbox's id.
async fn unread(world: &World, name: &str, count: u32) -> (Person, String) {
    let servers = world.servers;
    let person = Person::with_account(servers, &format!("{name}@{}.example", world.tag), "secret").unwrap();
    let mut imap = person.open(servers).await.unwrap();
    let at = world.clock.now().await - TimeDelta::hours(2);
    for number in 0..count {
        let to = format!("typo{number}@friend.test");
        let sent = letter(&person.address, &to, "Hello", &format!("{number}@{}", world.tag), at, "Hello.\r\n");
        imap.append("Sent", sent.as_bytes(), at).await.unwrap();
        let report = returned(&sent, &person.address, &to, "mx.friend.test", at);
        imap.append("INBOX", report.as_bytes(), at).await.unwrap();
    }
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let host = "mail.sakura-dental.example";
    let port = servers.dovecot.imaps;
    let mailbox = world.client.create_mailbox(&tenant, &person.address, "secret", host, port).await.unwrap();
    (person, mailbox)
}

#[tokio::test]
async fn a_worker_killed_between_fetch_and_commit_loses_nothing_and_repeats_nothing() {
    let mut world = World::without_worker().await.unwrap();
    let (_, mailbox) = unread(&world, "killed", 5).await;
    // Whoever inserts a bounce waits for this lock: the worker will have fetched, and not committed.
    let mut holder = world.servers.postgres.look(&world.database).await.unwrap();
    let mut lock = holder.begin().await.unwrap();
    sqlx::raw_sql("lock table bounce in share row exclusive mode").execute(&mut *lock).await.unwrap();
    world.start_worker().await.unwrap();
    let waits = async {
        for _ in 0..600 {
            let waiting = "select count(*) from pg_locks join pg_class on pg_class.oid = relation
                where not granted and relname like 'bounce%' and database = (select oid from pg_database where datname = current_database())";
            if world.number(waiting).await.unwrap() > 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    };
    let drained = async { drop(tokio::time::timeout(Duration::from_secs(35), world.drain()).await) };
    let waited = tokio::select! { waited = waits => waited, () = drained => false };
    assert!(waited, "the worker never came to the commit");
    world.kill_worker().unwrap();
    lock.rollback().await.unwrap();
    assert_eq!(world.number("select count(*) from bounce").await.unwrap(), 0);

    world.start_worker().await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();

    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 5);
    assert_eq!(world.number("select count(*) from bounce").await.unwrap(), 5);
}

#[tokio::test]
async fn nothing_is_lost_when_redis_forgets_everything() {
    let mut world = World::without_worker().await.unwrap();
    let (_, mailbox) = unread(&world, "forgotten", 3).await;
    let client = redis::Client::open(world.servers.redis.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> =
        redis::cmd("KEYS").arg(format!("daimon-{}*", world.tag)).query_async(&mut connection).await.unwrap();
    for key in keys {
        let () = redis::cmd("DEL").arg(key).query_async(&mut connection).await.unwrap();
    }

    world.start_worker().await.unwrap();
    world.pass(TimeDelta::minutes(1)).await.unwrap();

    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_bounce_is_stored_once_however_often_it_is_read() {
    let world = World::start().await.unwrap();
    let (person, mailbox) = unread(&world, "twice", 2).await;
    world.drain().await.unwrap();
    // The folder is read again from the start, as after a change of UIDVALIDITY.
    world.sql("delete from folder").await.unwrap();
    world.client.poll_now(&mailbox).await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 2);
    assert_eq!(
        person.open(world.servers).await.unwrap().count("INBOX").await.unwrap(),
        2,
        "nothing was moved or deleted"
    );
}
