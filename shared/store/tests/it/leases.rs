//! Fenced leases: one worker at a time, and whoever comes back too late changes nothing.

use chrono::TimeDelta;
use daimon_domain::delivery::{Delivery, DeliveryFailure, DeliveryState, WaitsFor};
use daimon_domain::job::Lease;
use daimon_domain::mailbox::{Connection, ConnectionFault};
use daimon_store::deletion::{self, Target};
use daimon_store::delivery::{self, DeliveryEnd, GivenBack};
use daimon_store::mailbox::{self, DetectorState, MailboxEnd};
use daimon_store::{Busy, attempt};
use sqlx::PgPool;

use crate::support::{World, at, sealed};

fn read_to_the_end() -> MailboxEnd {
    MailboxEnd {
        connection: Connection::Connected { since: at(20) },
        next_poll_at: at(80),
        last_polled_at: Some(at(20)),
        state: Some(DetectorState { version: 2, bytes: b"state".to_vec() }),
        is_news: true,
    }
}

/// Leases our mailbox in a transaction of its own.
async fn lease(world: &World, second: i64) -> Option<Lease> {
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let until = at(second) + TimeDelta::seconds(60);
    let lease = mailbox::lease(&mut tx, world.ours.mailbox, at(second), until).await.unwrap();
    tx.commit().await.unwrap();
    lease.map(|(_, lease)| lease)
}

async fn finish(world: &World, lease: &Lease) -> bool {
    let tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let Some(ending) = mailbox::end(tx, world.ours.mailbox, *lease).await.unwrap() else { return false };
    ending.finish(&read_to_the_end()).await.unwrap();
    true
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_mailbox_is_leased_when_it_is_due_and_by_one_only(pool: PgPool) {
    let world = World::new(pool).await;
    assert!(lease(&world, 9).await.is_none(), "not due yet");
    assert!(lease(&world, 10).await.is_some());
    assert!(lease(&world, 69).await.is_none(), "in somebody's hands");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn of_eight_workers_at_once_one_gets_the_lease(pool: PgPool) {
    let world = std::sync::Arc::new(World::new(pool).await);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { lease(&world, 10).await.is_some() })
        })
        .collect();
    let mut winners = 0;
    for task in tasks {
        winners += u32::from(task.await.unwrap());
    }
    assert_eq!(winners, 1);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_worker_that_slept_past_its_lease_is_fenced_off(pool: PgPool) {
    let world = World::new(pool).await;
    let late = lease(&world, 10).await.unwrap();
    let second = lease(&world, 70).await.unwrap();
    assert_ne!(late.token, second.token);
    assert!(!finish(&world, &late).await);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(!mailbox::renew(&mut tx, world.ours.mailbox, &late, at(900)).await.unwrap());
    assert!(mailbox::renew(&mut tx, world.ours.mailbox, &second, at(900)).await.unwrap());
    let learnt = DetectorState { version: 1, bytes: b"learnt".to_vec() };
    assert!(!mailbox::progress(&mut tx, world.ours.mailbox, &late, at(900), &learnt).await.unwrap());
    assert_eq!(mailbox::detector_state(&mut tx, world.ours.mailbox).await.unwrap(), None);
    assert!(mailbox::progress(&mut tx, world.ours.mailbox, &second, at(900), &learnt).await.unwrap());
    assert_eq!(mailbox::detector_state(&mut tx, world.ours.mailbox).await.unwrap(), Some(learnt));
    tx.commit().await.unwrap();
    assert!(finish(&world, &second).await);
    assert!(!finish(&world, &second).await, "a lease ends once");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn attempts_count_until_one_ends(pool: PgPool) {
    let world = World::new(pool).await;
    assert_eq!(lease(&world, 10).await.unwrap().attempt, 1);
    assert_eq!(lease(&world, 70).await.unwrap().attempt, 2);
    let third = lease(&world, 130).await.unwrap();
    assert_eq!(third.attempt, 3);
    assert!(finish(&world, &third).await);
    assert_eq!(lease(&world, 200).await.unwrap().attempt, 1);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn what_a_session_found_is_there_for_the_next(pool: PgPool) {
    let world = World::new(pool).await;
    let first = lease(&world, 10).await.unwrap();
    assert!(finish(&world, &first).await);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let mailbox = mailbox::find(&mut tx, world.ours.mailbox).await.unwrap().unwrap();
    let end = read_to_the_end();
    assert_eq!((mailbox.connection, mailbox.next_poll_at), (end.connection, end.next_poll_at));
    assert_eq!((mailbox.last_polled_at, mailbox.version), (end.last_polled_at, 1));
    assert_eq!(mailbox::detector_state(&mut tx, world.ours.mailbox).await.unwrap(), end.state);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_poll_asked_for_during_a_session_comes_after_it(pool: PgPool) {
    let world = World::new(pool).await;
    let running = lease(&world, 10).await.unwrap();
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(mailbox::poll_now(&mut tx, world.ours.mailbox, at(15)).await.unwrap());
    tx.commit().await.unwrap();
    assert!(lease(&world, 16).await.is_none());
    assert!(finish(&world, &running).await);
    assert!(lease(&world, 21).await.is_some());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_new_password_fences_off_the_session_that_tries_the_old_one(pool: PgPool) {
    let world = World::new(pool).await;
    let running = lease(&world, 10).await.unwrap();
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let version = mailbox::replace_secret(&mut tx, world.ours.mailbox, 1, &sealed(b"new"), None, at(15)).await.unwrap();
    assert_eq!(version, Some(2));
    tx.commit().await.unwrap();
    assert!(!finish(&world, &running).await);
    assert!(lease(&world, 16).await.is_some());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_deletion_that_begins_fences_off_the_session_that_runs_and_lets_nobody_in_again(pool: PgPool) {
    let world = World::new(pool).await;
    let running = lease(&world, 10).await.unwrap();
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let target = Target::Mailbox(world.ours.tenant, world.ours.mailbox);
    assert!(!deletion::begin(&mut tx, target, 7, at(15)).await.unwrap(), "another version");
    assert!(deletion::begin(&mut tx, target, 1, at(15)).await.unwrap());
    tx.commit().await.unwrap();
    assert!(!finish(&world, &running).await);
    assert!(lease(&world, 600).await.is_none());
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(!mailbox::resume(&mut tx, world.ours.mailbox, at(20)).await.unwrap());
    let until = at(90);
    assert!(mailbox::borrow(&mut tx, world.ours.mailbox, at(20), until).await.unwrap().is_none());
    let new = mailbox::replace_secret(&mut tx, world.ours.mailbox, 2, &sealed(b"new"), None, at(20)).await.unwrap();
    assert_eq!(new, None, "no secret comes back");
    assert_eq!(mailbox::sealed_secret(&mut tx, world.ours.mailbox).await.unwrap().unwrap().bytes, b"");
    assert!(deletion::some(&mut tx, target, 10).await.is_err(), "no job says that it is to go");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_paused_mailbox_and_a_refused_password_are_not_leased(pool: PgPool) {
    let world = World::new(pool).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(mailbox::pause(&mut tx, world.ours.mailbox, at(1)).await.unwrap());
    assert!(mailbox::pause(&mut tx, world.ours.mailbox, at(2)).await.unwrap());
    let paused = mailbox::find(&mut tx, world.ours.mailbox).await.unwrap().unwrap();
    assert_eq!(paused.polling, daimon_domain::mailbox::Polling::Paused { since: at(1) });
    assert_eq!(paused.version, 2, "the second pause changed nothing");
    tx.commit().await.unwrap();
    assert!(lease(&world, 10).await.is_none());

    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(mailbox::resume(&mut tx, world.ours.mailbox, at(30)).await.unwrap());
    tx.commit().await.unwrap();
    let running = lease(&world, 30).await.unwrap();
    let tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let refused = MailboxEnd {
        connection: Connection::CredentialRefused { code: ConnectionFault::CredentialRefused, since: at(31) },
        ..read_to_the_end()
    };
    mailbox::end(tx, world.ours.mailbox, running).await.unwrap().unwrap().finish(&refused).await.unwrap();
    assert!(lease(&world, 900).await.is_none());
    let due = world.fleet.due_mailboxes(at(900), 9).await.unwrap();
    assert_eq!(due.len(), 1, "only the other MSP's");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_delivery_is_sent_by_one_and_its_attempts_are_kept(pool: PgPool) {
    let world = World::new(pool).await;
    let endpoint = world.an_endpoint(world.ours, &[]).await;
    let id = world.delivery_id(5);
    let fresh = Delivery::new(id, world.event_id(5), endpoint, at(5));
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    delivery::insert_many(&mut tx, Some(world.ours.tenant), &[fresh], None).await.unwrap();
    tx.commit().await.unwrap();

    let due = world.fleet.due_deliveries(at(5), 9).await.unwrap();
    assert_eq!(
        due.iter().map(|due| (due.msp, due.tenant, due.id)).collect::<Vec<_>>(),
        [(world.ours.id, Some(world.ours.tenant), id)]
    );
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let late = delivery::lease(&mut tx, id, at(5), at(65)).await.unwrap().unwrap();
    assert!(delivery::lease(&mut tx, id, at(6), at(66)).await.unwrap().is_none());
    assert_eq!((late.delivery.attempts, late.tenant), (0, Some(world.ours.tenant)));
    let second = delivery::lease(&mut tx, id, at(65), at(125)).await.unwrap().unwrap();
    assert_eq!((second.lease.attempt, second.delivery.attempts), (2, 0), "nothing was sent yet that is known");
    let given_back = delivery::finish(&mut tx, &late, DeliveryEnd::Delivered, &world.attempt(id, 66)).await.unwrap();
    assert_eq!(given_back, GivenBack::Late);
    let refused = attempt::Attempt {
        status: Some(503),
        fault: Some(daimon_domain::delivery::AttemptFault::Refused),
        latency_ms: 120,
        excerpt: Some("busy\0".to_owned()),
        ..world.attempt(id, 66)
    };
    let again = DeliveryEnd::Retry { at: at(300), is_asked: false };
    assert_eq!(delivery::finish(&mut tx, &second, again, &refused).await.unwrap(), GivenBack::Recorded);
    let put_back = delivery::lease(&mut tx, id, at(300), at(360)).await.unwrap().unwrap();
    assert_eq!((put_back.lease.attempt, put_back.delivery.attempts), (1, 1));
    assert!(delivery::defer(&mut tx, id, &put_back.lease, at(301), Some(WaitsFor::RateLimit)).await.unwrap());
    let third = delivery::lease(&mut tx, id, at(301), at(361)).await.unwrap().unwrap();
    assert_eq!((third.lease.attempt, third.delivery.attempts), (1, 1));
    assert_eq!(third.delivery.waits_for, Some(WaitsFor::RateLimit));
    delivery::postpone(&mut tx, id, &third.lease, at(900)).await.unwrap();
    assert!(delivery::lease(&mut tx, id, at(361), at(421)).await.unwrap().is_none(), "not before the time");
    let given_back = delivery::finish(&mut tx, &third, DeliveryEnd::Delivered, &world.attempt(id, 361)).await.unwrap();
    assert_eq!(given_back, GivenBack::Recorded);
    let stored = delivery::find(&mut tx, id).await.unwrap().unwrap();
    assert_eq!((stored.state, stored.attempts, stored.next_attempt_at), (DeliveryState::Delivered, 2, None));
    let again = delivery::replay(&mut tx, id, world.delivery_id(400), at(400)).await.unwrap().unwrap();
    assert_eq!((again.event, again.endpoint, again.attempts), (stored.event, stored.endpoint, 0));
    let last = delivery::lease(&mut tx, again.id, at(400), at(460)).await.unwrap().unwrap();
    let because = DeliveryFailure::EndpointDisabled;
    assert!(delivery::give_up(&mut tx, again.id, &last.lease, because).await.unwrap());
    let given_up = delivery::find(&mut tx, again.id).await.unwrap().unwrap();
    assert_eq!((given_up.state, given_up.attempts), (DeliveryState::Failed, 0));
    assert_eq!(given_up.failed_because, Some(because));
    let attempts = attempt::list(&mut tx, id, daimon_store::Page::first(10)).await.unwrap().items;
    assert_eq!(attempts.len(), 2, "what was fenced off left nothing");
    let kept = attempt::Attempt { excerpt: Some("busy\u{fffd}".to_owned()), ..refused };
    assert_eq!(attempts.last(), Some(&kept));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn the_fleet_knows_what_is_due_and_what_is_in_flight(pool: PgPool) {
    let world = World::new(pool).await;
    assert!(world.fleet.busy(at(9)).await.unwrap().is_idle());
    let running = lease(&world, 10).await.unwrap();
    let busy = world.fleet.busy(at(11)).await.unwrap();
    assert_eq!(busy, Busy { due_mailboxes: 1, leased_mailboxes: 1, ..Busy::default() });
    assert!(finish(&world, &running).await);
    assert_eq!(world.fleet.busy(at(21)).await.unwrap(), Busy { due_mailboxes: 1, ..Busy::default() });
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_tenant_with_many_due_mailboxes_does_not_fill_the_answer(pool: PgPool) {
    let world = World::new(pool).await;
    for number in 0..20 {
        world.another_mailbox(world.ours, world.ours.tenant, &format!("user{number}@sakura.example")).await;
    }
    let due = world.fleet.due_mailboxes(at(10), 2).await.unwrap();
    assert!(due.iter().any(|due| due.msp == world.theirs.id));
}
