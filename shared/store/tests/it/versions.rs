//! Optimistic writes: of two who read the same version, one writes.

use chrono::TimeDelta;
use daimon_domain::mailbox::{Connection, Mailbox};
use daimon_store::idempotency::{self, Answer};
use daimon_store::{Owner, StoreError, mailbox, tenant};
use sqlx::PgPool;

use crate::support::{World, at};

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn of_two_who_read_the_same_version_one_writes(pool: PgPool) {
    let world = World::new(pool).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let mut read = tenant::find(&mut tx, world.ours.tenant).await.unwrap().unwrap();
    read.name = "Momiji K.K.".parse().unwrap();
    assert_eq!(tenant::update(&mut tx, &read).await.unwrap(), Some(2));
    assert_eq!(tenant::update(&mut tx, &read).await.unwrap(), None);
    let written = tenant::find(&mut tx, world.ours.tenant).await.unwrap().unwrap();
    assert_eq!((written.name, written.version), (read.name, 2));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn another_server_begins_anew_and_another_interval_does_not(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.ours.mailbox;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let (read, lease) = mailbox::lease(&mut tx, id, at(10), at(70)).await.unwrap().unwrap();
    let slower = Mailbox { poll_interval_s: 900, ..read };
    assert_eq!(mailbox::update(&mut tx, &slower, at(11)).await.unwrap(), Some(2));
    assert!(mailbox::renew(&mut tx, id, &lease, at(90)).await.unwrap());
    let mut moved = Mailbox { version: 2, ..slower };
    moved.server.host = "imap2.sakura.example".parse().unwrap();
    assert_eq!(mailbox::update(&mut tx, &moved, at(12)).await.unwrap(), Some(3));
    assert!(!mailbox::renew(&mut tx, id, &lease, at(90)).await.unwrap());
    let now = mailbox::find(&mut tx, id).await.unwrap().unwrap();
    assert_eq!((now.server, now.connection, now.next_poll_at), (moved.server, Connection::New, at(12)));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn an_answer_is_kept_for_its_key_and_its_caller(pool: PgPool) {
    let world = World::new(pool).await;
    let caller = world.event_id(1).as_uuid();
    let answer = Answer {
        fingerprint: [5; 32],
        status: 201,
        location: None,
        etag: Some("\"1\"".to_owned()),
        body: b"{}".to_vec(),
    };
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(idempotency::try_hold(&mut tx, caller, "k").await.unwrap());
    let mut other = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(!idempotency::try_hold(&mut other, caller, "k").await.unwrap());
    idempotency::insert(&mut tx, caller, "k", &answer, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(idempotency::try_hold(&mut other, caller, "k").await.unwrap());
    let day_ago = at(1) - TimeDelta::hours(24);
    assert_eq!(idempotency::find(&mut other, caller, "k", day_ago).await.unwrap(), Some(answer.clone()));
    assert_eq!(idempotency::find(&mut other, world.event_id(2).as_uuid(), "k", day_ago).await.unwrap(), None);
    let refusal = idempotency::insert(&mut other, caller, "k", &answer, at(2)).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Conflict { constraint } if constraint == "idempotency_pk"));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn the_owner_knows_whether_there_is_an_msp_and_the_programs_make_none(pool: PgPool) {
    let owner = Owner::of_pool(pool.clone()).await.unwrap();
    assert!(!owner.any_msp_exists().await.unwrap());
    let world = World::new(pool).await;
    assert!(owner.any_msp_exists().await.unwrap());
    let another = daimon_domain::id::MspId::new(at(9), &world.entropy);
    let mut tx = world.db.begin(&daimon_domain::scope::Wall::whole(another)).await.unwrap();
    let refusal = daimon_store::msp::create(&mut tx, "Kaze", at(9)).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Refused(_)), "{refusal}");
}
