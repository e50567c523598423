//! The audit log: whatever is done to it afterwards shows.

use daimon_domain::id::AuditId;
use daimon_store::audit::{self, NewEntry, Verified};
use daimon_store::{MspTx, Page};
use sqlx::PgPool;

use crate::support::{World, at};

async fn append(tx: &mut MspTx, world: &World, action: &str) {
    let entry = NewEntry {
        id: AuditId::new(at(1), &world.entropy),
        tenant: Some(world.ours.tenant),
        at: at(1),
        actor: "key_1".to_owned(),
        action: action.to_owned(),
        subject: world.ours.mailbox.to_string(),
        detail: serde_json::json!({"b": 1, "a": "二"}),
    };
    audit::append(tx, &entry).await.unwrap();
}

async fn three_entries(world: &World) {
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    for action in ["mailbox.created", "mailbox.paused", "mailbox.resumed"] {
        append(&mut tx, world, action).await;
    }
    tx.commit().await.unwrap();
}

async fn verify(world: &World) -> Verified {
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    audit::verify(&mut tx).await.unwrap()
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_log_that_nobody_touched_is_whole(pool: PgPool) {
    let world = World::new(pool).await;
    assert_eq!(verify(&world).await, Verified::Whole { entries: 0 });
    three_entries(&world).await;
    assert_eq!(verify(&world).await, Verified::Whole { entries: 3 });
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let newest = audit::list(&mut tx, None, Page::first(2)).await.unwrap();
    assert!(newest.more);
    assert_eq!(newest.items.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(newest.items.first().map(|entry| entry.hash), audit::head(&mut tx).await.unwrap().map(|head| head.hash));
    let new = audit::list(&mut tx, Some(1), Page { limit: 9, before: Some(3) }).await.unwrap();
    assert_eq!((new.items.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), new.more), (vec![2], false));
    let mut tx = world.db.begin(&world.theirs.wall()).await.unwrap();
    assert!(audit::list(&mut tx, None, Page::first(9)).await.unwrap().items.is_empty());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn entries_written_at_once_make_one_chain(pool: PgPool) {
    let world = std::sync::Arc::new(World::new(pool).await);
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move {
                let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
                append(&mut tx, &world, "mailbox.polled").await;
                tx.commit().await.unwrap();
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(verify(&world).await, Verified::Whole { entries: 8 });
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn an_edit_a_gap_another_order_and_a_cut_tail_are_found(pool: PgPool) {
    let world = World::new(pool).await;
    three_entries(&world).await;
    // What somebody with the owner's rights and a way around row security would do.
    for (harm, broken_at) in [
        ("update audit_entry set actor = 'key_2' where sequence = 2", 2),
        ("update audit_entry set happened_at = happened_at - interval '1 us' where sequence = 1", 1),
        ("delete from audit_entry where sequence = 1", 1),
        ("delete from audit_entry where sequence = 2", 2),
        ("delete from audit_entry where sequence = 3", 3),
        (
            "update audit_entry set sequence = 9 where sequence = 1; update audit_entry set sequence = 1 where sequence = 2;
            update audit_entry set sequence = 2 where sequence = 9",
            1,
        ),
    ] {
        sqlx::raw_sql("alter table audit_entry no force row level security; create table kept as table audit_entry")
            .execute(&world.owner)
            .await
            .unwrap();
        sqlx::raw_sql(harm).execute(&world.owner).await.unwrap();
        assert_eq!(verify(&world).await, Verified::Broken { sequence: broken_at }, "{harm}");
        sqlx::raw_sql("delete from audit_entry; insert into audit_entry select * from kept; drop table kept")
            .execute(&world.owner)
            .await
            .unwrap();
        assert_eq!(verify(&world).await, Verified::Whole { entries: 3 });
    }
}
