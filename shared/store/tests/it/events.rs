//! Events are listed in an order that skips nothing, whatever commits late.

use daimon_domain::event::{Event, EventType};
use daimon_domain::id::EventId;
use daimon_store::{MspTx, event};
use sqlx::PgPool;

use crate::support::{World, at};

async fn write(tx: &mut MspTx, world: &World, second: i64) -> EventId {
    let written = Event {
        id: world.event_id(second),
        kind: EventType::IncidentOpened,
        occurred_at: at(second),
        body: "{}".to_owned(),
    };
    event::insert(tx, &written, Some(world.ours.tenant), None, None).await.unwrap();
    assert_eq!(event::find(tx, written.id).await.unwrap().as_ref(), Some(&written));
    written.id
}

async fn after(world: &World, position: i64) -> Vec<(i64, EventId)> {
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let listed = event::list_after(&mut tx, position, 100).await.unwrap();
    tx.commit().await.unwrap();
    listed.into_iter().map(|placed| (placed.position, placed.event.id)).collect()
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn an_event_that_commits_late_is_not_skipped(pool: PgPool) {
    let world = World::new(pool).await;
    let mut slow = world.db.begin(&world.ours.wall()).await.unwrap();
    let early = write(&mut slow, &world, 1).await;
    let mut quick = world.db.begin(&world.ours.wall()).await.unwrap();
    let late = write(&mut quick, &world, 2).await;
    quick.commit().await.unwrap();
    assert_eq!(after(&world, 0).await, [(1, late)]);
    slow.commit().await.unwrap();
    assert_eq!(after(&world, 1).await, [(2, early)]);
    assert_eq!(after(&world, 0).await, [(1, late), (2, early)]);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn readers_at_once_give_each_event_one_position(pool: PgPool) {
    let world = std::sync::Arc::new(World::new(pool).await);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    for second in 0..30 {
        write(&mut tx, &world, second).await;
    }
    tx.commit().await.unwrap();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { after(&world, 0).await })
        })
        .collect();
    for reader in readers {
        let positions: Vec<_> = reader.await.unwrap().into_iter().map(|(position, _)| position).collect();
        assert_eq!(positions, (1..=30).collect::<Vec<_>>());
    }
}
