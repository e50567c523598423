//! Bounces are stored once, judged once and found again.

use daimon_domain::id::BounceId;
use daimon_domain::reason::Reason;
use daimon_domain::verdict::Verdict;
use daimon_store::bounce::{self, BounceFilter};
use daimon_store::deletion::{self, Target};
use daimon_store::{Page, folder, incident, mailbox, sent, tenant};
use sqlx::PgPool;

use crate::support::{World, at};

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_bounce_read_twice_is_stored_once_and_new_once(pool: PgPool) {
    let world = World::new(pool).await;
    let (first, second) = (world.bounce(world.ours, at(1)), world.bounce(world.ours, at(2)));
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert_eq!(bounce::insert_many(&mut tx, std::slice::from_ref(&first)).await.unwrap(), [first.id].into());
    let moved = bounce::Bounce { folder: "Archive".to_owned(), uid: 1, ..first.clone() };
    let new = bounce::insert_many(&mut tx, &[moved, second.clone(), second.clone()]).await.unwrap();
    assert_eq!(new, [second.id].into());
    assert_eq!(bounce::find(&mut tx, first.id).await.unwrap().as_ref(), Some(&first));
    let unknown = BounceId::new(at(9), &world.entropy);
    let known = bounce::existing_ids(&mut tx, &[first.id, unknown]).await.unwrap();
    assert_eq!(known, [first.id].into());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn two_workers_that_read_the_same_message_judge_it_once(pool: PgPool) {
    let world = World::new(pool).await;
    let found = world.bounce(world.ours, at(1));
    let (db, wall, same) = (world.db.clone(), world.ours.wall(), found.clone());
    let mut first = world.db.begin(&wall).await.unwrap();
    assert_eq!(bounce::insert_many(&mut first, &[found]).await.unwrap().len(), 1);
    let second = tokio::spawn(async move {
        let mut tx = db.begin(&wall).await.unwrap();
        bounce::insert_many(&mut tx, &[same]).await.unwrap().len()
    });
    tokio::task::yield_now().await;
    first.commit().await.unwrap();
    assert_eq!(second.await.unwrap(), 0);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn bounces_are_listed_newest_first_page_by_page(pool: PgPool) {
    let world = World::new(pool).await;
    let bounces: Vec<_> = (0..5).map(|second| world.bounce(world.ours, at(second))).collect();
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    bounce::insert_many(&mut tx, &bounces).await.unwrap();
    let everything = BounceFilter::default();
    let mut seen = Vec::new();
    let mut page = Page::first(2);
    loop {
        let listed = bounce::list(&mut tx, &everything, page).await.unwrap();
        seen.extend(listed.items.iter().map(|bounce| bounce.0.id));
        if !listed.more {
            break;
        }
        page.before = seen.last().copied();
    }
    let expected: Vec<_> = bounces.iter().rev().map(|bounce| bounce.id).collect();
    assert_eq!(seen, expected);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn each_filter_leaves_out_what_it_should(pool: PgPool) {
    let world = World::new(pool).await;
    let incident = world.incident(world.ours);
    let (early, late) = (world.bounce(world.ours, at(1)), world.bounce(world.ours, at(2)));
    let late = bounce::Bounce { reason: Reason::SpamContent, recipient_domain: "other.example".to_owned(), ..late };
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    incident::insert(&mut tx, &incident).await.unwrap();
    bounce::insert_many(&mut tx, &[early.clone(), late.clone()]).await.unwrap();
    let judged = [(late.id, Verdict::AccountTakeover, Some(incident.id))];
    assert_eq!(bounce::judge_many(&mut tx, &judged).await.unwrap(), 1);
    let all = BounceFilter::default;
    for (filter, expected) in [
        (BounceFilter { reason: Some(Reason::SpamContent), ..all() }, vec![late.id]),
        (BounceFilter { recipient_domain: Some("nowhere.example".to_owned()), ..all() }, vec![early.id]),
        (BounceFilter { verdict: Some(Verdict::AccountTakeover), ..all() }, vec![late.id]),
        (BounceFilter { incident: Some(incident.id), ..all() }, vec![late.id]),
        (BounceFilter { from: Some(at(2)), ..all() }, vec![late.id]),
        (BounceFilter { to: Some(at(2)), ..all() }, vec![early.id]),
        (BounceFilter { tenant: Some(world.ours.tenant), ..all() }, vec![late.id, early.id]),
        (BounceFilter { tenant: Some(world.theirs.tenant), ..all() }, vec![]),
        (BounceFilter { mailbox: Some(world.theirs.mailbox), ..all() }, vec![]),
    ] {
        let listed = bounce::list(&mut tx, &filter, Page::first(10)).await.unwrap();
        assert_eq!(listed.items.iter().map(|bounce| bounce.0.id).collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn removing_a_tenant_removes_everything_read_for_it(pool: PgPool) {
    let world = World::new(pool).await;
    let incident = world.incident(world.ours);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    incident::insert(&mut tx, &incident).await.unwrap();
    let found = bounce::Bounce { incident: Some(incident.id), ..world.bounce(world.ours, at(1)) };
    bounce::insert_many(&mut tx, std::slice::from_ref(&found)).await.unwrap();
    sent::insert_many(&mut tx, world.ours.tenant, world.ours.mailbox, &[([1; 32], at(1))]).await.unwrap();
    assert!(
        !deletion::finish(&mut tx, Target::Tenant(world.ours.tenant), Some(7), at(60)).await.unwrap(),
        "another version"
    );
    assert!(deletion::finish(&mut tx, Target::Tenant(world.ours.tenant), Some(1), at(60)).await.unwrap());
    assert!(bounce::find(&mut tx, found.id).await.unwrap().is_none());
    assert!(incident::find(&mut tx, incident.id).await.unwrap().is_none());
    assert!(mailbox::find(&mut tx, world.ours.mailbox).await.unwrap().is_none());
    assert!(tenant::data_key(&mut tx, world.ours.tenant).await.unwrap().is_none());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn what_was_sent_is_remembered_once(pool: PgPool) {
    let world = World::new(pool).await;
    let (tenant, mailbox) = (world.ours.tenant, world.ours.mailbox);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let seen = [([1; 32], at(1)), ([2; 32], at(2)), ([1; 32], at(3))];
    sent::insert_many(&mut tx, tenant, mailbox, &seen).await.unwrap();
    sent::insert_many(&mut tx, tenant, mailbox, &seen).await.unwrap();
    assert_eq!(sent::count(&mut tx, mailbox).await.unwrap(), 2);
    assert_eq!(sent::contains_many(&mut tx, mailbox, &[[2; 32], [9; 32]]).await.unwrap(), [[2; 32]].into());
    assert_eq!(sent::forget(&mut tx, mailbox, at(3)).await.unwrap(), 1);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_checkpoint_reads_back_as_it_was_written(pool: PgPool) {
    let world = World::new(pool).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let checkpoint = |last_uid| daimon_domain::mailbox::Checkpoint { uid_validity: u32::MAX, last_uid };
    let hostile = format!("Junk\0{}", "x".repeat(10_000));
    folder::upsert(&mut tx, world.ours.tenant, world.ours.mailbox, &hostile, checkpoint(1), at(1)).await.unwrap();
    for last_uid in [1, u32::MAX] {
        let checkpoint = checkpoint(last_uid);
        folder::upsert(&mut tx, world.ours.tenant, world.ours.mailbox, "INBOX", checkpoint, at(1)).await.unwrap();
        let folders = folder::list(&mut tx, world.ours.mailbox).await.unwrap();
        assert_eq!((folders[0].name.as_str(), folders[0].checkpoint), ("INBOX", checkpoint));
    }
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn one_hostile_mail_does_not_keep_the_others_out(pool: PgPool) {
    let world = World::new(pool).await;
    let hostile = bounce::Bounce {
        diagnostic: Some(format!("550\0{}", "x".repeat(100_000))),
        recipient_domain: "d".repeat(100_000),
        observation: serde_json::json!({"a\0": ["\0"]}).to_string(),
        ..world.bounce(world.ours, at(1))
    };
    let ordinary = world.bounce(world.ours, at(2));
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let new = bounce::insert_many(&mut tx, &[hostile.clone(), ordinary.clone()]).await.unwrap();
    assert_eq!(new, [hostile.id, ordinary.id].into());
    let stored = bounce::find(&mut tx, hostile.id).await.unwrap().unwrap();
    assert!(stored.diagnostic.is_some_and(|text| text.starts_with("550\u{fffd}x") && text.len() < 3_000));
    let observation: serde_json::Value = serde_json::from_str(&stored.observation).unwrap();
    assert_eq!(observation, serde_json::json!({"a\u{fffd}": ["\u{fffd}"]}));
}
