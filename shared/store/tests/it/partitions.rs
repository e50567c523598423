//! Months of the tables that grow: made ahead, filled from the default partition, dropped when they are old.

use chrono::{DateTime, Utc};
use daimon_store::bounce;
use sqlx::PgPool;

use crate::support::{World, at};

fn day(text: &str) -> DateTime<Utc> {
    format!("{text}T12:00:00Z").parse().unwrap()
}

/// How many rows the owner finds in one partition.
async fn rows_of(world: &World, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&world.owner).await.unwrap()
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn months_are_made_once_and_take_over_what_waited_in_the_default(pool: PgPool) {
    let world = World::new(pool).await;
    let waiting = world.bounce(world.ours, at(1));
    let odd = world.bounce(world.ours, day("2011-01-01"));
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    bounce::insert_many(&mut tx, &[waiting.clone(), odd.clone()]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rows_of(&world, "select count(*) from bounce_default").await, 2);

    assert_eq!(world.fleet.ensure_partitions(at(0)).await.unwrap(), 16);
    assert_eq!(world.fleet.ensure_partitions(at(0)).await.unwrap(), 0);
    assert_eq!(rows_of(&world, "select count(*) from bounce_default").await, 1);
    assert_eq!(rows_of(&world, "select count(*) from bounce_2026_11").await, 1);

    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(bounce::insert_many(&mut tx, &[waiting.clone(), odd.clone()]).await.unwrap().is_empty());
    for id in [waiting.id, odd.id] {
        assert!(bounce::find(&mut tx, id).await.unwrap().is_some());
    }
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn only_months_that_are_over_are_dropped(pool: PgPool) {
    let world = World::new(pool).await;
    world.fleet.ensure_partitions(day("2026-11-24")).await.unwrap();
    let kept = world.bounce(world.ours, day("2026-11-01"));
    let old = world.bounce(world.ours, day("2026-10-31"));
    let odd = world.bounce(world.ours, day("2011-01-01"));
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    bounce::insert_many(&mut tx, &[kept.clone(), old.clone(), odd.clone()]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.fleet.drop_partitions(day("2026-10-31")).await.unwrap(), 0);
    assert_eq!(world.fleet.drop_partitions(day("2026-11-02")).await.unwrap(), 4);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(bounce::find(&mut tx, kept.id).await.unwrap().is_some());
    assert!(bounce::find(&mut tx, old.id).await.unwrap().is_none());
    assert!(bounce::find(&mut tx, odd.id).await.unwrap().is_none());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_month_begins_where_the_ids_of_its_first_millisecond_do(pool: PgPool) {
    let world = World::new(pool).await;
    let low: uuid::Uuid =
        sqlx::query_scalar("select uuid_floor('2026-11-24T08:00:00.123Z')").fetch_one(&world.owner).await.unwrap();
    let same = daimon_domain::id::uuid_floor("2026-11-24T08:00:00.123Z".parse().unwrap());
    assert_eq!(low, same);
}
