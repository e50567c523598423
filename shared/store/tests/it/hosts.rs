//! Seats at IMAP servers: never more than there are, whoever asks, and none that is lost for ever.

use std::sync::Arc;

use daimon_store::host::Bears;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::support::{World, at};

const BEARS: Bears = Bears { connections: 3, logins_a_minute: 0 };

async fn take(world: &World, host: &str, bears: Bears, seat: u128, second: i64) -> bool {
    world.fleet.take_seat(host, bears, Uuid::from_u128(seat), at(second), at(second + 60)).await.unwrap()
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn of_twenty_who_come_at_once_as_many_sit_as_there_are_seats(pool: PgPool) {
    let world = Arc::new(World::new(pool).await);
    let tasks: Vec<_> = (0..20)
        .map(|seat| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { take(&world, "imap.host.example", BEARS, seat, 0).await })
        })
        .collect();
    let mut sitting = 0;
    for task in tasks {
        sitting += u32::from(task.await.unwrap());
    }
    assert_eq!(sitting, 3);
    assert!(take(&world, "imap.other.example", BEARS, 100, 0).await, "another server has seats of its own");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_seat_is_free_when_it_is_left_or_its_time_is_over_and_not_before(pool: PgPool) {
    let world = World::new(pool).await;
    let one = Bears { connections: 1, ..BEARS };
    assert!(take(&world, "imap.host.example", one, 1, 0).await);
    world.fleet.keep_seat(Uuid::from_u128(1), at(100)).await.unwrap();
    assert!(!take(&world, "imap.host.example", one, 2, 99).await, "it was kept for longer");
    assert!(take(&world, "imap.host.example", one, 2, 100).await, "whoever had it died");
    world.fleet.leave_seat(Uuid::from_u128(1)).await.unwrap();
    assert!(!take(&world, "imap.host.example", one, 3, 101).await, "that one's seat is another's by now");
    world.fleet.leave_seat(Uuid::from_u128(2)).await.unwrap();
    assert!(take(&world, "imap.host.example", one, 3, 101).await);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn sign_ins_come_no_faster_than_the_server_bears(pool: PgPool) {
    let world = World::new(pool).await;
    let slow = Bears { connections: 2, logins_a_minute: 6 };
    let mut let_in = Vec::new();
    for second in 0..60 {
        let seat = u128::try_from(second).unwrap();
        if take(&world, "imap.host.example", slow, seat, second).await {
            let_in.push(second);
            world.fleet.leave_seat(Uuid::from_u128(seat)).await.unwrap();
        }
    }
    assert_eq!(let_in, [0, 10, 20, 30, 40, 50]);
    assert!(take(&world, "imap.host.example", slow, 1_000, 200).await);
    assert!(take(&world, "imap.host.example", slow, 1_001, 200).await, "what was not used for a while");
    world.fleet.leave_seat(Uuid::from_u128(1_000)).await.unwrap();
    assert!(!take(&world, "imap.host.example", slow, 1_002, 200).await, "but no more than one seat's worth");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn whoever_was_served_after_one_with_a_later_look_at_the_clock_does_not_come_too_soon(pool: PgPool) {
    let world = World::new(pool).await;
    assert!(take(&world, "imap.host.example", BEARS, 1, 0).await);
    assert!(take(&world, "imap.host.example", BEARS, 2, 10).await);
    assert!(take(&world, "imap.host.example", BEARS, 3, 9).await);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_mailbox_whose_server_is_full_keeps_nobody_else_from_being_read(pool: PgPool) {
    let world = World::new(pool).await;
    let due = |second| world.fleet.due_mailboxes(at(second), 100);
    let all = due(20).await.unwrap();
    let host: String = sqlx::query_scalar("select min(host) from mailbox").fetch_one(&world.fleet_pool).await.unwrap();
    let one = Bears { connections: 1, logins_a_minute: 0 };
    assert!(take(&world, &host, one, 1, 20).await);
    let move_ours = format!(
        "alter table mailbox no force row level security;
        update mailbox set host = 'imap.free.example' where mailbox_id = '{}'",
        world.ours.mailbox.as_uuid()
    );
    sqlx::raw_sql(AssertSqlSafe(move_ours)).execute(&world.owner).await.unwrap();
    let passed: Vec<_> = due(20).await.unwrap().iter().map(|due| due.id).collect();
    assert_eq!(passed, [world.ours.mailbox], "of {}", all.len());
    world.fleet.leave_seat(Uuid::from_u128(1)).await.unwrap();
    assert_eq!(due(20).await.unwrap().len(), all.len());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_server_is_forgotten_a_day_after_the_last_sign_in(pool: PgPool) {
    let world = World::new(pool).await;
    assert!(take(&world, "imap.host.example", BEARS, 1, 0).await);
    let known = || sqlx::query_scalar::<_, i64>("select count(*) from host").fetch_one(&world.owner);
    sqlx::raw_sql("alter table host no force row level security").execute(&world.owner).await.unwrap();
    world.fleet.forget_hosts(at(86_400)).await.unwrap();
    assert_eq!(known().await.unwrap(), 1);
    world.fleet.forget_hosts(at(86_401)).await.unwrap();
    assert_eq!(known().await.unwrap(), 0);
}
