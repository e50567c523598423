//! The wall between MSPs and between tenants, seen from the role that serves requests.

use std::collections::HashSet;

use daimon_domain::id::KeyId;
use daimon_domain::scope::{Permission, Tenants};
use daimon_store::api_key::{self, ApiKey};
use daimon_store::deletion::{self, Target};
use daimon_store::mailbox::{self, MailboxFilter};
use daimon_store::{Db, MspTx, Page, StoreError, bounce, endpoint, tenant};
use sqlx::PgPool;

use crate::support::{Msp, World, a_mailbox, at, pool_of, sealed};

async fn mailboxes(tx: &mut MspTx) -> Vec<daimon_domain::id::MailboxId> {
    let listed = mailbox::list(tx, &MailboxFilter::default(), Page::first(50)).await.unwrap();
    listed.items.into_iter().map(|mailbox| mailbox.id).collect()
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn an_msp_sees_its_own_and_nothing_else(pool: PgPool) {
    let world = World::new(pool).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert_eq!(mailboxes(&mut tx).await, [world.ours.mailbox]);
    assert!(mailbox::find(&mut tx, world.ours.mailbox).await.unwrap().is_some());
    assert!(mailbox::find(&mut tx, world.theirs.mailbox).await.unwrap().is_none());
    assert!(mailbox::sealed_secret(&mut tx, world.theirs.mailbox).await.unwrap().is_none());
    assert!(tenant::data_key(&mut tx, world.theirs.tenant).await.unwrap().is_none());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn what_is_theirs_is_not_changed_and_the_answer_says_so(pool: PgPool) {
    let world = World::new(pool).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(!mailbox::pause(&mut tx, world.theirs.mailbox, at(1)).await.unwrap());
    assert!(!mailbox::poll_now(&mut tx, world.theirs.mailbox, at(1)).await.unwrap());
    assert!(
        !deletion::finish(&mut tx, Target::Mailbox(world.theirs.tenant, world.theirs.mailbox), Some(1), at(1))
            .await
            .unwrap()
    );
    assert!(!deletion::finish(&mut tx, Target::Tenant(world.theirs.tenant), Some(1), at(1)).await.unwrap());
    assert!(mailbox::lease(&mut tx, world.theirs.mailbox, at(99), at(159)).await.unwrap().is_none());
    tx.commit().await.unwrap();
    let mut tx = world.db.begin(&world.theirs.wall()).await.unwrap();
    assert_eq!(mailboxes(&mut tx).await, [world.theirs.mailbox]);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_limited_caller_sees_its_tenants_only(pool: PgPool) {
    let world = World::new(pool).await;
    let other = world.another_tenant(world.ours).await;
    let hidden = world.another_mailbox(world.ours, other, "ito@momiji.example").await;
    let mut tx = world.db.begin(&world.ours.limited(&[world.ours.tenant])).await.unwrap();
    assert_eq!(mailboxes(&mut tx).await, [world.ours.mailbox]);
    assert!(mailbox::find(&mut tx, hidden).await.unwrap().is_none());
    assert!(tenant::find(&mut tx, other).await.unwrap().is_none());
    let smuggled = a_mailbox(daimon_domain::id::MailboxId::new(at(2), &world.entropy), other, "mori@momiji.example");
    let refusal = mailbox::insert(&mut tx, &smuggled, &sealed(b"x")).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Refused(_)), "{refusal}");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_caller_limited_to_no_tenant_sees_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let mut tx = world.db.begin(&world.ours.limited(&[])).await.unwrap();
    assert!(mailboxes(&mut tx).await.is_empty());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_limited_caller_makes_no_key_that_reaches_further(pool: PgPool) {
    let world = World::new(pool).await;
    let other = world.another_tenant(world.ours).await;
    let key = |tenants| ApiKey {
        id: KeyId::new(at(3), &world.entropy),
        name: "psa".to_owned(),
        permissions: vec![Permission::MailboxesRead],
        tenants,
        created_at: at(3),
        expires_at: None,
        revoked_at: None,
    };
    for tenants in [Tenants::All, Tenants::Only(vec![world.ours.tenant, other])] {
        let mut tx = world.db.begin(&world.ours.limited(&[world.ours.tenant])).await.unwrap();
        let refusal = api_key::insert(&mut tx, &key(tenants), &[1; 32]).await.unwrap_err();
        assert!(matches!(refusal, StoreError::Refused(_)), "{refusal}");
    }
    let mut tx = world.db.begin(&world.ours.limited(&[world.ours.tenant])).await.unwrap();
    let own = key(Tenants::Only(vec![world.ours.tenant]));
    api_key::insert(&mut tx, &own, &[1; 32]).await.unwrap();
    assert_eq!(api_key::find(&mut tx, own.id).await.unwrap(), Some((own, [1; 32])));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn an_event_reaches_endpoints_that_its_cause_cannot_see(pool: PgPool) {
    let world = World::new(pool).await;
    let whole = world.an_endpoint(world.ours, &[]).await;
    let other = world.another_tenant(world.ours).await;
    world.an_endpoint(world.ours, &[other]).await;
    let mut tx = world.db.begin(&world.ours.limited(&[world.ours.tenant])).await.unwrap();
    assert!(endpoint::find(&mut tx, whole).await.unwrap().is_none());
    let kind = daimon_domain::event::EventType::IncidentOpened;
    let matter = endpoint::Matter { tenant: Some(world.ours.tenant), ..endpoint::Matter::of_msp(kind) };
    let told = endpoint::for_event(&mut tx, matter).await.unwrap();
    assert_eq!(told, [whole]);
    assert!(endpoint::find(&mut tx, whole).await.unwrap().is_none(), "the wall stands again");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn the_owner_is_bound_too(pool: PgPool) {
    let world = World::new(pool).await;
    let seen: i64 = sqlx::query_scalar("select count(*) from mailbox").fetch_one(&world.owner).await.unwrap();
    assert_eq!(seen, 0);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_connection_that_goes_back_to_the_pool_has_no_wall_left(pool: PgPool) {
    let world = World::new(pool).await;
    let narrow = pool_of(&world.owner, "daimon_app", 1).await;
    let db = Db::of_pool(narrow.clone()).await.unwrap();
    let mut tx = db.begin(&world.ours.wall()).await.unwrap();
    assert_eq!(mailboxes(&mut tx).await.len(), 1);
    tx.commit().await.unwrap();
    // After the transaction the setting is an empty string, which would not cast to a uuid.
    let setting: Option<String> =
        sqlx::query_scalar("select current_setting('app.msp_id', true)").fetch_one(&narrow).await.unwrap();
    assert_eq!(setting.as_deref(), Some(""));
    let seen: i64 = sqlx::query_scalar("select count(*) from mailbox").fetch_one(&narrow).await.unwrap();
    assert_eq!(seen, 0);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn an_address_is_free_though_another_msp_has_it(pool: PgPool) {
    let world = World::new(pool).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let ours = mailbox::find(&mut tx, world.ours.mailbox).await.unwrap().unwrap();
    let again = a_mailbox(daimon_domain::id::MailboxId::new(at(2), &world.entropy), ours.tenant, ours.address.as_str());
    let refusal = mailbox::insert(&mut tx, &again, &sealed(b"x")).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Conflict { constraint } if constraint == "mailbox_address_once"));
    let mut tx = world.db.begin(&world.theirs.wall()).await.unwrap();
    let theirs = mailbox::find(&mut tx, world.theirs.mailbox).await.unwrap().unwrap();
    assert_eq!(theirs.address, ours.address);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_row_cannot_point_over_the_wall(pool: PgPool) {
    let world = World::new(pool).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let id = daimon_domain::id::MailboxId::new(at(2), &world.entropy);
    let refusal = mailbox::insert(&mut tx, &a_mailbox(id, world.theirs.tenant, "a@b.example"), &sealed(b"x")).await;
    assert!(matches!(refusal, Err(StoreError::Missing { constraint }) if constraint == "mailbox_tenant_fk"));

    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let stray = Msp { mailbox: world.theirs.mailbox, ..world.ours };
    let refusal = bounce::insert_many(&mut tx, &[world.bounce(stray, at(1))]).await;
    assert!(matches!(refusal, Err(StoreError::Missing { constraint }) if constraint == "bounce_mailbox_fk"));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_bounce_belongs_to_the_tenant_of_its_mailbox(pool: PgPool) {
    let world = World::new(pool).await;
    let other = world.another_tenant(world.ours).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let refusal = bounce::insert_many(&mut tx, &[world.bounce(Msp { tenant: other, ..world.ours }, at(1))]).await;
    assert!(matches!(refusal, Err(StoreError::Missing { constraint }) if constraint == "bounce_mailbox_fk"));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_partition_cannot_be_read_past_its_parent(pool: PgPool) {
    let world = World::new(pool).await;
    let read: Result<i64, _> = sqlx::query_scalar("select count(*) from bounce_default").fetch_one(&world.app).await;
    assert!(matches!(StoreError::from(read.unwrap_err()), StoreError::Refused(_)));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn the_fleet_reads_ids_and_due_times_and_nothing_else(pool: PgPool) {
    let world = World::new(pool).await;
    let due: HashSet<_> = world.fleet.due_mailboxes(at(10), 10).await.unwrap().into_iter().map(|due| due.id).collect();
    assert_eq!(due, [world.ours.mailbox, world.theirs.mailbox].into());
    for sql in [
        "select count(address) from mailbox",
        "select count(sealed_secret) from mailbox",
        "select count(*) from tenant",
        "select count(*) from api_key",
        "select count(body) from event",
    ] {
        let read: Result<i64, _> = sqlx::query_scalar(sql).fetch_one(&world.fleet_pool).await;
        assert!(matches!(StoreError::from(read.unwrap_err()), StoreError::Refused(_)), "{sql}");
    }
    let written = sqlx::raw_sql("update mailbox set next_poll_at = null").execute(&world.fleet_pool).await;
    assert!(matches!(StoreError::from(written.unwrap_err()), StoreError::Refused(_)));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn two_hundred_requests_of_two_msps_on_two_connections_see_no_foreign_row(pool: PgPool) {
    let world = World::new(pool).await;
    let db = Db::of_pool(pool_of(&world.owner, "daimon_app", 2).await).await.unwrap();
    let mut tasks = Vec::new();
    for number in 0..200 {
        let msp = if number % 2 == 0 { world.ours } else { world.theirs };
        let db = db.clone();
        let task = tokio::spawn(async move {
            let mut tx = db.begin(&msp.wall()).await.unwrap();
            let seen = mailboxes(&mut tx).await;
            if number % 3 == 0 {
                tx.commit().await.unwrap();
            }
            assert_eq!(seen, [msp.mailbox]);
        });
        // Some are cancelled wherever they happen to be.
        if number % 5 == 0 {
            tokio::task::yield_now().await;
            task.abort();
        }
        tasks.push(task);
    }
    let mut finished = 0;
    for task in tasks {
        match task.await {
            Ok(()) => finished += 1,
            Err(end) => assert!(end.is_cancelled(), "{end}"),
        }
    }
    assert!(finished >= 160, "{finished}");
}
