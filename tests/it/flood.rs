//! A flood that is settled: a sample of it is read, all of it is counted, and what is rare in it is not overlooked.

use chrono::TimeDelta;
use daimon_tests::flood;
use daimon_tests::life::{Person, letter, returned};
use daimon_tests::world::World;

const FLOOD: u32 = 3_000;

/// A mailbox with a flood in it, and one bounce of another server late in the middle of it; how many bounces there are in all.
async fn flooded(world: &World) -> (Person, i64) {
    let (servers, now) = (world.servers, world.clock.now().await);
    let sato = Person::with_account(servers, &format!("flooded@{}.example", world.tag), "Sakura2019").unwrap();
    let ordinary = sato.lived_for_a_month(servers, now).await.unwrap();
    let folder = servers.folder.join(&world.tag).join("flood");
    flood::write(&folder, &sato, FLOOD, now).unwrap();
    let at = now - TimeDelta::minutes(5);
    let original = letter(&sato.address, "tanaka@rare.example", "Our appointment", "rare@pc.example", at, "On Monday?");
    let rare = returned(&original, &sato.address, "tanaka@rare.example", "mx.rare.example", at);
    std::fs::write(folder.join("cur").join(format!("{}.M1.rare:2,", at.timestamp())), rare).unwrap();
    servers.dovecot.import(&sato.address, &folder).unwrap();
    (sato, i64::from(ordinary + FLOOD + 1))
}

#[tokio::test]
async fn of_a_settled_flood_a_sample_is_read_all_is_counted_and_what_is_rare_is_seen() {
    let mut world = World::without_worker().await.unwrap();
    world.settings.push(("DAIMON_READ_ALL_UP_TO".to_owned(), "500".to_owned()));
    let (sato, all) = flooded(&world).await;
    sato.onboarded(&world.client, world.servers).await.unwrap();
    world.start_worker().await.unwrap();
    world.drain().await.unwrap();

    let read = world.number("select count(*) from bounce").await.unwrap();
    let counted = world.number("select sum(unread_bounces)::bigint from incident").await.unwrap();
    assert_eq!(read + counted, all, "{read} read, {counted} counted");
    // What is fetched while the first is judged comes whole.
    assert!((1_000..2_000).contains(&read), "{read} of {all} were read");
    assert_eq!(world.number("select count(*) from bounce where recipient_domain = 'rare.example'").await.unwrap(), 1);

    let incidents = world.client.incidents().await.unwrap();
    let [incident] = incidents.as_slice() else { panic!("{incidents:#?}") };
    assert_eq!(incident["verdict"], "account_takeover");
    assert_eq!(incident["bounces_unread"], counted);
    let incident = world.client.incident(incident["id"].as_str().unwrap()).await.unwrap();
    let told = incident["evidence"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&told["item"], &told["value"], told["count"].as_i64()),
        (&"flood".into(), &"sampled".into(), Some(counted))
    );
    assert!(told["sentence"].as_str().unwrap().contains(&format!("{counted} more bounces")), "{told}");

    // Nothing is counted twice, and nothing that came since is missed.
    world.pass(TimeDelta::minutes(10)).await.unwrap();
    assert_eq!(world.number("select sum(unread_bounces)::bigint from incident").await.unwrap(), counted);
}

#[tokio::test]
async fn whoever_wants_all_of_a_flood_read_says_so() {
    let mut world = World::without_worker().await.unwrap();
    world.settings.push(("DAIMON_READ_ALL_UP_TO".to_owned(), "0".to_owned()));
    let (sato, all) = flooded(&world).await;
    sato.onboarded(&world.client, world.servers).await.unwrap();
    world.start_worker().await.unwrap();
    world.drain().await.unwrap();
    assert_eq!(world.number("select count(*) from bounce").await.unwrap(), all);
}
