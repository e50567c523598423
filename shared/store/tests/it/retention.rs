//! What an MSP wants kept no longer goes, and nothing of anybody else, and nothing that is still needed.

use daimon_domain::delivery::Delivery;
use daimon_domain::event::{Event, EventType};
use daimon_domain::incident::{Incident, IncidentState};
use daimon_store::bounce::Bounce;
use daimon_store::delivery::DeliveryEnd;
use daimon_store::{attempt, bounce, delivery, event, incident, msp};
use sqlx::PgPool;

use crate::support::{Msp, World, at};

/// A bounce of an incident that goes on, one that came just before that was opened, one of an incident that has ended, and one from
/// before them all; which of them are there.
struct Bounces([Bounce; 4]);

impl Bounces {
    async fn store(world: &World, msp: Msp, second: i64) -> Self {
        let live = Incident { first_bounce_at: at(second), opened_at: at(second + 2), ..world.incident(msp) };
        let ended = Incident { state: IncidentState::Closed, dedup_key: "ended".to_owned(), ..world.incident(msp) };
        let of = |second, incident| Bounce { incident, ..world.bounce(msp, at(second)) };
        let (live_id, ended_id) = (Some(live.id), Some(ended.id));
        let bounces = [of(second + 3, live_id), of(second + 1, None), of(second, ended_id), of(second - 1, None)];
        let mut tx = world.db.begin(&msp.wall()).await.unwrap();
        incident::insert(&mut tx, &live).await.unwrap();
        incident::insert(&mut tx, &ended).await.unwrap();
        bounce::insert_many(&mut tx, &bounces).await.unwrap();
        tx.commit().await.unwrap();
        Self(bounces)
    }

    async fn are_there(&self, world: &World, msp: Msp) -> [bool; 4] {
        let mut tx = world.db.begin(&msp.wall()).await.unwrap();
        let ids = self.0.each_ref().map(|bounce| bounce.id);
        let there = bounce::existing_ids(&mut tx, &ids).await.unwrap();
        ids.map(|id| there.contains(&id))
    }
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn bounces_go_but_not_those_of_an_incident_that_goes_on(pool: PgPool) {
    let world = World::new(pool).await;
    let old = Bounces::store(&world, world.ours, 10).await;
    let theirs = Bounces::store(&world, world.theirs, 10).await;
    let young = world.bounce(world.ours, at(20));
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    bounce::insert_many(&mut tx, std::slice::from_ref(&young)).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(world.fleet.forget_before(world.ours.id, at(15), 1).await.unwrap(), 1, "so many at a time");
    assert_eq!(world.fleet.forget_before(world.ours.id, at(15), 9).await.unwrap(), 1);
    assert_eq!(world.fleet.forget_before(world.ours.id, at(15), 9).await.unwrap(), 0);
    assert_eq!(old.are_there(&world, world.ours).await, [true, true, false, false]);
    assert_eq!(theirs.are_there(&world, world.theirs).await, [true; 4]);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(bounce::find(&mut tx, young.id).await.unwrap().is_some());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn events_go_with_what_became_of_them_but_not_while_they_wait(pool: PgPool) {
    let world = World::new(pool).await;
    let endpoint = world.an_endpoint(world.ours, &[]).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let mut deliveries = Vec::new();
    for is_sent in [true, false] {
        let told = Event {
            id: world.event_id(10),
            kind: EventType::IncidentOpened,
            occurred_at: at(10),
            body: "{}".to_owned(),
        };
        event::insert(&mut tx, &told, Some(world.ours.tenant), None, None).await.unwrap();
        let id = world.delivery_id(10);
        delivery::insert_many(&mut tx, Some(world.ours.tenant), &[Delivery::new(id, told.id, endpoint, at(10))], None)
            .await
            .unwrap();
        if is_sent {
            let held = delivery::lease(&mut tx, id, at(10), at(70)).await.unwrap().unwrap();
            delivery::finish(&mut tx, &held, DeliveryEnd::Delivered, &world.attempt(id, 11)).await.unwrap();
        }
        deliveries.push((told.id, id));
    }
    tx.commit().await.unwrap();

    assert_eq!(world.fleet.forget_before(world.theirs.id, at(15), 9).await.unwrap(), 0);
    assert_eq!(world.fleet.forget_before(world.ours.id, at(15), 9).await.unwrap(), 3, "event, delivery and attempt");
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let [(sent, delivered), (waiting, pending)] = deliveries[..] else { panic!("two were stored") };
    assert!(event::find(&mut tx, sent).await.unwrap().is_none());
    assert!(delivery::find(&mut tx, delivered).await.unwrap().is_none());
    let page = daimon_store::Page { before: None, limit: 9 };
    assert!(attempt::list(&mut tx, delivered, page).await.unwrap().items.is_empty());
    assert!(event::find(&mut tx, waiting).await.unwrap().is_some());
    assert!(delivery::find(&mut tx, pending).await.unwrap().is_some());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn only_those_who_want_less_are_asked_about(pool: PgPool) {
    let world = World::new(pool).await;
    assert!(world.fleet.retentions().await.unwrap().is_empty());
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let profile = msp::find(&mut tx).await.unwrap().unwrap();
    assert_eq!(profile.retention_days, msp::LONGEST_KEPT_DAYS);
    msp::update(&mut tx, &msp::Msp { retention_days: 60, ..profile }).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let wanted = world.fleet.retentions().await.unwrap();
    assert_eq!(wanted, [(world.ours.id, chrono::TimeDelta::days(60))]);
}
