//! The power goes off at the worst moment: nothing is lost, nothing is twice.

use std::time::Duration;

use chrono::TimeDelta;
use daimon_tests::flood;
use daimon_tests::life::{Person, letter, returned};
use daimon_tests::postfix::NAME;
use daimon_tests::scripted_imap::ScriptedImap;
use daimon_tests::world::World;
use futures_util::FutureExt as _;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::net::TcpListener;

/// A person with `count` bounces that nobody has read yet, and the mailbox's id.
async fn unread(world: &World, name: &str, count: u32) -> (Person, String) {
    let servers = world.servers;
    let person = Person::with_account(servers, &format!("{name}@{}.example", world.tag), "secret").unwrap();
    let at = world.clock.now().await - TimeDelta::hours(2);
    person.mistyped(servers, count, at).await.unwrap();
    let mailbox = person.onboarded(&world.client, servers).await.unwrap();
    (person, mailbox)
}

/// Keeps the worker from committing bounces for as long as the connection is there.
async fn hold_commits(world: &World) -> PgConnection {
    let mut holder = world.servers.postgres.look(&world.database).await.unwrap();
    let lock = "begin; lock table bounce in share row exclusive mode";
    sqlx::raw_sql(lock).execute(&mut holder).await.unwrap();
    holder
}

/// Who wants to commit bounces that were read, and may not. The daily upkeep waits for the same table, but as another role.
const AT_THE_COMMIT: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and usename = 'daimon_app' and wait_event_type = 'Lock'";

/// Returns when the worker wants to commit bounces that it has read, and may not.
async fn comes_to_the_commit(world: &World) {
    waits(world, AT_THE_COMMIT).await;
}

/// Returns when somebody waits for a lock.
async fn waits(world: &World, counts: &'static str) {
    assert!(is_waited(world, counts, 600).await, "nobody came to wait:\n{}", world.worker().unwrap().output());
}

/// Whether somebody does, who is looked for so often: Postgres tells nobody, so there is no other way.
async fn is_waited(world: &World, counts: &'static str, looks: u32) -> bool {
    for _ in 0..looks {
        if world.number(counts).await.unwrap() > 0 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
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
async fn a_message_that_three_workers_died_of_alone_is_put_aside_and_no_other() {
    let mut world = World::without_worker().await.unwrap();
    let (_, mailbox) = unread(&world, "poison", 4).await;
    // The first death speaks against every message that was in hand.
    for death in 1..=4 {
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
async fn power_cuts_are_laid_to_no_message() {
    let mut world = World::without_worker().await.unwrap();
    let (_, one) = unread(&world, "innocent", 3).await;
    let (_, other) = unread(&world, "bystander", 3).await;
    for _ in 0..3 {
        let held = hold_commits(&world).await;
        world.start_worker().await.unwrap();
        comes_to_the_commit(&world).await;
        world.kill_worker().unwrap();
        held.close().await.unwrap();
        world.clock.advance(TimeDelta::seconds(61)).await.unwrap();
    }

    world.start_worker().await.unwrap();
    world.pass(TimeDelta::seconds(61)).await.unwrap();

    assert_eq!((put_aside(&world).await, in_hand(&world).await), (0, 0));
    for mailbox in [one, other] {
        assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 3);
    }
}

/// As if workers had died of the first message, yesterday.
async fn first_was_deadly(world: &World) {
    world.sql("delete from bounce where uid = 1").await.unwrap();
    let aside =
        "insert into quarantine (msp_id, tenant_id, mailbox_id, folder, uid_validity, uid, reason, quarantined_at)
        select msp_id, tenant_id, mailbox_id, name, uid_validity, 1, 'crashed', updated_at - interval '1 day'
        from folder where name = 'INBOX'";
    world.sql(aside).await.unwrap();
}

#[tokio::test]
async fn where_the_last_messages_are_read_again_those_that_workers_died_of_are_not() {
    let world = World::start().await.unwrap();
    let server = ScriptedImap::start(&world.servers.authority).await.unwrap();
    server.change(|folders| folders.first_mut().unwrap().tells_uid_next = false);
    let sato = Person { address: format!("untold@{}.example", world.tag), password: "secret".to_owned() };
    let at = world.clock.now().await - TimeDelta::hours(1);
    for number in 0..2 {
        server.deliver(&flood::one(&sato, number, at), at);
    }
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let mailbox = world.client.create_mailbox(&tenant, &sato.address, &sato.password, NAME, server.port).await.unwrap();
    world.drain().await.unwrap();
    first_was_deadly(&world).await;

    server.deliver(&flood::one(&sato, 2, at), at);
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    let uids = "select count(*) from bounce where uid in (2, 3)";
    assert_eq!((world.client.bounces(&mailbox).await.unwrap().len(), world.number(uids).await.unwrap()), (2, 2));

    world.client.poll_now(&mailbox).await.unwrap();
    world.drain().await.unwrap();
    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 3, "somebody has asked");
}

#[tokio::test]
async fn what_was_put_aside_is_read_once_more_when_somebody_asks() {
    let mut world = World::without_worker().await.unwrap();
    let (_, mailbox) = unread(&world, "asked", 2).await;
    world.start_worker().await.unwrap();
    world.drain().await.unwrap();
    first_was_deadly(&world).await;
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 1);

    world.client.poll_now(&mailbox).await.unwrap();
    world.drain().await.unwrap();

    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 2);
    assert_eq!((put_aside(&world).await, in_hand(&world).await), (0, 0));
    let last = "select last_uid from folder where name = 'INBOX'";
    assert_eq!(world.number(last).await.unwrap(), 2, "reading goes on where it was");
}

#[tokio::test]
async fn a_mailbox_that_three_workers_died_of_alone_is_not_read_until_somebody_asks() {
    let mut world = World::without_worker().await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let address = format!("deadly@{}.example", world.tag);
    let host = "mail.sakura-dental.example";
    let mailbox = world.client.create_mailbox(&tenant, &address, "secret", host, port).await.unwrap();
    let (_, healthy) = unread(&world, "healthy", 2).await;
    for _ in 0..4 {
        world.start_worker().await.unwrap();
        let connection = silent.accept().await.unwrap();
        world.kill_worker().unwrap();
        drop(connection);
        world.clock.advance(TimeDelta::seconds(61)).await.unwrap();
    }

    world.start_worker().await.unwrap();
    world.drain().await.unwrap();
    world.pass(TimeDelta::days(2)).await.unwrap();

    assert_eq!(fault(&world, &mailbox).await, "set_aside");
    assert!(silent.accept().now_or_never().is_none(), "nobody has connected");
    assert_eq!(world.client.bounces(&healthy).await.unwrap().len(), 2);

    world.client.poll_now(&mailbox).await.unwrap();
    drop(silent.accept().await.unwrap());
    world.drain().await.unwrap();
    assert_ne!(fault(&world, &mailbox).await, "set_aside");
}

async fn fault(world: &World, mailbox: &str) -> String {
    let seen = world.client.mailbox(mailbox).await.unwrap();
    seen.pointer("/connection/fault").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_commit_holds_the_mailbox_before_what_is_deleted_with_it() {
    let mut world = World::without_worker().await.unwrap();
    let (person, mailbox) = unread(&world, "order", 1).await;
    world.start_worker().await.unwrap();
    world.drain().await.unwrap();
    let at = world.clock.now().await;
    let sent = letter(&person.address, "another@friend.test", "Hello", "another@x.test", at, "Hello.\r\n");
    let report = returned(&sent, &person.address, "another@friend.test", "mx.friend.test", at);
    person.open(world.servers).await.unwrap().append("INBOX", report.as_bytes(), at).await.unwrap();
    let mut holder = world.servers.postgres.look(&world.database).await.unwrap();
    sqlx::raw_sql("begin; select from folder for update").execute(&mut holder).await.unwrap();
    world.client.poll_now(&mailbox).await.unwrap();
    comes_to_the_commit(&world).await;

    let mut other = world.servers.postgres.look(&world.database).await.unwrap();
    let refused = sqlx::raw_sql("select from mailbox for update nowait").execute(&mut other).await.unwrap_err();
    let code = refused.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
    assert_eq!(code, "55P03", "whoever deletes the mailbox waits there, and holds nothing that we wait for");

    holder.close().await.unwrap();
    world.drain().await.unwrap();
    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_outage_of_the_database_is_laid_to_no_message_and_leaves_no_lease() {
    let mut world = World::without_worker().await.unwrap();
    let (_, mailbox) = unread(&world, "outage", 3).await;
    for outage in 0..4 {
        let held = hold_commits(&world).await;
        if outage == 0 {
            world.start_worker().await.unwrap();
        }
        // Whoever takes a connection that broke in the outage does nothing, and is found due again when time has passed: less than
        // a lease, which would be found too.
        for _ in 0..4 {
            world.clock.advance(TimeDelta::seconds(10)).await.unwrap();
            if is_waited(&world, AT_THE_COMMIT, 60).await {
                break;
            }
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
        // What a worker finds that slept past its lease: somebody else had it since, and the commit came to nothing.
        let mut taker = world.servers.postgres.look(&world.database).await.unwrap();
        let now = world.clock.now().await;
        let taken_over = tokio::spawn(async move {
            let sql = format!(
                "update mailbox set lease_token = gen_random_uuid(), lease_until = '{now}',
                    next_poll_at = timestamptz '{now}' + interval '1 minute'"
            );
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut taker).await
        });
        waits(
            &world,
            "select count(*) from pg_stat_activity where datname = current_database()
            and usename <> 'daimon_app' and wait_event_type = 'Lock' and query like 'update mailbox%'",
        )
        .await;
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and usename = 'daimon_app' and wait_event_type = 'Lock'";
        world.sql(cut).await.unwrap();
        taken_over.await.unwrap().unwrap();
        held.close().await.unwrap();
        world.drain().await.unwrap();
        assert_eq!((in_hand(&world).await, put_aside(&world).await), (0, 0));
    }

    world.pass(TimeDelta::seconds(61)).await.unwrap();

    assert_eq!(put_aside(&world).await, 0);
    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_webhook_that_has_arrived_while_the_database_was_away_is_not_sent_again() {
    let mut world = World::without_worker().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    world.client.create_endpoint(&catcher.url()).await.unwrap();
    unread(&world, "arrived", 1).await;
    let mut holder = world.servers.postgres.look(&world.database).await.unwrap();
    sqlx::raw_sql("begin; lock table attempt in share mode").execute(&mut holder).await.unwrap();
    world.start_worker().await.unwrap();
    catcher.wait_for_more_than(0).await;
    comes_to_the_commit(&world).await;
    world.database_goes_away().await.unwrap();
    holder.close().await.unwrap();
    world.database_comes_back().await.unwrap();
    world.drain().await.unwrap();

    world.pass(TimeDelta::minutes(2)).await.unwrap();

    let ids: Vec<_> = catcher.caught().iter().map(|caught| caught.header("webhook-id").to_owned()).collect();
    let once: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), once.len(), "{ids:?}");
    assert_eq!(world.number("select count(*) from attempt where fault = 'interrupted'").await.unwrap(), 0);
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
