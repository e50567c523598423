//! The power goes off at the worst moment: nothing is lost, nothing is twice.

use std::time::Duration;

use chrono::TimeDelta;
use daimon_tests::life::{Person, letter, returned};
use daimon_tests::world::World;
use sqlx::{Connection, PgConnection};

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

/// Keeps the worker from committing bounces for as long as the connection is there.
async fn hold_commits(world: &World) -> PgConnection {
    let mut holder = world.servers.postgres.look(&world.database).await.unwrap();
    let lock = "begin; lock table bounce in share row exclusive mode";
    sqlx::raw_sql(lock).execute(&mut holder).await.unwrap();
    holder
}

/// Returns when the worker wants to commit bounces that it has read, and may not.
async fn comes_to_the_commit(world: &World) {
    // Postgres tells nobody that somebody waits for a lock: there is no other way than to look. The daily upkeep waits for
    // the same table, but as another role.
    let waiting = "select count(*) from pg_stat_activity
        where datname = current_database() and usename = 'daimon_app' and wait_event_type = 'Lock'";
    let mut has_come = false;
    for _ in 0..600 {
        has_come = world.number(waiting).await.unwrap() > 0;
        if has_come {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(has_come, "the worker never came to the commit:\n{}", world.worker().unwrap().output());
}

async fn put_aside(world: &World) -> i64 {
    world.number("select count(*) from quarantine").await.unwrap()
}

async fn in_hand(world: &World) -> i64 {
    world.number("select count(*) from in_hand").await.unwrap()
}

#[tokio::test]
async fn a_worker_killed_between_fetch_and_commit_loses_nothing_and_repeats_nothing() {
    let mut world = World::without_worker().await.unwrap();
    let (_, mailbox) = unread(&world, "killed", 5).await;
    let held = hold_commits(&world).await;
    world.start_worker().await.unwrap();
    comes_to_the_commit(&world).await;
    world.kill_worker().unwrap();
    held.close().await.unwrap();
    assert_eq!(world.number("select count(*) from bounce").await.unwrap(), 0);

    world.start_worker().await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();

    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 5);
    assert_eq!(world.number("select count(*) from bounce").await.unwrap(), 5);
    assert_eq!((put_aside(&world).await, in_hand(&world).await), (0, 0));
}

#[tokio::test]
async fn a_message_that_three_workers_died_of_is_put_aside_and_no_other() {
    let mut world = World::without_worker().await.unwrap();
    let (_, mailbox) = unread(&world, "poison", 4).await;
    for death in 1..=3 {
        let held = hold_commits(&world).await;
        world.start_worker().await.unwrap();
        comes_to_the_commit(&world).await;
        world.kill_worker().unwrap();
        held.close().await.unwrap();
        world.clock.advance(TimeDelta::seconds(61)).await.unwrap();
        assert_eq!((in_hand(&world).await, put_aside(&world).await), (death, 0));
    }

    world.start_worker().await.unwrap();
    world.drain().await.unwrap();

    let first = "select count(*) from quarantine where folder = 'INBOX' and uid = 1 and reason = 'crashed'";
    assert_eq!((put_aside(&world).await, world.number(first).await.unwrap()), (1, 1));
    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 3);
    assert_eq!(in_hand(&world).await, 0);
}

#[tokio::test]
async fn an_outage_of_the_database_is_laid_to_no_message_and_leaves_no_lease() {
    let mut world = World::without_worker().await.unwrap();
    let (_, mailbox) = unread(&world, "outage", 3).await;
    for outage in 0..4 {
        let held = hold_commits(&world).await;
        if outage == 0 {
            world.start_worker().await.unwrap();
        } else {
            world.clock.advance(TimeDelta::seconds(10)).await.unwrap();
        }
        comes_to_the_commit(&world).await;
        world.database_goes_away().await.unwrap();
        held.close().await.unwrap();
        world.database_comes_back().await.unwrap();
        // The clock stands, so no lease runs out: it has to be given back.
        world.drain().await.unwrap();
        assert_eq!((in_hand(&world).await, put_aside(&world).await), (0, 0));
    }

    world.pass(TimeDelta::seconds(10)).await.unwrap();

    assert_eq!(put_aside(&world).await, 0);
    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 3);
    let seen = world.client.mailbox(&mailbox).await.unwrap();
    assert_eq!(seen.pointer("/connection/state").and_then(serde_json::Value::as_str), Some("connected"));
}

#[tokio::test]
async fn a_lease_that_was_lost_is_laid_to_no_message() {
    let mut world = World::without_worker().await.unwrap();
    let (_, mailbox) = unread(&world, "fenced", 3).await;
    for round in 0..4 {
        let held = hold_commits(&world).await;
        if round == 0 {
            world.start_worker().await.unwrap();
        } else {
            world.clock.advance(TimeDelta::seconds(61)).await.unwrap();
        }
        comes_to_the_commit(&world).await;
        // What a worker finds that slept past its lease: somebody else had it since.
        let taken_over = "update mailbox set lease_token = gen_random_uuid(), lease_until = next_poll_at,
            next_poll_at = next_poll_at + interval '1 minute'";
        world.sql(taken_over).await.unwrap();
        held.close().await.unwrap();
        world.drain().await.unwrap();
        assert_eq!((in_hand(&world).await, put_aside(&world).await), (0, 0));
    }

    world.pass(TimeDelta::seconds(61)).await.unwrap();

    assert_eq!(put_aside(&world).await, 0);
    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 3);
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
