//! What several tenants of one MSP suffer from at once, and who may know.

use chrono::TimeDelta;
use daimon_store::trouble::{self, Seen};
use sqlx::PgPool;

use crate::support::{Msp, World, at};

const SYSTEM: [u8; 32] = [7; 32];

async fn note(world: &World, msp: Msp, second: i64) {
    let mut tx = world.db.begin(&msp.wall()).await.unwrap();
    let seen = Seen { kind: "failing", system: SYSTEM, at: at(second) };
    trouble::note_many(&mut tx, msp.tenant, &[seen.clone(), seen], at(second)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn count(world: &World, wall: &daimon_domain::scope::Wall, since: i64) -> usize {
    let mut tx = world.db.begin(wall).await.unwrap();
    trouble::tenants(&mut tx, "failing", &SYSTEM, at(since), 3).await.unwrap()
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn tenants_of_one_msp_are_counted_once_each_and_nobody_beyond_the_wall(pool: PgPool) {
    let world = World::new(pool).await;
    let ours = world.ours;
    let other = Msp { tenant: world.another_tenant(ours).await, ..ours };
    for (msp, second) in [(ours, 100), (ours, 110), (other, 120), (world.theirs, 130)] {
        note(&world, msp, second).await;
    }
    assert_eq!(count(&world, &ours.wall(), 0).await, 2);
    assert_eq!(count(&world, &world.theirs.wall(), 0).await, 1);
    assert_eq!(count(&world, &ours.limited(&[ours.tenant]), 0).await, 1, "a limited caller counts its own");
    assert_eq!(count(&world, &ours.wall(), 110).await, 1, "the older one was longer ago");
    for _ in 0..3 {
        note(&world, Msp { tenant: world.another_tenant(ours).await, ..ours }, 140).await;
    }
    assert_eq!(count(&world, &ours.wall(), 0).await, 3, "no further than asked");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_trouble_is_renewed_now_and_then_and_forgotten_after_a_day(pool: PgPool) {
    let world = World::new(pool).await;
    let ours = world.ours;
    let renewed = async |second| {
        note(&world, ours, second).await;
        count(&world, &ours.wall(), second - 1).await == 1
    };
    assert!(renewed(0).await);
    assert!(!renewed(200).await, "five minutes say the same");
    assert!(renewed(400).await);
    let mut tx = world.db.begin(&ours.wall()).await.unwrap();
    let later = at(400) + TimeDelta::days(2);
    let seen = Seen { kind: "listed", system: SYSTEM, at: later };
    trouble::note_many(&mut tx, ours.tenant, &[seen], later).await.unwrap();
    assert_eq!(trouble::tenants(&mut tx, "failing", &SYSTEM, at(0), 3).await.unwrap(), 0);
}
