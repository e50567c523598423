//! One live incident per mailbox and cause, and no change lost between two who make one.

use daimon_domain::incident::{Incident, IncidentState};
use daimon_store::incident::{self, Entry, IncidentFilter, StepDone, StepState};
use daimon_store::{Page, StoreError};
use sqlx::PgPool;

use crate::support::{World, at};

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn there_is_one_live_incident_per_mailbox_and_cause(pool: PgPool) {
    let world = World::new(pool).await;
    let first = world.incident(world.ours);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    incident::insert(&mut tx, &first).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let refusal = incident::insert(&mut tx, &world.incident(world.ours)).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Conflict { constraint } if constraint == "incident_live_once"));

    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert_eq!(incident::live_for_mailbox(&mut tx, world.ours.mailbox).await.unwrap(), std::slice::from_ref(&first));
    let closed = Incident { state: IncidentState::Closed, sequence: 2, ..first };
    assert!(incident::update(&mut tx, &closed).await.unwrap());
    let next = world.incident(world.ours);
    incident::insert(&mut tx, &next).await.unwrap();
    assert_eq!(incident::live_for_mailbox(&mut tx, world.ours.mailbox).await.unwrap(), std::slice::from_ref(&next));
    let live = IncidentFilter { live_only: true, ..IncidentFilter::default() };
    assert_eq!(incident::list(&mut tx, &live, Page::first(9)).await.unwrap().items, [next]);
    let every = IncidentFilter::default();
    assert_eq!(incident::list(&mut tx, &every, Page::first(9)).await.unwrap().items.len(), 2);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn an_older_state_does_not_overwrite_a_newer_one(pool: PgPool) {
    let world = World::new(pool).await;
    let incident = world.incident(world.ours);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    incident::insert(&mut tx, &incident).await.unwrap();
    let newer = Incident { sequence: 2, bounces: 9, ..incident.clone() };
    assert!(incident::update(&mut tx, &newer).await.unwrap());
    assert!(!incident::update(&mut tx, &Incident { sequence: 2, bounces: 5, ..incident.clone() }).await.unwrap());
    assert_eq!(incident::find(&mut tx, incident.id).await.unwrap(), Some(newer));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn an_incident_remembers_what_was_done_about_it(pool: PgPool) {
    let world = World::new(pool).await;
    let incident = world.incident(world.ours);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    incident::insert(&mut tx, &incident).await.unwrap();
    let done = StepDone {
        step: "C01".to_owned(),
        state: StepState::Done,
        by: "key_1".to_owned(),
        at: at(6),
        note: Some("password changed".to_owned()),
    };
    let skipped = StepDone { state: StepState::Skipped, ..done.clone() };
    incident::set_step(&mut tx, &incident, &skipped).await.unwrap();
    incident::set_step(&mut tx, &incident, &done).await.unwrap();
    assert_eq!(incident::steps(&mut tx, incident.id).await.unwrap(), [done]);
    for what in ["opened", "commented"] {
        let entry = Entry { at: at(6), what: what.to_owned(), who: "daimon".to_owned(), note: None };
        incident::add_entry(&mut tx, &incident, &entry).await.unwrap();
    }
    let story = incident::entries(&mut tx, incident.id).await.unwrap();
    assert_eq!(story.iter().map(|entry| entry.what.as_str()).collect::<Vec<_>>(), ["opened", "commented"]);
    assert!(incident::acknowledge(&mut tx, incident.id, "key_1", at(7)).await.unwrap());
    assert!(incident::acknowledge(&mut tx, incident.id, "key_2", at(8)).await.unwrap());
    let by = incident::acknowledged(&mut tx, incident.id).await.unwrap();
    assert_eq!(by, Some((at(7), "key_1".to_owned())));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn when_an_incident_was_contained_is_written_once(pool: PgPool) {
    let world = World::new(pool).await;
    let mut moved = world.incident(world.ours);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    incident::insert(&mut tx, &moved).await.unwrap();
    let mut since = Vec::new();
    for (second, state) in [
        (10, IncidentState::Open),
        (20, IncidentState::Contained),
        (30, IncidentState::Contained),
        (40, IncidentState::Recovered),
        (50, IncidentState::Reopened),
        (60, IncidentState::Contained),
        (70, IncidentState::Closed),
    ] {
        moved = Incident { state, sequence: moved.sequence + 1, updated_at: at(second), ..moved };
        assert!(incident::update(&mut tx, &moved).await.unwrap());
        since.push(incident::find(&mut tx, moved.id).await.unwrap().unwrap().contained_at);
    }
    let (first, second) = (Some(at(20)), Some(at(60)));
    assert_eq!(since, [None, first, first, first, None, second, second]);
}
