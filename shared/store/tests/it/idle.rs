//! Sessions that wait for new mail: one for each mailbox, no more than there may be, and none with a worker that has died.

use std::sync::Arc;

use daimon_domain::mailbox::{Connection, IdleState, Idling, Mailbox, NewMail};
use daimon_store::mailbox::{self, IdleEnd, IdleLease, MailboxEnd};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{World, at, sealed};

fn lease(holder: u128, token: u128) -> IdleLease {
    IdleLease { holder: Uuid::from_u128(holder), token: Uuid::from_u128(token) }
}

/// Our mailbox asks for it.
async fn asks(pool: PgPool) -> World {
    let world = World::new(pool).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let known = mailbox::find(&mut tx, world.ours.mailbox).await.unwrap().unwrap();
    assert_eq!((known.new_mail, known.idling), (NewMail::Poll, Idling::Starting));
    let asking = Mailbox { new_mail: NewMail::Idle, ..known };
    assert_eq!(mailbox::update(&mut tx, &asking, at(5)).await.unwrap(), Some(2));
    tx.commit().await.unwrap();
    world
}

async fn begin(world: &World, lease: IdleLease, second: i64) -> bool {
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let is_begun = mailbox::begin_idle(&mut tx, world.ours.mailbox, &lease, at(second)).await.unwrap();
    tx.commit().await.unwrap();
    is_begun
}

async fn alive(world: &World, holder: u128, until: i64) {
    world.fleet.keep_idle_worker(Uuid::from_u128(holder), 1, at(0), at(until)).await.unwrap();
}

async fn shown(world: &World) -> Mailbox {
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    mailbox::find(&mut tx, world.ours.mailbox).await.unwrap().unwrap()
}

async fn ended(world: &World, token: u128, due_at: Option<i64>) -> bool {
    let end = IdleEnd { failures: 3, not_before: Some(at(90)), due_at: due_at.map(at) };
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let is_ended = mailbox::end_idle(&mut tx, world.ours.mailbox, Uuid::from_u128(token), &end).await.unwrap();
    tx.commit().await.unwrap();
    is_ended
}

/// The mailbox is read to its end, and its next turn is at second 900.
async fn read(world: &World, second: i64) {
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let (_, lease) = mailbox::lease(&mut tx, world.ours.mailbox, at(second), at(second + 60)).await.unwrap().unwrap();
    let end = MailboxEnd {
        connection: Connection::Connected { since: at(second) },
        next_poll_at: at(900),
        last_polled_at: Some(at(second)),
        state: None,
        is_news: true,
    };
    mailbox::end(tx, world.ours.mailbox, lease).await.unwrap().unwrap().finish(&end).await.unwrap();
}

async fn notice(world: &World, token: u128, second: i64) -> bool {
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let is_due = mailbox::notice(&mut tx, world.ours.mailbox, Uuid::from_u128(token), at(second)).await.unwrap();
    tx.commit().await.unwrap();
    is_due
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn one_worker_has_it_until_it_is_heard_of_no_more(pool: PgPool) {
    let world = asks(pool).await;
    alive(&world, 1, 60).await;
    alive(&world, 2, 600).await;
    assert!(begin(&world, lease(1, 11), 10).await);
    assert!(!begin(&world, lease(2, 21), 20).await, "somebody has it");
    assert!(begin(&world, lease(1, 12), 30).await, "its own may be replaced");
    assert_eq!(shown(&world).await.idling, Idling::Since(at(10)), "without a gap");
    assert!(!ended(&world, 11, Some(40)).await, "that one was replaced");
    assert!(world.fleet.lost_idling(at(59)).await.unwrap().is_empty());
    assert_eq!(world.fleet.lost_idling(at(60)).await.unwrap(), [(world.ours.id, Uuid::from_u128(1))]);
    assert!(!begin(&world, lease(2, 22), 61).await, "nobody has looked after the dead yet");
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert_eq!(mailbox::give_back_idling(&mut tx, Uuid::from_u128(1), at(61)).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert!(begin(&world, lease(2, 22), 61).await);
    assert_eq!(shown(&world).await.idling, Idling::Since(at(61)));
    assert_eq!(world.fleet.idling(Uuid::from_u128(1)).await.unwrap(), []);
    let theirs = [(world.ours.id, world.ours.mailbox, Uuid::from_u128(22))];
    assert_eq!(world.fleet.idling(Uuid::from_u128(2)).await.unwrap(), theirs);
    assert!(!ended(&world, 12, Some(70)).await, "who comes back too late ends nothing");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn what_a_dead_worker_had_is_due_at_once(pool: PgPool) {
    let world = asks(pool).await;
    read(&world, 10).await;
    alive(&world, 1, 60).await;
    assert!(begin(&world, lease(1, 11), 10).await);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert_eq!(mailbox::give_back_idling(&mut tx, Uuid::from_u128(2), at(61)).await.unwrap(), 0);
    assert_eq!(mailbox::give_back_idling(&mut tx, Uuid::from_u128(1), at(61)).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let now = shown(&world).await;
    assert_eq!((now.idling, now.next_poll_at), (Idling::Starting, at(61)));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn news_make_a_mailbox_due_that_can_be_read_and_only_those_of_its_own_session(pool: PgPool) {
    let world = asks(pool).await;
    alive(&world, 1, 600).await;
    assert!(begin(&world, lease(1, 11), 5).await);
    assert!(!notice(&world, 11, 6).await, "it has never been read");
    read(&world, 10).await;
    assert!(!notice(&world, 12, 20).await, "another session");
    assert!(notice(&world, 11, 20).await);
    assert_eq!(shown(&world).await.next_poll_at, at(20));
    // While it is being read it is due again afterwards.
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let (_, held) = mailbox::lease(&mut tx, world.ours.mailbox, at(21), at(81)).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert!(notice(&world, 11, 22).await);
    let tx = world.db.begin(&world.ours.wall()).await.unwrap();
    mailbox::give_back(tx, world.ours.mailbox, &held, at(500)).await.unwrap();
    assert_eq!(shown(&world).await.next_poll_at, at(22));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn an_end_says_when_the_next_one_may_begin_and_brings_the_next_read_forward(pool: PgPool) {
    let world = asks(pool).await;
    read(&world, 10).await;
    alive(&world, 1, 600).await;
    assert!(begin(&world, lease(1, 11), 10).await);
    assert!(ended(&world, 11, None).await);
    assert_eq!(shown(&world).await.next_poll_at, at(900), "that is somebody else's matter");
    assert!(begin(&world, lease(1, 12), 95).await);
    assert!(ended(&world, 12, Some(99)).await && !ended(&world, 12, Some(98)).await);
    assert_eq!(shown(&world).await.next_poll_at, at(99));
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let standing = mailbox::idle_standing(&mut tx, world.ours.mailbox).await.unwrap().unwrap();
    assert_eq!((standing.lease, standing.failures, standing.not_before), (None, 3, Some(at(90))));
    mailbox::stay_out(&mut tx, world.ours.mailbox, Some(IdleState::NoRoom), 3, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(shown(&world).await.idling, Idling::NoRoom);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn whoever_changes_a_mailbox_ends_its_session(pool: PgPool) {
    let world = asks(pool).await;
    read(&world, 10).await;
    alive(&world, 1, 600).await;
    for change in ["password", "pause", "another name", "turns"] {
        assert!(begin(&world, lease(1, 11), 20).await, "{change}");
        let known = shown(&world).await;
        let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
        match change {
            "password" => {
                let id = world.ours.mailbox;
                mailbox::replace_secret(&mut tx, id, known.version, &sealed(b"new"), None, at(30)).await.unwrap();
            }
            "pause" => assert!(mailbox::pause(&mut tx, world.ours.mailbox, at(30)).await.unwrap()),
            "another name" => {
                let changed = Mailbox { username: "another".to_owned(), ..known };
                mailbox::update(&mut tx, &changed, at(30)).await.unwrap();
            }
            _ => {
                let changed = Mailbox { new_mail: NewMail::Poll, ..known };
                mailbox::update(&mut tx, &changed, at(30)).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
        assert_eq!(shown(&world).await.idling, Idling::Starting, "{change}");
        assert!(!ended(&world, 11, None).await, "{change}");
        if change == "pause" {
            assert!(!begin(&world, lease(1, 12), 31).await, "not while it is paused");
            let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
            assert!(mailbox::resume(&mut tx, world.ours.mailbox, at(32)).await.unwrap());
            tx.commit().await.unwrap();
        }
    }
    assert!(!begin(&world, lease(1, 13), 40).await, "none is wanted any more");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn workers_who_ask_at_once_get_no_more_places_than_there_are(pool: PgPool) {
    let world = Arc::new(World::new(pool).await);
    for holder in 1..=8 {
        alive(&world, holder, 600).await;
        world.fleet.keep_idle_worker(Uuid::from_u128(holder), 0, at(0), at(600)).await.unwrap();
    }
    let tasks: Vec<_> = (1..=8)
        .map(|holder| {
            let world = Arc::clone(&world);
            let times = (at(1), at(600));
            tokio::spawn(async move { world.fleet.idle_room(Uuid::from_u128(holder), 1, 3, times).await.unwrap() })
        })
        .collect();
    let mut places = 0;
    for task in tasks {
        places += u32::from(task.await.unwrap());
    }
    assert_eq!(places, 3);
    let room =
        async |second| world.fleet.idle_room(Uuid::from_u128(99), 1, 3, (at(second), at(second + 600))).await.unwrap();
    assert!(!room(599).await);
    assert!(room(600).await, "the dead hold none");
}
