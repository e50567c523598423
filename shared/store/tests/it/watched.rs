//! What is billed stays what it was, whatever becomes of mailboxes and tenants.

use chrono::{Days, NaiveDate, TimeDelta};
use daimon_store::deletion::{self, Target};
use daimon_store::mailbox;
use daimon_store::watched::{self, By};
use sqlx::PgPool;

use crate::support::{World, at};

/// The morning of a day; the mailbox was created on day 0.
fn day(number: i64) -> chrono::DateTime<chrono::Utc> {
    at(0) + TimeDelta::days(number)
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn days_are_counted_that_a_mailbox_was_watched_on(pool: PgPool) {
    let world = World::new(pool).await;
    let ours = world.ours;
    let from: NaiveDate = at(0).date_naive();
    let range = (from, from + Days::new(30));
    let mut tx = world.db.begin(&ours.wall()).await.unwrap();
    mailbox::pause(&mut tx, ours.mailbox, day(1)).await.unwrap();
    mailbox::pause(&mut tx, ours.mailbox, day(2)).await.unwrap();
    mailbox::resume(&mut tx, ours.mailbox, day(4)).await.unwrap();
    mailbox::resume(&mut tx, ours.mailbox, day(5)).await.unwrap();
    let counted = watched::days(&mut tx, By::Day, None, range, day(5)).await.unwrap();
    let days: Vec<_> = counted.iter().filter_map(|one| one.day).map(|day| (day - from).num_days()).collect();
    assert_eq!(days, [0, 1, 4, 5], "and none that is still to come");
    // Paused and resumed at the same moment, it was watched all the time.
    mailbox::pause(&mut tx, ours.mailbox, day(6)).await.unwrap();
    mailbox::resume(&mut tx, ours.mailbox, day(6)).await.unwrap();
    assert!(deletion::finish(&mut tx, Target::Tenant(ours.tenant), Some(1), day(7)).await.unwrap());
    let counted = watched::days(&mut tx, By::Mailbox, Some(ours.tenant), range, day(20)).await.unwrap();
    let [one] = counted.as_slice() else { panic!("{counted:?}") };
    assert_eq!((one.tenant, one.mailbox, one.mailbox_days), (Some(ours.tenant), Some(ours.mailbox), 6));
    tx.commit().await.unwrap();
    // Another MSP has its own, and a caller who is limited to other tenants has none of these.
    let mut tx = world.db.begin(&world.theirs.wall()).await.unwrap();
    assert_eq!(watched::days(&mut tx, By::Tenant, Some(ours.tenant), range, day(20)).await.unwrap(), []);
    drop(tx);
    let mut tx = world.db.begin(&ours.limited(&[world.theirs.tenant])).await.unwrap();
    assert_eq!(watched::days(&mut tx, By::Tenant, None, range, day(20)).await.unwrap(), []);
}
