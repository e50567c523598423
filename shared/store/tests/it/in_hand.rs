//! What a dead process had in hand stays; what a living one had does not, whatever happened to its lease.

use daimon_domain::job::Lease;
use daimon_domain::mailbox::{Checkpoint, Connection};
use daimon_store::in_hand::{self, InHand};
use daimon_store::mailbox::{self, MailboxEnd};
use daimon_store::{MspTx, folder};
use sqlx::PgPool;

use crate::support::{World, at};

fn inbox(first_uid: u32, last_uid: u32) -> InHand {
    InHand { folder: "INBOX".to_owned(), uid_validity: u32::MAX, first_uid, last_uid }
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

    assert!(!mailbox::give_back(&mut tx, id, &first, at(80)).await.unwrap(), "it is the second's");
    let third = lease(&mut tx, &world, 130).await;
    assert_eq!(left(&mut tx, &world, &third).await, [inbox(201, 201)]);
    let end = MailboxEnd {
        connection: Connection::Connected { since: at(131) },
        next_poll_at: at(190),
        last_polled_at: None,
        state: None,
    };
    take(&mut tx, &world, &third, &inbox(201, 201)).await;
    assert!(mailbox::finish(&mut tx, id, &third, &end).await.unwrap());
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
    assert!(mailbox::give_back(&mut tx, id, &first, at(15)).await.unwrap());
    let after = mailbox::find(&mut tx, id).await.unwrap().unwrap();
    assert_eq!((after.connection, after.next_poll_at), (before.connection, at(15)));
    assert!(mailbox::lease(&mut tx, id, at(14), at(74)).await.unwrap().is_none());
    let second = lease(&mut tx, &world, 15).await;
    assert_eq!(second.attempt, 1, "the first one said how it ended");
    mailbox::poll_now(&mut tx, id, at(16)).await.unwrap();
    assert!(mailbox::give_back(&mut tx, id, &second, at(900)).await.unwrap());
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
