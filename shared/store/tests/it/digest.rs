//! The day's digest: told once, of what happened.

use daimon_domain::day::DigestTime;
use daimon_domain::event::{Event, EventType};
use daimon_store::{digest, event};
use sqlx::PgPool;

use crate::support::{World, at};

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_digest_is_told_by_one_and_tells_of_the_time_since_the_last_one(pool: PgPool) {
    let world = World::new(pool).await;
    let (hour, day) = (3_600, 86_400);
    let time = DigestTime::new(7, "UTC".parse().unwrap()).unwrap();
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert_eq!(digest::find(&mut tx).await.unwrap(), None);
    assert!(digest::set(&mut tx, time, at(0), None).await.unwrap());
    assert!(!digest::set(&mut tx, time, at(0), None).await.unwrap(), "somebody was faster");
    let due_at = digest::find(&mut tx).await.unwrap().unwrap().next_at;
    tx.commit().await.unwrap();
    let second = (due_at - at(0)).num_seconds();
    assert!(world.fleet.due_digests(at(second - 1), 9).await.unwrap().is_empty());
    assert_eq!(
        world.fleet.due_digests(due_at, 9).await.unwrap().iter().map(|due| due.id).collect::<Vec<_>>(),
        [world.ours.id]
    );

    // A worker that dies in between has told nothing.
    let mut dies = world.db.begin(&world.ours.wall()).await.unwrap();
    let first = digest::take(&mut dies, due_at).await.unwrap().unwrap();
    assert_eq!((first.time, first.since), (time, at(second - day)));
    dies.rollback().await.unwrap();
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(digest::take(&mut tx, at(second + hour)).await.unwrap().is_some());
    tx.commit().await.unwrap();
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert_eq!(digest::take(&mut tx, at(second + hour)).await.unwrap(), None, "somebody was faster");
    let next = digest::take(&mut tx, at(second + day)).await.unwrap().unwrap();
    assert_eq!(next.since, at(second + hour), "nothing is left out, and nothing told twice");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_digest_counts_what_happened_and_no_test(pool: PgPool) {
    let world = World::new(pool).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    for (second, kind) in
        [(9, EventType::IncidentOpened), (10, EventType::IncidentOpened), (11, EventType::IncidentClosed)]
    {
        let event = Event { id: world.event_id(second), kind, occurred_at: at(second), body: "{}".to_owned() };
        event::insert(&mut tx, &event, None, None, None).await.unwrap();
        let test = Event { id: world.event_id(second), ..event };
        event::insert_test(&mut tx, &test, None).await.unwrap();
    }
    let facts = digest::facts(&mut tx, at(10), at(12)).await.unwrap();
    assert_eq!(facts.events, [(EventType::IncidentClosed, 1), (EventType::IncidentOpened, 1)]);
    assert_eq!((facts.bounces, facts.unread, facts.endpoints), (0, 0, (0, 0)));
    drop(tx);
    let mut limited = world.db.begin(&world.ours.limited(&[world.ours.tenant])).await.unwrap();
    assert_eq!(digest::find(&mut limited).await.unwrap(), None);
    let time = DigestTime::new(7, "UTC".parse().unwrap()).unwrap();
    assert!(digest::set(&mut limited, time, at(0), None).await.is_err(), "it tells of every tenant");
}
