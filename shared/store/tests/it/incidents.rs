//! One live incident per mailbox and cause, and no change lost between two who make one.

use chrono::{DateTime, TimeDelta};
use daimon_domain::bounce::{Action, Kind};
use daimon_domain::campaign::{Campaign, Marks};
use daimon_domain::event::EventType;
use daimon_domain::id::{CampaignId, TicketId};
use daimon_domain::incident::{Dismissal, Incident, IncidentState, Life, Moved, Snooze};
use daimon_domain::reason::Reason;
use daimon_store::campaign::{self, CampaignFilter};
use daimon_store::incident::{self, Brief, Entry, IncidentFilter, Note, StepDone, StepState, Tally, Ticket};
use daimon_store::old_credential::{self, OldCredential};
use daimon_store::{Page, Sealed, StoreError, audit, bounce, event, mailbox, refusal};
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
    let listed = incident::list(&mut tx, &live, Page::first(9)).await.unwrap().items;
    assert_eq!(listed, [Brief(Incident { evidence: Vec::new(), ..next })]);
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
async fn what_people_and_time_made_of_an_incident_reads_back(pool: PgPool) {
    let world = World::new(pool).await;
    let before = world.incident(world.ours);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    incident::insert(&mut tx, &before).await.unwrap();
    let snooze = Snooze { until: at(90), reason: "after the fair".to_owned(), tier: before.tier };
    let life = Life {
        unread: 0,
        assignee: Some("Mori".to_owned()),
        snooze: Some(snooze),
        dismissal: Some(Dismissal::ThisWasUs),
        refused_since: Some(at(20)),
        closes_at: Some(at(99)),
        trailing: 7,
        continued: 1,
    };
    let moved =
        Incident { state: IncidentState::Contained, contained_at: Some(at(20)), sequence: 2, life, ..before.clone() };
    assert!(incident::update(&mut tx, &moved).await.unwrap());
    assert_eq!(incident::find(&mut tx, before.id).await.unwrap(), Some(moved.clone()));
    for more in [90_000, 5] {
        incident::count_unread(&mut tx, before.id, more).await.unwrap();
    }
    assert_eq!(incident::find(&mut tx, before.id).await.unwrap().unwrap().life.unread, 90_005);
    tx.commit().await.unwrap();
    assert_eq!(moved.due_at(), Some(at(90)));
    assert_eq!(world.fleet.due_incidents(at(89), 9).await.unwrap(), []);
    let due = world.fleet.due_incidents(at(90), 9).await.unwrap();
    assert_eq!(due.iter().map(|due| (due.msp, due.id)).collect::<Vec<_>>(), [(world.ours.id, before.id)]);
    assert!(!world.fleet.busy(at(90)).await.unwrap().is_idle());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_move_is_written_with_all_that_goes_with_it_or_not_at_all(pool: PgPool) {
    let world = World::new(pool).await;
    let before = world.incident(world.ours);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    incident::insert(&mut tx, &before).await.unwrap();
    let old = OldCredential {
        username: "sato".to_owned(),
        secret: Sealed { bytes: vec![1; 40], key_version: 1 },
        replaced_at: at(5),
        tries: 0,
        accepted_at: None,
        refused_at: None,
        next_try_at: Some(at(600)),
    };
    assert!(old_credential::keep(&mut tx, &before, &old).await.unwrap());
    let later = OldCredential { username: "another".to_owned(), ..old.clone() };
    assert!(!old_credential::keep(&mut tx, &before, &later).await.unwrap(), "the first one was stolen");
    assert!(!old_credential::take(&mut tx, before.id, at(599), None, true).await.unwrap());
    assert!(old_credential::take(&mut tx, before.id, at(600), Some(at(1_200)), true).await.unwrap());
    assert!(!old_credential::take(&mut tx, before.id, at(600), Some(at(1_200)), true).await.unwrap());
    let taken = OldCredential { tries: 1, next_try_at: Some(at(1_200)), ..old };
    assert_eq!(old_credential::find(&mut tx, before.id).await.unwrap(), Some(taken));

    let moved = |state, sequence| Moved {
        incident: Incident { state, sequence, updated_at: at(9), ..before.clone() },
        what: "moved",
        event: EventType::IncidentUpdated,
        settled: vec!["V01"],
        repeated: vec!["C01"],
    };
    let note = Note { who: "daimon".to_owned(), note: Some("as proved".to_owned()) };
    let body = |_kind: EventType| "{}".to_owned();
    let body: Option<incident::Body<'_>> = Some(&body);
    let contained = moved(IncidentState::Contained, 2);
    let told = incident::write_move(&mut tx, &contained, &note, body, &world.entropy).await.unwrap();
    assert_eq!(told, Some(Vec::new()), "there is no endpoint");
    assert!(old_credential::find(&mut tx, before.id).await.unwrap().is_some());
    let late = incident::write_move(&mut tx, &contained, &note, body, &world.entropy).await.unwrap();
    assert_eq!(late, None, "somebody else was faster");
    let steps = incident::settled(&mut tx, before.id).await.unwrap();
    assert_eq!(steps.into_iter().collect::<Vec<_>>(), ["V01"]);
    let story = incident::entries(&mut tx, before.id).await.unwrap();
    assert_eq!(story.iter().map(|entry| entry.what.as_str()).collect::<Vec<_>>(), ["moved"]);
    let log = audit::list(&mut tx, None, Page::first(9)).await.unwrap().items;
    assert_eq!(log.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["incident.moved"]);
    assert_eq!(event::list_after(&mut tx, 0, 9).await.unwrap().len(), 1);

    let closed = moved(IncidentState::Closed, 3);
    incident::write_move(&mut tx, &closed, &note, None, &world.entropy).await.unwrap().unwrap();
    assert_eq!(old_credential::find(&mut tx, before.id).await.unwrap(), None, "it proves nothing any more");
    assert_eq!(event::list_after(&mut tx, 0, 9).await.unwrap().len(), 1, "nobody was told");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_ticket_is_linked_once_and_a_campaign_is_of_its_mailbox_or_of_all(pool: PgPool) {
    let world = World::new(pool).await;
    let (ours, before) = (world.ours, world.incident(world.ours));
    let mut tx = world.db.begin(&ours.wall()).await.unwrap();
    incident::insert(&mut tx, &before).await.unwrap();
    let campaign = |mailbox, ends_at| Campaign {
        id: CampaignId::new(at(0), &world.entropy),
        tenant: ours.tenant,
        mailbox,
        incident: Some(before.id),
        name: "Autumn letter".to_owned(),
        marks: Marks { ends_at, templates: vec!["00ff".to_owned()], ..Marks::default() },
        created_at: at(0),
        created_by: "key_1".to_owned(),
    };
    let (of_all, of_one) = (campaign(None, None), campaign(Some(ours.mailbox), Some(at(50))));
    campaign::insert(&mut tx, &of_all).await.unwrap();
    campaign::insert(&mut tx, &of_one).await.unwrap();
    let marks = campaign::marks_for(&mut tx, ours.tenant, ours.mailbox, at(50)).await.unwrap();
    assert_eq!(marks, [(of_one.id, of_one.marks.clone()), (of_all.id, of_all.marks.clone())]);
    let later = campaign::marks_for(&mut tx, ours.tenant, ours.mailbox, at(51)).await.unwrap();
    assert_eq!(later, [(of_all.id, of_all.marks.clone())]);
    // By how its mails are made a campaign is known also when it has long been over.
    let made = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for learnt in [["b", "a"], ["a", "c"]] {
        campaign::learn(&mut tx, of_one.id, &made(&learnt)).await.unwrap();
    }
    let of_one = campaign::find(&mut tx, of_one.id).await.unwrap().unwrap();
    assert_eq!(of_one.marks.fingerprints, made(&["a", "b", "c"]));
    assert_eq!(campaign::marks_for(&mut tx, ours.tenant, ours.mailbox, at(51)).await.unwrap().len(), 2);
    let filter = CampaignFilter { mailbox: Some(ours.mailbox), ..CampaignFilter::default() };
    let listed = campaign::list(&mut tx, &filter, Page::first(9)).await.unwrap().items;
    assert_eq!(listed, [of_one.clone(), of_all.clone()]);
    assert!(campaign::delete(&mut tx, of_one.id).await.unwrap());
    campaign::delete_of_incident(&mut tx, before.id).await.unwrap();
    assert_eq!(campaign::find(&mut tx, of_all.id).await.unwrap(), None);

    let ticket = Ticket {
        id: TicketId::new(at(0), &world.entropy),
        system: "halopsa".to_owned(),
        reference: "4711".to_owned(),
        url: None,
        linked_at: at(1),
        linked_by: "key_1".to_owned(),
    };
    incident::link(&mut tx, &before, &ticket).await.unwrap();
    assert_eq!(incident::tickets(&mut tx, before.id).await.unwrap(), std::slice::from_ref(&ticket));
    assert!(incident::unlink(&mut tx, before.id, ticket.id).await.unwrap());
    assert!(!incident::unlink(&mut tx, before.id, ticket.id).await.unwrap());
    incident::link(&mut tx, &before, &ticket).await.unwrap();
    let again = Ticket { id: TicketId::new(at(2), &world.entropy), ..ticket };
    let refusal = incident::link(&mut tx, &before, &again).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Conflict { constraint } if constraint == "incident_ticket_once"));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn the_bounces_of_an_incident_are_counted_within_the_wall_with_those_from_before_it_was_noticed(pool: PgPool) {
    let world = World::new(pool).await;
    let mut incident = world.incident(world.ours);
    (incident.first_bounce_at, incident.opened_at) = (at(0), at(3_000));
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    incident::insert(&mut tx, &incident).await.unwrap();
    // Received when, and of this incident: an older one, one from before it was noticed, three of it, one of nothing.
    let received = [(-60, false), (60, false), (3_100, true), (3_700, true), (3_800, true), (3_900, false)];
    let mut bounces = Vec::new();
    for (second, is_of_it) in received {
        let mut bounce = world.bounce(world.ours, at(second));
        bounce.incident = is_of_it.then_some(incident.id);
        bounce.recipient_domain = if second < 3_750 { "shop.example" } else { "other.example" }.to_owned();
        bounces.push(bounce);
    }
    bounce::insert_many(&mut tx, &bounces).await.unwrap();
    tx.commit().await.unwrap();

    let hour = TimeDelta::hours(1);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let tally = incident::tally(&mut tx, &incident, hour, DateTime::UNIX_EPOCH).await.unwrap();
    assert_eq!((tally.bounces, tally.is_cut), (4, false));
    assert_eq!(tally.steps, [(at(0), 2), (at(3_600), 2)]);
    assert_eq!(tally.reasons.iter().map(|(_, bounces)| bounces).sum::<u64>(), 4);
    assert_eq!(tally.domains, [("shop.example".to_owned(), 3), ("other.example".to_owned(), 1)]);

    let mut tx = world.db.begin(&world.theirs.wall()).await.unwrap();
    let tally = incident::tally(&mut tx, &incident, hour, DateTime::UNIX_EPOCH).await.unwrap();
    assert_eq!(tally, Tally::default(), "another MSP counts nothing");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn who_is_still_tried_and_who_refuses_the_sender_is_counted_within_the_wall(pool: PgPool) {
    let world = World::new(pool).await;
    let mut incident = world.incident(world.ours);
    (incident.first_bounce_at, incident.opened_at) = (at(0), at(100));
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    incident::insert(&mut tx, &incident).await.unwrap();
    // Of whom, when, what, why, who said so. One is late, one was late and then failed, one was late long ago.
    let told = [
        (1, 200, Action::Delayed, Reason::NetworkError, None),
        (2, 200, Action::Delayed, Reason::NetworkError, None),
        (2, 300, Action::Failed, Reason::IpBlocked, Some("MX.Shop.Example")),
        (3, 50, Action::Delayed, Reason::NetworkError, None),
        (4, 60, Action::Failed, Reason::IpBlocked, Some("mx.shop.example")),
        (5, 61, Action::Failed, Reason::UserUnknown, Some("mx.shop.example")),
        // The own provider says this, too.
        (6, 62, Action::Failed, Reason::RateLimited, None),
    ];
    let mut bounces = Vec::new();
    for (recipient, second, action, reason, host) in told {
        let mut bounce = world.bounce(world.ours, at(second));
        bounce.incident = Some(incident.id);
        (bounce.recipient_hash, bounce.action, bounce.reason) = ([recipient; 32], action, reason);
        bounce.kind = if action == Action::Delayed { Kind::Delay } else { Kind::Bounce };
        bounce.remote_mta = host.map(str::to_owned);
        bounce.recipient_domain = "shop.example".to_owned();
        bounces.push(bounce);
    }
    bounce::insert_many(&mut tx, &bounces).await.unwrap();
    let domain = mailbox::find(&mut tx, world.ours.mailbox).await.unwrap().unwrap().address.domain().to_owned();
    tx.commit().await.unwrap();

    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert_eq!(incident::still_tried(&mut tx, &incident, at(100)).await.unwrap(), 1);
    let tenant = world.ours.tenant;
    let refusals = refusal::list(&mut tx, tenant, &domain, at(0), at(100)).await.unwrap();
    let [refusals] = refusals.as_slice() else { panic!("{refusals:?}") };
    assert_eq!((refusals.host.as_deref(), refusals.reason), (Some("mx.shop.example"), Reason::IpBlocked));
    assert_eq!((refusals.bounces, refusals.recent, refusals.latest_at), (2, 1, at(300)));
    assert_eq!(refusal::list(&mut tx, tenant, "other.example", at(0), at(100)).await.unwrap(), []);

    let mut tx = world.db.begin(&world.theirs.wall()).await.unwrap();
    assert_eq!(incident::still_tried(&mut tx, &incident, at(100)).await.unwrap(), 0);
    assert_eq!(refusal::list(&mut tx, tenant, &domain, at(0), at(100)).await.unwrap(), []);
}
