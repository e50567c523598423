//! Whoever gets past the database's walls changes no audit log unseen.

use daimon_tests::program::Program;
use daimon_tests::world::World;

/// What is said of the log, and whether all is well.
async fn verified(world: &World, more: &[&str]) -> (String, bool) {
    let output = Program::run("daimon-api", &[&["verify-audit"], more].concat(), &world.settings).await.unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.success())
}

#[tokio::test]
async fn an_audit_log_that_was_changed_or_written_anew_is_found() {
    let world = World::without_worker().await.unwrap();
    for company in ["Sakura Dental", "Kestrel Bakery", "Mori & Sons"] {
        world.client.create_tenant(company).await.unwrap();
    }
    let (said, is_well) = verified(&world, &[]).await;
    assert!(is_well && said.contains(" whole entries="), "{said}");
    let place = tempfile::tempdir().unwrap();
    let before = place.path().join("before");
    std::fs::write(&before, &said).unwrap();
    let before = before.to_str().unwrap();
    world.client.create_tenant("Harbour Logistics").await.unwrap();
    let (said, is_well) = verified(&world, &["--before", before]).await;
    assert!(is_well, "it went on from there: {said}");

    let change = "update audit_entry set actor = 'key_2' where sequence = 2";
    world.sql(change).await.unwrap();
    let (said, is_well) = verified(&world, &[]).await;
    assert!(!is_well && said.contains(" BROKEN: entry 2 "), "{said}");

    // The whole log is written anew, up to an end of its own, from its first entry alone.
    world
        .sql(
            "delete from audit_entry where sequence > 1;
            update audit_head set sequence = 1, hash = (select hash from audit_entry)",
        )
        .await
        .unwrap();
    let (said, is_well) = verified(&world, &[]).await;
    assert!(is_well && said.contains(" whole entries=1 "), "{said}");
    let (said, is_well) = verified(&world, &["--before", before]).await;
    assert!(!is_well && said.contains(" REWRITTEN: entry "), "{said}");
}

#[tokio::test]
async fn a_log_that_grows_meanwhile_is_whole() {
    let world = World::without_worker().await.unwrap();
    world.client.create_tenant("Sakura Dental").await.unwrap();
    let (grows, verified) = tokio::join!(
        async {
            for number in 0..60 {
                world.client.create_tenant(&format!("Company {number}")).await.unwrap();
            }
        },
        async {
            let mut all = Vec::new();
            for _ in 0..6 {
                all.push(verified(&world, &[]).await);
            }
            all
        },
    );
    let () = grows;
    assert!(verified.iter().all(|(said, is_well)| *is_well && said.contains(" whole entries=")), "{verified:?}");
    let (first, last) = (verified.first().unwrap(), verified.last().unwrap());
    assert!(first.0 != last.0, "it did not grow: {verified:?}");
}
