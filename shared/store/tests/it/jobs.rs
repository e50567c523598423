//! Jobs: one goes on at a time, one worker does it, and what fails is not told before its time.

use chrono::TimeDelta;
use daimon_domain::id::JobId;
use daimon_domain::job::{Job, JobFailure, JobKind, JobState, Lease};
use daimon_domain::mailbox::{Connection, ConnectionFault};
use daimon_store::job::{self, End, JobFilter};
use daimon_store::{Page, mailbox};
use serde_json::json;
use sqlx::PgPool;

use crate::support::{Msp, World, at};

fn a_job(world: &World, msp: Msp, second: i64) -> Job {
    let id = JobId::new(at(second), &world.entropy);
    let asked = Job::asked(id, JobKind::TestConnection, msp.tenant, "key_1".to_owned(), at(second));
    Job { mailbox: Some(msp.mailbox), ..asked }
}

async fn asked(world: &World, second: i64) -> JobId {
    let job = a_job(world, world.ours, second);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(job::insert(&mut tx, &job).await.unwrap());
    tx.commit().await.unwrap();
    job.id
}

async fn leased(world: &World, id: JobId, second: i64) -> Option<Lease> {
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let lease = job::lease(&mut tx, id, at(second), at(second) + TimeDelta::seconds(60)).await.unwrap();
    tx.commit().await.unwrap();
    lease.map(|(_, lease)| lease)
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn one_job_of_a_kind_goes_on_for_a_mailbox_and_nobody_else_sees_it(pool: PgPool) {
    let world = World::new(pool).await;
    let id = asked(&world, 0).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(!job::insert(&mut tx, &a_job(&world, world.ours, 1)).await.unwrap());
    let going = job::unfinished(&mut tx, world.ours.mailbox, JobKind::TestConnection).await.unwrap();
    assert_eq!(going.map(|job| job.id), Some(id));
    let listed = job::list(&mut tx, &JobFilter::default(), at(1), Page::first(50)).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    tx.commit().await.unwrap();

    let mut tx = world.db.begin(&world.theirs.wall()).await.unwrap();
    assert!(job::find(&mut tx, id, at(1)).await.unwrap().is_none());
    assert!(job::lease(&mut tx, id, at(1), at(61)).await.unwrap().is_none());
    assert!(job::list(&mut tx, &JobFilter::default(), at(1), Page::first(50)).await.unwrap().items.is_empty());
    assert!(job::insert(&mut tx, &a_job(&world, world.theirs, 1)).await.unwrap(), "theirs is none of our matter");
    tx.commit().await.unwrap();
    let due = world.fleet.due_jobs(at(0), 9).await.unwrap();
    assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [id]);
    assert!(!world.fleet.busy(at(0)).await.unwrap().is_idle());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_job_is_done_by_one_and_whoever_comes_too_late_ends_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let id = asked(&world, 0).await;
    let slow = leased(&world, id, 0).await.unwrap();
    assert!(leased(&world, id, 59).await.is_none(), "in somebody's hands");
    let quick = leased(&world, id, 60).await.unwrap();
    assert_eq!((slow.attempt, quick.attempt), (1, 2), "the first one died");
    let end = |brought, at| End { brought, is_in_vain: true, at };
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(!job::finish(&mut tx, id, &slow, &end(Ok(json!({"a": 1})), at(61))).await.unwrap());
    assert!(!job::postpone(&mut tx, id, &slow, at(99)).await.unwrap());
    assert!(!job::renew(&mut tx, id, &slow, at(200)).await.unwrap());
    assert!(job::postpone(&mut tx, id, &quick, at(70)).await.unwrap());
    assert!(job::lease(&mut tx, id, at(69), at(129)).await.unwrap().is_none());
    let (_, lease) = job::lease(&mut tx, id, at(70), at(130)).await.unwrap().unwrap();
    assert_eq!(lease.attempt, 1, "giving back is not dying");
    assert!(job::finish(&mut tx, id, &lease, &end(Ok(json!({"a": 2})), at(72))).await.unwrap());
    let seen = job::find(&mut tx, id, at(71)).await.unwrap().unwrap();
    assert_eq!((seen.job.state, seen.result, seen.job.ended_at), (JobState::Running, None, None), "too soon");
    let seen = job::find(&mut tx, id, at(72)).await.unwrap().unwrap();
    assert_eq!((seen.job.state, seen.result), (JobState::Done, Some(json!({"a": 2}))));
    let vain = job::in_vain_since(&mut tx, world.ours.tenant, at(0)).await.unwrap();
    assert_eq!((vain.count, vain.first), (1, Some(at(72))));
    assert_eq!(job::in_vain_since(&mut tx, world.ours.tenant, at(72)).await.unwrap().count, 0);
    let asked = job::asked_since(&mut tx, world.ours.mailbox, JobKind::TestConnection, at(-1)).await.unwrap();
    assert_eq!(asked.count, 1);

    assert!(job::insert(&mut tx, &a_job(&world, world.ours, 80)).await.unwrap(), "the next one may begin");
    let next = job::unfinished(&mut tx, world.ours.mailbox, JobKind::TestConnection).await.unwrap().unwrap();
    let (_, lease) = job::lease(&mut tx, next.id, at(80), at(140)).await.unwrap().unwrap();
    assert!(job::finish(&mut tx, next.id, &lease, &end(Err(JobFailure::Crashed), at(80))).await.unwrap());
    let seen = job::find(&mut tx, next.id, at(80)).await.unwrap().unwrap();
    assert_eq!((seen.job.state, seen.job.failure), (JobState::Failed, Some(JobFailure::Crashed)));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn old_jobs_are_forgotten_and_those_that_go_on_are_not(pool: PgPool) {
    let world = World::new(pool).await;
    let id = asked(&world, 0).await;
    let lease = leased(&world, id, 0).await.unwrap();
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let end = End { brought: Ok(json!({})), is_in_vain: false, at: at(1) };
    assert!(job::finish(&mut tx, id, &lease, &end).await.unwrap());
    assert!(job::insert(&mut tx, &a_job(&world, world.ours, 2)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(world.fleet.forget_jobs(at(2) + TimeDelta::days(29)).await.unwrap(), 0);
    assert_eq!(world.fleet.forget_jobs(at(2) + TimeDelta::days(900)).await.unwrap(), 1);
    let reached = sqlx::raw_sql("delete from job where ended_at is null").execute(&world.fleet_pool).await.unwrap();
    assert_eq!(reached.rows_affected(), 0, "what goes on is out of the sweep's reach");
    assert!(sqlx::raw_sql("select result from job").execute(&world.fleet_pool).await.is_err());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_mailbox_is_borrowed_in_any_state_but_from_nobody_and_comes_back_as_it_was(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.ours.mailbox;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(mailbox::pause(&mut tx, id, at(1)).await.unwrap());
    let before = mailbox::find(&mut tx, id).await.unwrap().unwrap();
    let (borrowed, lease) = mailbox::borrow(&mut tx, id, at(2), at(62)).await.unwrap().unwrap();
    assert_eq!(borrowed, before);
    assert!(mailbox::borrow(&mut tx, id, at(61), at(121)).await.unwrap().is_none(), "in somebody's hands");
    assert!(mailbox::give_back_borrowed(&mut tx, id, &lease, Some(at(3))).await.unwrap());
    assert!(!mailbox::give_back_borrowed(&mut tx, id, &lease, Some(at(3))).await.unwrap(), "the second time");
    assert_eq!(mailbox::find(&mut tx, id).await.unwrap().unwrap(), before, "nothing spoke against it");
    assert!(mailbox::resume(&mut tx, id, at(4)).await.unwrap());

    let refused = Connection::CredentialRefused { code: ConnectionFault::GrantRefused, since: at(20) };
    for (connection, works, is_new) in [
        (refused.clone(), None, false),
        (refused, Some(at(30)), true),
        (Connection::New.failed(ConnectionFault::Unreachable, at(20)), Some(at(30)), true),
        (Connection::New.failed(ConnectionFault::SetAside, at(20)), Some(at(30)), false),
    ] {
        let (_, lease) = mailbox::borrow(&mut tx, id, at(20), at(80)).await.unwrap().unwrap();
        let ending = mailbox::end(tx, id, lease).await.unwrap().unwrap();
        let end = mailbox::MailboxEnd {
            connection: connection.clone(),
            next_poll_at: at(600),
            last_polled_at: None,
            state: None,
            is_news: true,
        };
        ending.finish(&end).await.unwrap();
        tx = world.db.begin(&world.ours.wall()).await.unwrap();
        let (_, lease) = mailbox::borrow(&mut tx, id, at(25), at(85)).await.unwrap().unwrap();
        assert!(mailbox::give_back_borrowed(&mut tx, id, &lease, works).await.unwrap());
        let seen = mailbox::find(&mut tx, id).await.unwrap().unwrap();
        let expected = if is_new { (Connection::New, at(30)) } else { (connection, at(600)) };
        assert_eq!((seen.connection, seen.next_poll_at), expected);
    }
}
