//! Who is told of what, how fast, and what is told once more.

use std::collections::BTreeSet;

use daimon_domain::day::QuietHours;
use daimon_domain::delivery::{AttemptFault, Delivery, DeliveryFailure, WaitsFor};
use daimon_domain::event::{Event, EventType};
use daimon_domain::id::{DeliveryId, EndpointId, TenantId};
use daimon_domain::pace::Pace;
use daimon_domain::verdict::{Severity, Verdict};
use daimon_store::attempt::Attempt;
use daimon_store::delivery::{Addressee, DeliveryEnd, GivenBack, Parcel, ReplayFilter, Replayable, Which};
use daimon_store::endpoint::{self, DisabledReason, Endpoint, Hope, Matter, Wants};
use daimon_store::{MspTx, StoreError, delivery, event, tenant};
use sqlx::PgPool;

use crate::support::{World, at};

impl World {
    /// An endpoint that wants this.
    async fn wanting(&self, wants: Wants) -> EndpointId {
        let id = EndpointId::new(at(1), &self.entropy);
        let endpoint = Endpoint { wants, ..Endpoint::new(id, "https://psa.example/hook".to_owned(), at(1)) };
        let mut tx = self.db.begin(&self.ours.wall()).await.unwrap();
        endpoint::insert(&mut tx, &endpoint, b"sealed").await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// What there is to send of an event that was told to it alone.
    async fn parcel(&self, tx: &mut MspTx, endpoint: EndpointId, second: i64) -> Parcel {
        let (kind, id) = (EventType::IncidentOpened, self.delivery_id(second));
        let event = Event { id: self.event_id(second), kind, occurred_at: at(second), body: "{}".to_owned() };
        event::insert(tx, &event, Some(self.ours.tenant), Some(Severity::High), None).await.unwrap();
        let delivery = Delivery::new(id, event.id, endpoint, at(second));
        delivery::insert_many(tx, Some(self.ours.tenant), &[delivery], None).await.unwrap();
        delivery::lease(tx, id, at(second), at(second + 60)).await.unwrap().unwrap().parcel.unwrap()
    }

    async fn told(&self, matter: Matter) -> BTreeSet<EndpointId> {
        let mut tx = self.db.begin(&self.ours.wall()).await.unwrap();
        endpoint::for_event(&mut tx, matter).await.unwrap().into_iter().collect()
    }

    /// Deliveries that are due at once.
    async fn due(&self, endpoint: EndpointId, count: i64) -> Vec<DeliveryId> {
        let all: Vec<Delivery> =
            (0..count).map(|n| Delivery::new(self.delivery_id(n), self.event_id(n), endpoint, at(n))).collect();
        let mut tx = self.db.begin(&self.ours.wall()).await.unwrap();
        delivery::insert_many(&mut tx, None, &all, None).await.unwrap();
        tx.commit().await.unwrap();
        all.into_iter().map(|delivery| delivery.id).collect()
    }
}

fn takeover(tenant: TenantId) -> Matter {
    Matter {
        kind: EventType::IncidentOpened,
        severity: Some(Severity::High),
        verdict: Some(Verdict::AccountTakeover),
        tenant: Some(tenant),
    }
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn an_endpoint_is_told_of_its_types_severities_verdicts_and_tenants(pool: PgPool) {
    let world = World::new(pool).await;
    let (ours, other) = (world.ours.tenant, world.another_tenant(world.ours).await);
    let all = world.wanting(Wants::default()).await;
    let opened = world.wanting(Wants { types: vec![EventType::IncidentOpened], ..Wants::default() }).await;
    let low = world.wanting(Wants { severities: vec![Severity::Low], ..Wants::default() }).await;
    let thefts = world.wanting(Wants { verdicts: vec![Verdict::AccountTakeover], ..Wants::default() }).await;
    let listed = world.wanting(Wants { tenants: vec![ours], ..Wants::default() }).await;
    let gold = world.wanting(Wants { groups: vec!["gold".parse().unwrap()], ..Wants::default() }).await;
    let silver = world.wanting(Wants { groups: vec!["silver".parse().unwrap()], ..Wants::default() }).await;
    let others = world.wanting(Wants { except: vec![ours], ..Wants::default() }).await;
    let either = Wants { tenants: vec![ours], groups: vec!["silver".parse().unwrap()], ..Wants::default() };
    let either = world.wanting(either).await;

    assert_eq!(world.told(takeover(ours)).await, BTreeSet::from([all, opened, thefts, listed, gold, either]));
    assert_eq!(world.told(takeover(other)).await, BTreeSet::from([all, opened, thefts, gold, others]));
    let legit = Matter { verdict: Some(Verdict::Legit), severity: Some(Severity::Low), ..takeover(other) };
    assert_eq!(world.told(legit).await, BTreeSet::from([all, opened, low, gold, others]));
    assert_eq!(
        world.told(Matter::of_msp(EventType::EndpointFailing)).await,
        BTreeSet::from([all, others]),
        "about the MSP itself"
    );
    let without = Matter { tenant: Some(ours), ..Matter::of_msp(EventType::MailboxUnreachable) };
    assert_eq!(world.told(without).await, BTreeSet::from([all, listed, gold, either]), "without severity and verdict");

    // A tenant that changes its group is told of elsewhere from then on.
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let mut moved = tenant::find(&mut tx, ours).await.unwrap().unwrap();
    moved.groups = ["silver".parse().unwrap()].into();
    tenant::update(&mut tx, &moved).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.told(takeover(ours)).await, BTreeSet::from([all, opened, thefts, listed, silver, either]));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn who_is_limited_to_some_tenants_makes_and_sees_no_endpoint_of_a_group(pool: PgPool) {
    let world = World::new(pool).await;
    let ours = world.ours.tenant;
    let wants = Wants { tenants: vec![ours], groups: vec!["gold".parse().unwrap()], ..Wants::default() };
    let hidden = world.wanting(wants.clone()).await;
    let mut tx = world.db.begin(&world.ours.limited(&[ours])).await.unwrap();
    assert!(endpoint::find(&mut tx, hidden).await.unwrap().is_none());
    let id = EndpointId::new(at(2), &world.entropy);
    let reaching = Endpoint { wants, ..Endpoint::new(id, "https://psa.example/hook".to_owned(), at(2)) };
    let refused = endpoint::insert(&mut tx, &reaching, b"sealed").await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn what_is_due_at_a_throttled_endpoint_is_given_turns_in_one_go(pool: PgPool) {
    let world = World::new(pool).await;
    let endpoint = world.an_endpoint(world.ours, &[]).await;
    let ids = world.due(endpoint, 5).await;
    let slow = Pace::try_from(6).unwrap();
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let now = at(100);
    let held = delivery::lease(&mut tx, ids[0], now, at(160)).await.unwrap().unwrap();
    assert_eq!(endpoint::take_turn(&mut tx, endpoint, slow, false, now).await.unwrap(), Some(Ok(())));
    let given_back =
        delivery::finish(&mut tx, &held, DeliveryEnd::Delivered, &world.attempt(ids[0], 100)).await.unwrap();
    assert_eq!(given_back, GivenBack::Recorded);

    let held = delivery::lease(&mut tx, ids[1], now, at(160)).await.unwrap().unwrap();
    assert_eq!(endpoint::take_turn(&mut tx, endpoint, slow, false, now).await.unwrap(), Some(Err(at(110))));
    assert!(delivery::defer(&mut tx, ids[1], &held.lease, at(110), Some(WaitsFor::RateLimit)).await.unwrap());
    for (id, second) in ids.iter().skip(1).zip([110, 120, 130, 140]) {
        let waits = delivery::find(&mut tx, *id).await.unwrap().unwrap();
        assert_eq!((waits.next_attempt_at, waits.waits_for), (Some(at(second)), Some(WaitsFor::RateLimit)));
    }
    tx.commit().await.unwrap();
    assert!(world.fleet.due_deliveries(at(109), 9).await.unwrap().is_empty(), "nobody is bothered meanwhile");
    assert_eq!(world.fleet.oldest_undelivered().await.unwrap(), Some(at(1)), "and the lag counts them");

    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert_eq!(endpoint::find(&mut tx, endpoint).await.unwrap().unwrap().undelivered_since, Some(at(1)));
    assert_eq!(endpoint::release(&mut tx, endpoint, at(105)).await.unwrap(), 4);
    let released = delivery::find(&mut tx, ids[4]).await.unwrap().unwrap();
    assert_eq!((released.next_attempt_at, released.waits_for), (Some(at(105)), None));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn what_waits_to_be_tried_again_is_tried_soon_and_nothing_else_is_touched(pool: PgPool) {
    let world = World::new(pool).await;
    let (endpoint, other) = (world.an_endpoint(world.ours, &[]).await, world.an_endpoint(world.ours, &[]).await);
    let (ids, others) = (world.due(endpoint, 5).await, world.due(other, 1).await);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let now = at(100);
    let far = at(86_400);
    for (id, waits_for) in [(ids[0], None), (ids[1], None), (ids[2], Some(WaitsFor::QuietHours)), (others[0], None)] {
        let held = delivery::lease(&mut tx, id, now, at(160)).await.unwrap().unwrap();
        assert!(delivery::defer(&mut tx, id, &held.lease, far, waits_for).await.unwrap());
    }
    let held = delivery::lease(&mut tx, ids[3], now, at(160)).await.unwrap().unwrap();
    delivery::postpone(&mut tx, ids[3], &held.lease, far).await.unwrap();
    assert_eq!(endpoint::retry_soon(&mut tx, endpoint, Hope::Answered, now).await.unwrap(), 2);
    let mut next = Vec::new();
    for id in [&ids[..], &others].concat() {
        next.push(delivery::find(&mut tx, id).await.unwrap().unwrap().next_attempt_at.unwrap());
    }
    let soon = now + chrono::TimeDelta::milliseconds(20);
    assert_eq!(
        next,
        [now, soon, far, far, at(4), far],
        "what is quiet, in hand, due already, or somebody else's is as it was"
    );

    let held = delivery::lease(&mut tx, ids[0], at(101), at(160)).await.unwrap().unwrap();
    assert!(delivery::defer(&mut tx, ids[0], &held.lease, far, None).await.unwrap());
    assert_eq!(endpoint::retry_soon(&mut tx, endpoint, Hope::Answered, at(100)).await.unwrap(), 0, "once");
    assert_eq!(
        endpoint::retry_soon(&mut tx, endpoint, Hope::Told, at(100)).await.unwrap(),
        2,
        "or when somebody says so"
    );
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_replay_has_what_the_endpoint_wants_and_has_not(pool: PgPool) {
    let world = World::new(pool).await;
    let other = world.another_tenant(world.ours).await;
    let wants = Wants { types: vec![EventType::IncidentOpened], except: vec![other], ..Wants::default() };
    let endpoint = world.wanting(wants).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let tell = async |tx: &mut MspTx, second, kind, tenant| {
        let event = Event { id: world.event_id(second), kind, occurred_at: at(second), body: "{}".to_owned() };
        event::insert(tx, &event, tenant, None, None).await.unwrap();
        event.id
    };
    let (opened, ours) = (EventType::IncidentOpened, Some(world.ours.tenant));
    tell(&mut tx, 9, opened, ours).await;
    let never_sent = tell(&mut tx, 10, opened, ours).await;
    tell(&mut tx, 11, EventType::IncidentClosed, ours).await;
    tell(&mut tx, 12, opened, Some(other)).await;
    let [failed, arrived, waits] = [
        tell(&mut tx, 13, opened, ours).await,
        tell(&mut tx, 14, opened, ours).await,
        tell(&mut tx, 15, opened, None).await,
    ];
    tell(&mut tx, 20, opened, ours).await;
    let test = Event { id: world.event_id(16), kind: opened, occurred_at: at(16), body: "{}".to_owned() };
    event::insert_test(&mut tx, &test, None).await.unwrap();
    for (event, end) in [
        (failed, Some(DeliveryEnd::Failed(DeliveryFailure::AttemptsUsedUp))),
        (arrived, Some(DeliveryEnd::Delivered)),
        (waits, None),
    ] {
        let id = world.delivery_id(16);
        delivery::insert_many(&mut tx, None, &[Delivery::new(id, event, endpoint, at(16))], None).await.unwrap();
        if let Some(end) = end {
            let held = delivery::lease(&mut tx, id, at(16), at(60)).await.unwrap().unwrap();
            delivery::finish(&mut tx, &held, end, &world.attempt(id, 16)).await.unwrap();
        }
    }
    let filter = ReplayFilter { since: at(10), until: at(20), types: vec![], tenants: vec![], which: Which::Missed };
    let events = async |tx: &mut MspTx, filter: &ReplayFilter| -> Vec<_> {
        let found = delivery::replayable(tx, endpoint, filter, 100).await.unwrap();
        found.into_iter().map(|one: Replayable| one.event).collect()
    };
    assert_eq!(events(&mut tx, &filter).await, [never_sent, failed]);
    let all = ReplayFilter { which: Which::All, ..filter.clone() };
    assert_eq!(events(&mut tx, &all).await, [never_sent, failed, arrived, waits]);
    let of_ours = ReplayFilter { tenants: vec![world.ours.tenant], ..all };
    assert_eq!(events(&mut tx, &of_ours).await, [never_sent, failed, arrived]);

    let found = delivery::replayable(&mut tx, endpoint, &filter, 100).await.unwrap();
    let made: Vec<_> = found.into_iter().map(|one| (world.delivery_id(30), one)).collect();
    delivery::insert_replayed(&mut tx, endpoint, &made, at(30)).await.unwrap();
    assert_eq!(events(&mut tx, &filter).await, [], "they are on their way");
    let again = delivery::find(&mut tx, made[0].0).await.unwrap().unwrap();
    assert_eq!((again.event, again.next_attempt_at), (never_sent, Some(at(30))));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn while_a_secret_rotates_both_sign_and_never_three(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.an_endpoint(world.ours, &[]).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert_eq!(endpoint::rotate(&mut tx, id, 1, b"second", at(100)).await.unwrap(), Some(2));
    assert_eq!(endpoint::rotate(&mut tx, id, 1, b"lost", at(100)).await.unwrap(), None);
    let during = world.parcel(&mut tx, id, 99).await.secrets;
    assert_eq!((during.current.as_slice(), during.previous.as_deref()), (&b"second"[..], Some(&b"sealed"[..])));
    assert_eq!(world.parcel(&mut tx, id, 100).await.secrets.previous, None);
    endpoint::rotate(&mut tx, id, 2, b"third", at(200)).await.unwrap();
    let again = world.parcel(&mut tx, id, 101).await.secrets;
    assert_eq!((again.current.as_slice(), again.previous.as_deref()), (&b"third"[..], Some(&b"second"[..])));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn an_endpoint_forgets_its_failures_when_one_attempt_works(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.an_endpoint(world.ours, &[]).await;
    let ids = world.due(id, 2).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert_eq!(endpoint::failed(&mut tx, id, at(1)).await.unwrap(), Some((at(1), 1)));
    assert_eq!(endpoint::failed(&mut tx, id, at(2)).await.unwrap(), Some((at(1), 2)));
    let refused = Attempt { fault: Some(AttemptFault::Refused), ..world.attempt(ids[0], 3) };
    let held = delivery::lease(&mut tx, ids[0], at(3), at(60)).await.unwrap().unwrap();
    let used_up = DeliveryEnd::Failed(DeliveryFailure::AttemptsUsedUp);
    assert_eq!(delivery::finish(&mut tx, &held, used_up, &refused).await.unwrap(), GivenBack::Recorded);
    let failed = delivery::find(&mut tx, ids[0]).await.unwrap().unwrap();
    assert_eq!(failed.failed_because, Some(DeliveryFailure::AttemptsUsedUp));
    assert_eq!(endpoint::failed(&mut tx, id, at(3)).await.unwrap(), Some((at(1), 3)), "that one did not work");
    let held = delivery::lease(&mut tx, ids[1], at(4), at(60)).await.unwrap().unwrap();
    let works = delivery::finish(&mut tx, &held, DeliveryEnd::Delivered, &world.attempt(ids[1], 4)).await.unwrap();
    assert_eq!(works, GivenBack::Recovered);
    assert_eq!(endpoint::failed(&mut tx, id, at(5)).await.unwrap(), Some((at(5), 1)));
    assert!(endpoint::disable(&mut tx, id, DisabledReason::Gone, at(6)).await.unwrap());
    assert!(!endpoint::disable(&mut tx, id, DisabledReason::Failing, at(7)).await.unwrap());
    let stored = endpoint::find(&mut tx, id).await.unwrap().unwrap();
    assert_eq!(stored.disabled, Some((at(6), DisabledReason::Gone)));
    let matter = Matter::of_msp(EventType::MailboxRecovered);
    assert!(endpoint::for_event(&mut tx, matter).await.unwrap().is_empty());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn what_is_taken_in_hand_comes_with_all_there_is_to_send(pool: PgPool) {
    let world = World::new(pool).await;
    let quiet = QuietHours {
        from: "22:00".parse().unwrap(),
        until: "07:00".parse().unwrap(),
        zone: "Asia/Tokyo".parse().unwrap(),
        let_through: Some(Severity::Critical),
    };
    let id = EndpointId::new(at(1), &world.entropy);
    let endpoint = Endpoint {
        pace: Some(Pace::try_from(6).unwrap()),
        quiet_hours: Some(quiet),
        ..Endpoint::new(id, "https://psa.example/hook".to_owned(), at(1))
    };
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    endpoint::insert(&mut tx, &endpoint, b"sealed").await.unwrap();
    endpoint::failed(&mut tx, id, at(2)).await.unwrap();
    let parcel = world.parcel(&mut tx, id, 3).await;
    let wanted = Addressee {
        id,
        url: endpoint.url,
        pace: endpoint.pace,
        quiet_hours: endpoint.quiet_hours,
        is_disabled: false,
        failures: 1,
    };
    assert_eq!((parcel.endpoint, parcel.severity), (wanted, Some(Severity::High)));
    assert_eq!((parcel.event.kind, parcel.event.body.as_str()), (EventType::IncidentOpened, "{}"));
    endpoint::disable(&mut tx, id, DisabledReason::ByHand, at(4)).await.unwrap();
    assert!(world.parcel(&mut tx, id, 5).await.endpoint.is_disabled);
    tx.commit().await.unwrap();

    let gone = world.due(id, 1).await[0];
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let held = delivery::lease(&mut tx, gone, at(6), at(66)).await.unwrap().unwrap();
    assert!(held.parcel.is_none(), "its event is not there any more");
}
