//! What a dead process had in hand stays; what a living one had does not, whatever happened to its lease.

use daimon_domain::job::Lease;
use daimon_domain::mailbox::{Checkpoint, Connection};
use daimon_store::in_hand::{self, InHand};
use daimon_store::mailbox::{self, MailboxEnd};
use daimon_store::quarantine::{self, Quarantined};
use daimon_store::{MspTx, folder};
use sqlx::PgPool;

use crate::support::{World, at};

fn inbox(first_uid: u32, last_uid: u32) -> InHand {
    InHand { folder: "INBOX".to_owned(), uid_validity: u32::MAX, first_uid, last_uid, alone: false }
}

async fn begin(world: &World) -> MspTx {
    world.db.begin(&world.ours.wall()).await.unwrap()
}

async fn lease(tx: &mut MspTx, world: &World, second: i64) -> Lease {
    mailbox::lease(tx, world.ours.mailbox, at(second), at(second + 60)).await.unwrap().unwrap().1
}

async fn take(tx: &mut MspTx, world: &World, lease: &Lease, messages: &InHand) {
    in_hand::take(tx, world.ours.tenant, world.ours.mailbox, lease, messages, lease.until).await.unwrap();
}

async fn left(tx: &mut MspTx, world: &World, lease: &Lease) -> Vec<InHand> {
    in_hand::left(tx, world.ours.mailbox, lease).await.unwrap()
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_session_leaves_what_it_had_last_and_one_that_lives_takes_it_out(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.ours.mailbox;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let first = lease(&mut tx, &world, 10).await;
    take(&mut tx, &world, &first, &inbox(1, 200)).await;
    take(&mut tx, &world, &first, &inbox(201, 400)).await;
    assert_eq!(left(&mut tx, &world, &first).await, [], "its own");
    let second = lease(&mut tx, &world, 70).await;
    assert_eq!(left(&mut tx, &world, &second).await, [inbox(201, 400)]);
    take(&mut tx, &world, &second, &inbox(201, 201)).await;

    tx.commit().await.unwrap();
    let tx = begin(&world).await;
    assert!(!mailbox::give_back(tx, id, &first, at(80)).await.unwrap(), "it is the second's");
    let mut tx = begin(&world).await;
    let third = lease(&mut tx, &world, 130).await;
    assert_eq!(left(&mut tx, &world, &third).await, [inbox(201, 201)]);
    take(&mut tx, &world, &third, &inbox(201, 201)).await;
    tx.commit().await.unwrap();
    let end = MailboxEnd {
        connection: Connection::Connected { since: at(131) },
        next_poll_at: at(190),
        last_polled_at: None,
        state: None,
        is_news: true,
    };
    let ending = mailbox::end(begin(&world).await, id, third).await.unwrap().unwrap();
    ending.finish(&end).await.unwrap();
    let mut tx = begin(&world).await;
    let fourth = lease(&mut tx, &world, 190).await;
    assert_eq!(left(&mut tx, &world, &fourth).await, [inbox(201, 201)], "the second's, and no other");
    in_hand::forget(&mut tx, id).await.unwrap();
    assert_eq!(left(&mut tx, &world, &fourth).await, []);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn what_was_read_and_what_has_another_number_now_is_taken_out(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.ours.mailbox;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let junk = InHand { folder: "Junk".to_owned(), ..inbox(1, 5) };
    for (second, messages) in [(10, inbox(1, 9)), (70, inbox(1, 1)), (130, junk.clone())] {
        let lease = lease(&mut tx, &world, second).await;
        take(&mut tx, &world, &lease, &messages).await;
    }
    let now = lease(&mut tx, &world, 190).await;
    let read = |uid_validity, last_uid| Checkpoint { uid_validity, last_uid };
    in_hand::passed(&mut tx, id, "INBOX", read(u32::MAX, 8)).await.unwrap();
    assert_eq!(left(&mut tx, &world, &now).await, [inbox(1, 9), junk.clone()]);
    in_hand::passed(&mut tx, id, "INBOX", read(3, 0)).await.unwrap();
    assert_eq!(left(&mut tx, &world, &now).await, [junk]);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_mailbox_that_is_given_back_is_as_it_was_and_due_when_it_was_asked_for(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.ours.mailbox;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let before = mailbox::find(&mut tx, id).await.unwrap().unwrap();
    let first = lease(&mut tx, &world, 10).await;
    tx.commit().await.unwrap();
    assert!(mailbox::give_back(begin(&world).await, id, &first, at(15)).await.unwrap());
    let mut tx = begin(&world).await;
    let after = mailbox::find(&mut tx, id).await.unwrap().unwrap();
    assert_eq!((after.connection, after.next_poll_at), (before.connection, at(15)));
    assert!(mailbox::lease(&mut tx, id, at(14), at(74)).await.unwrap().is_none());
    let second = lease(&mut tx, &world, 15).await;
    assert_eq!(second.attempt, 1, "the first one said how it ended");
    mailbox::poll_now(&mut tx, id, at(16)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(mailbox::give_back(begin(&world).await, id, &second, at(900)).await.unwrap());
    let mut tx = begin(&world).await;
    assert!(mailbox::lease(&mut tx, id, at(16), at(76)).await.unwrap().is_some());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn changes_of_uid_validity_are_counted_until_it_stays(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.ours.mailbox;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let read = |uid_validity, last_uid| Checkpoint { uid_validity, last_uid };
    folder::upsert(&mut tx, world.ours.tenant, id, "INBOX", read(7, 40), at(1)).await.unwrap();
    assert_eq!(folder::renumber(&mut tx, id, "INBOX", 8, at(2)).await.unwrap(), 1);
    folder::upsert(&mut tx, world.ours.tenant, id, "INBOX", read(8, 12), at(3)).await.unwrap();
    assert_eq!(folder::renumber(&mut tx, id, "INBOX", 9, at(4)).await.unwrap(), 2, "reading it is no sign of rest");
    let known = folder::list(&mut tx, id).await.unwrap();
    assert_eq!((known[0].checkpoint, known[0].renumbered), (read(9, 0), 2));
    folder::settled(&mut tx, id, "INBOX").await.unwrap();
    assert_eq!(folder::list(&mut tx, id).await.unwrap()[0].renumbered, 0);
    assert_eq!(folder::renumber(&mut tx, id, "unknown", 8, at(2)).await.unwrap(), 0);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_session_that_ends_too_late_has_put_down_what_it_had_whatever_its_caller_does(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.ours.mailbox;
    let mut tx = begin(&world).await;
    let late = lease(&mut tx, &world, 10).await;
    take(&mut tx, &world, &late, &inbox(1, 200)).await;
    let second = lease(&mut tx, &world, 70).await;
    assert_eq!(left(&mut tx, &world, &second).await, [inbox(1, 200)]);
    tx.commit().await.unwrap();

    assert!(mailbox::end(begin(&world).await, id, late).await.unwrap().is_none());

    assert_eq!(left(&mut begin(&world).await, &world, &second).await, []);
    let ending = mailbox::end(begin(&world).await, id, second).await.unwrap();
    drop(ending);
    assert!(mailbox::end(begin(&world).await, id, second).await.unwrap().is_some(), "nothing was committed");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn whoever_asks_may_have_it_tried_once_more_and_not_sooner_than_in_an_hour(pool: PgPool) {
    let world = World::new(pool).await;
    let (id, tenant) = (world.ours.mailbox, world.ours.tenant);
    let mut tx = begin(&world).await;
    let death = InHand::nothing_of("", true);
    for second in [10, 70, 130] {
        let lease = lease(&mut tx, &world, second).await;
        take(&mut tx, &world, &lease, &death).await;
    }
    let aside = |uid, reason: &str| Quarantined {
        folder: "INBOX".to_owned(),
        uid_validity: 7,
        uid,
        reason: reason.to_owned(),
        at: at(200),
        again: false,
    };
    for message in [aside(1, quarantine::CRASHED), aside(2, "too_large")] {
        quarantine::insert(&mut tx, tenant, id, &message).await.unwrap();
    }
    let now = lease(&mut tx, &world, 200).await;
    mailbox::poll_now(&mut tx, id, at(300)).await.unwrap();
    assert_eq!(left(&mut tx, &world, &now).await.len(), 3);
    assert_eq!(quarantine::asked_again(&mut tx, id).await.unwrap(), []);

    mailbox::poll_now(&mut tx, id, at(3_800)).await.unwrap();
    assert_eq!(left(&mut tx, &world, &now).await.len(), 2);
    let asked = quarantine::asked_again(&mut tx, id).await.unwrap();
    assert_eq!(asked.iter().map(|one| one.uid).collect::<Vec<_>>(), [1], "only what processes died of");

    quarantine::try_again(&mut tx, id, &asked[0], at(3_801)).await.unwrap();
    assert_eq!(quarantine::asked_again(&mut tx, id).await.unwrap(), []);
    mailbox::poll_now(&mut tx, id, at(3_900)).await.unwrap();
    assert_eq!(quarantine::asked_again(&mut tx, id).await.unwrap(), [], "it was tried a moment ago");
    quarantine::remove(&mut tx, id, &asked[0]).await.unwrap();
    assert_eq!(quarantine::list(&mut tx, id).await.unwrap().len(), 1);
}
