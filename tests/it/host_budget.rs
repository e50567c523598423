//! A mail server gets no more of us at a time, and no more a minute, than it bears.

use chrono::TimeDelta;
use daimon_tests::counting_imap::CountingImap;
use daimon_tests::postfix;
use daimon_tests::program::Program;
use daimon_tests::world::World;

async fn onboard(world: &World, server: &CountingImap, count: usize) {
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    for number in 0..count {
        let address = format!("user{number}@{}.example", world.tag);
        world.client.create_mailbox(&tenant, &address, "secret", postfix::NAME, server.port).await.unwrap();
    }
}

async fn read(world: &World) -> i64 {
    let troubled = world.number("select count(*) from mailbox where connection not in ('new', 'connected')");
    assert_eq!(troubled.await.unwrap(), 0);
    world.number("select count(*) from mailbox where connection = 'connected'").await.unwrap()
}

#[tokio::test]
async fn two_workers_with_forty_mailboxes_of_one_server_have_three_sessions_there_at_most() {
    let mut world = World::without_worker().await.unwrap();
    let server = CountingImap::start(&world.servers.authority).await.unwrap();
    onboard(&world, &server, 40).await;
    world.settings.push(("DAIMON_HOST_CONNECTIONS".to_owned(), "3".to_owned()));
    let _second = Program::start("daimon-worker", &["run"], &world.settings).await.unwrap();
    world.start_worker().await.unwrap();

    world.drain().await.unwrap();
    assert_eq!(server.sign_ins(), 40, "each mailbox once");
    world.pass(TimeDelta::minutes(6)).await.unwrap();
    assert_eq!(server.sign_ins(), 80);
    assert_eq!(read(&world).await, 40);
    assert!(server.most_at_once() <= 3, "{} at once", server.most_at_once());
    assert_eq!(world.number("select count(*) from host_seat").await.unwrap(), 0, "all seats are given up");
}

#[tokio::test]
async fn a_server_that_bears_six_sign_ins_a_minute_gets_no_more_and_nobody_counts_as_unreachable() {
    let mut world = World::without_worker().await.unwrap();
    let server = CountingImap::start(&world.servers.authority).await.unwrap();
    onboard(&world, &server, 8).await;
    world.settings.retain(|(name, _)| name != "DAIMON_HOST_LOGINS_PER_MINUTE");
    world.settings.push(("DAIMON_HOST_CONNECTIONS".to_owned(), "2".to_owned()));
    world.settings.push(("DAIMON_HOST_LOGINS_PER_MINUTE".to_owned(), "6".to_owned()));
    world.start_worker().await.unwrap();

    world.drain().await.unwrap();
    let mut sign_ins = vec![server.sign_ins()];
    for _ in 0..6 {
        world.pass(TimeDelta::seconds(10)).await.unwrap();
        sign_ins.push(server.sign_ins());
    }
    assert_eq!(sign_ins, [1, 2, 3, 4, 5, 6, 7]);
    // Those that were read first may be due again before the last ones have had their turn.
    let mut turns = 7;
    while read(&world).await < 8 && turns < 60 {
        world.pass(TimeDelta::seconds(10)).await.unwrap();
        turns += 1;
        assert!(server.sign_ins() <= turns, "{} in {turns} turns", server.sign_ins());
    }
    assert_eq!(read(&world).await, 8);
}
