//! Mailboxes with the password of a stolen one.

use daimon_domain::id::MailboxId;
use daimon_store::{incident, mailbox, sibling};
use sqlx::PgPool;

use crate::support::{Msp, World, at, sealed};

async fn set(world: &World, msp: Msp, id: MailboxId, hash: u8) {
    let mut tx = world.db.begin(&msp.wall()).await.unwrap();
    mailbox::set_secret_hash(&mut tx, id, &[hash; 32]).await.unwrap();
    tx.commit().await.unwrap();
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn siblings_are_of_the_tenant_and_watched_until_they_have_another_password(pool: PgPool) {
    let world = World::new(pool).await;
    let ours = world.ours;
    let alike = world.another_mailbox(ours, ours.tenant, "suzuki@sakura.example").await;
    let other = world.another_mailbox(ours, ours.tenant, "mori@sakura.example").await;
    let tenant = world.another_tenant(ours).await;
    let elsewhere = world.another_mailbox(ours, tenant, "ito@momiji.example").await;
    for (id, hash) in [(ours.mailbox, 1), (alike, 1), (other, 2), (elsewhere, 1)] {
        set(&world, ours, id, hash).await;
    }
    set(&world, world.theirs, world.theirs.mailbox, 1).await;

    let stolen = world.incident(ours);
    let mut tx = world.db.begin(&ours.wall()).await.unwrap();
    incident::insert(&mut tx, &stolen).await.unwrap();
    assert_eq!(sibling::note(&mut tx, &stolen, at(6)).await.unwrap(), [alike]);
    assert!(sibling::note(&mut tx, &stolen, at(7)).await.unwrap().is_empty(), "they are told of once");
    sibling::wake(&mut tx, &[alike], at(3)).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = world.db.begin(&ours.wall()).await.unwrap();
    assert_eq!(mailbox::find(&mut tx, alike).await.unwrap().unwrap().next_poll_at, at(3));
    assert!(sibling::is_watched(&mut tx, alike).await.unwrap());
    assert!(!sibling::is_watched(&mut tx, other).await.unwrap());
    let listed = sibling::list(&mut tx, stolen.id).await.unwrap();
    assert_eq!(
        listed.iter().map(|one| (one.address.as_str(), one.is_open)).collect::<Vec<_>>(),
        [("suzuki@sakura.example", true)]
    );
    mailbox::replace_secret(&mut tx, alike, 1, &sealed(b"another"), None, at(8)).await.unwrap().unwrap();
    assert!(!sibling::is_watched(&mut tx, alike).await.unwrap(), "also before anybody has hashed the new one");
    assert!(!sibling::list(&mut tx, stolen.id).await.unwrap()[0].is_open);
    drop(tx);

    let mut tx = world.db.begin(&world.theirs.wall()).await.unwrap();
    assert!(sibling::list(&mut tx, stolen.id).await.unwrap().is_empty());
}
