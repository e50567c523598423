//! One delivery after another, against a real Postgres and a real receiver, on a clock that the story moves.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::{Clock, ManualClock};
use daimon_domain::day::QuietHours;
use daimon_domain::delivery::{AttemptFault, Delivery, DeliveryFailure, DeliveryState, WaitsFor};
use daimon_domain::event::{Event, EventType};
use daimon_domain::id::{DeliveryId, EndpointId, EventId, MspId};
use daimon_domain::job::JobEnd;
use daimon_domain::pace::Pace;
use daimon_domain::scope::Wall;
use daimon_domain::verdict::Severity;
use daimon_egress::{Egress, Settings};
use daimon_seal::{MasterKey, SystemEntropy, WebhookSecret};
use daimon_store::attempt::{self, Attempt};
use daimon_store::endpoint::{self, DisabledReason, Endpoint};
use daimon_store::{Db, Fleet, Owner, Page, delivery, event, msp};
use daimon_tests::catcher::{Answer, Catcher};
use daimon_tests::place::Place;
use daimon_tests::servers::shared;
use daimon_tests::world::{Files, migrate};
use daimon_worker::deliver::{Deliverer, deliver};
use secrecy::ExposeSecret;

const BODY: &str = r#"{"type":"incident.opened","timestamp":"2026-11-24T08:00:00Z","data":{"name":"桜"}}"#;

/// So many webhooks are sent at a time.
const SLOTS: usize = 8;

struct Story {
    db: Db,
    fleet: Fleet,
    wall: Wall,
    clock: Arc<ManualClock>,
    master: Arc<MasterKey>,
    catcher: Catcher,
    deliverer: Deliverer,
    /// Another worker.
    colleague: Deliverer,
    _place: Place,
}

impl Story {
    async fn start() -> Self {
        Self::with_lease(TimeDelta::seconds(60)).await
    }

    async fn with_lease(lease: TimeDelta) -> Self {
        static STORIES: AtomicU32 = AtomicU32::new(0);
        let servers = shared().await.unwrap();
        let place = Place::temporary().unwrap();
        let files = Files::in_folder(place.path()).unwrap();
        let database = format!("deliver_{:x}x{:x}", std::process::id(), STORIES.fetch_add(1, Ordering::Relaxed));
        let sql = format!("create database {database} owner daimon_owner");
        servers.postgres.admin("postgres", &sql).await.unwrap();
        let owner_url = servers.postgres.url("daimon_owner", &database);
        migrate(&owner_url).await.unwrap();

        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(1_795_507_200, 0).unwrap()));
        let owner = Owner::connect(&owner_url).await.unwrap();
        let wall = Wall::whole(MspId::new(clock.now(), &SystemEntropy));
        let mut tx = owner.begin(&wall).await.unwrap();
        msp::create(&mut tx, "Kestrel IT", clock.now()).await.unwrap();
        tx.commit().await.unwrap();

        let db = Db::connect(&servers.postgres.url("daimon_app", &database), 4).await.unwrap();
        let egress = Egress::new(&Settings {
            allow_file: Some(files.allow.clone()),
            extra_ca_file: Some(PathBuf::from(&servers.authority.ca)),
            resolve_file: Some(files.hosts.clone()),
            development: true,
            ..Settings::default()
        })
        .unwrap();
        let master = Arc::new(MasterKey::from_hex_file(&files.master_key).unwrap());
        let worker = || {
            let told: Arc<dyn Clock> = clock.clone();
            Deliverer::new(db.planned_once(), egress.clone(), Arc::clone(&master), told, lease, SLOTS)
        };
        let (deliverer, colleague) = (worker(), worker());
        let fleet = Fleet::connect(&servers.postgres.url("daimon_fleet", &database)).await.unwrap();
        let catcher = Catcher::start(&servers.authority).await.unwrap();
        Self { db, fleet, wall, clock, master, catcher, deliverer, colleague, _place: place }
    }

    /// An endpoint at the catcher, and the text of its secret.
    async fn endpoint(&self, types: &[EventType]) -> (EndpointId, String) {
        self.endpoint_with(types, |_as_it_is| ()).await
    }

    async fn endpoint_with(&self, types: &[EventType], change: impl FnOnce(&mut Endpoint)) -> (EndpointId, String) {
        let id = EndpointId::new(self.clock.now(), &SystemEntropy);
        let secret = WebhookSecret::generate(&SystemEntropy);
        let mut endpoint = Endpoint::new(id, self.catcher.url(), self.clock.now());
        endpoint.wants.types = types.to_vec();
        change(&mut endpoint);
        let sealed = secret.seal(&self.master, self.wall.msp, id).unwrap();
        let mut tx = self.db.begin(&self.wall).await.unwrap();
        endpoint::insert(&mut tx, &endpoint, &sealed).await.unwrap();
        tx.commit().await.unwrap();
        (id, secret.reveal().expose_secret().to_owned())
    }

    /// An event that is due at that endpoint.
    async fn due(&self, endpoint: EndpointId) -> DeliveryId {
        self.due_with(endpoint, None, false).await
    }

    async fn due_with(&self, endpoint: EndpointId, severity: Option<Severity>, is_test: bool) -> DeliveryId {
        let now = self.clock.now();
        let event = EventId::new(now, &SystemEntropy);
        let id = DeliveryId::new(now, &SystemEntropy);
        let stored = Event { id: event, kind: EventType::IncidentOpened, occurred_at: now, body: BODY.to_owned() };
        let due = Delivery { is_test, ..Delivery::new(id, event, endpoint, now) };
        let mut tx = self.db.begin(&self.wall).await.unwrap();
        event::insert(&mut tx, &stored, None, severity, None).await.unwrap();
        delivery::insert_many(&mut tx, None, &[due], None).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn deliver(&self, id: DeliveryId) -> JobEnd {
        deliver(&self.deliverer, self.wall.msp, id).await.unwrap()
    }

    /// Begins the delivery as often as that with a program that dies of it each time.
    async fn interrupted(&self, id: DeliveryId, times: u32) {
        for _ in 0..times {
            self.catcher.answer(Answer::Silence);
            let heard = self.catcher.caught().len();
            let has_ended = tokio::select! {
                _end = self.deliver(id) => true,
                () = self.catcher.wait_for_more_than(heard) => false,
            };
            assert!(!has_ended, "nobody answered");
            let next = self.delivery(id).await.next_attempt_at.unwrap();
            self.clock.set((self.now() + TimeDelta::seconds(60)).max(next));
        }
        self.catcher.forget();
    }

    /// Moves the clock to when the delivery is due again, and delivers.
    async fn again(&self, end: JobEnd, id: DeliveryId) -> JobEnd {
        let JobEnd::Retry { after } = end else { return end };
        self.clock.set(after);
        self.deliver(id).await
    }

    async fn delivery(&self, id: DeliveryId) -> Delivery {
        let mut tx = self.db.begin(&self.wall).await.unwrap();
        delivery::find(&mut tx, id).await.unwrap().unwrap()
    }

    async fn found(&self, id: EndpointId) -> Endpoint {
        let mut tx = self.db.begin(&self.wall).await.unwrap();
        endpoint::find(&mut tx, id).await.unwrap().unwrap()
    }

    /// Oldest first.
    async fn attempts(&self, id: DeliveryId) -> Vec<Attempt> {
        let mut tx = self.db.begin(&self.wall).await.unwrap();
        let mut attempts = attempt::list(&mut tx, id, Page::first(50)).await.unwrap().items;
        attempts.reverse();
        attempts
    }

    async fn events(&self) -> Vec<EventType> {
        let mut tx = self.db.begin(&self.wall).await.unwrap();
        let events = event::list_after(&mut tx, 0, 100).await.unwrap();
        events.into_iter().map(|placed| placed.event.kind).collect()
    }

    fn after(&self, end: JobEnd) -> TimeDelta {
        let JobEnd::Retry { after } = end else { return TimeDelta::zero() };
        after - self.clock.now()
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

#[tokio::test]
async fn a_delivery_arrives_once_signed_and_byte_for_byte() {
    let story = Story::start().await;
    let (endpoint, secret) = story.endpoint(&[]).await;
    let id = story.due(endpoint).await;
    assert_eq!(story.deliver(id).await, JobEnd::Done);
    assert_eq!(story.deliver(id).await, JobEnd::Done);

    let caught = story.catcher.caught();
    assert_eq!(caught.len(), 1);
    assert_eq!(caught[0].body, BODY.as_bytes());
    assert_eq!(caught[0].header("webhook-id"), story.delivery(id).await.event.to_string());
    assert_eq!(caught[0].header("webhook-timestamp"), story.now().timestamp().to_string());
    caught[0].verify(&secret, false).unwrap();
    assert_eq!(story.delivery(id).await.state, DeliveryState::Delivered);
    let attempts = story.attempts(id).await;
    assert_eq!((attempts.len(), attempts[0].status, attempts[0].fault), (1, Some(204), None));
    assert_eq!(attempts[0].request_sha256, Some(daimon_seal::sha256(&caught[0].body)));
}

#[tokio::test]
async fn two_workers_send_one_request() {
    let story = Story::start().await;
    let (endpoint, _secret) = story.endpoint(&[]).await;
    let id = story.due(endpoint).await;
    tokio::join!(story.deliver(id), story.deliver(id));
    assert_eq!(story.catcher.caught().len(), 1);
    assert_eq!(story.delivery(id).await.attempts, 1);
}

#[tokio::test]
async fn a_refusal_is_tried_again_on_schedule_and_signed_anew() {
    let story = Story::start().await;
    let (endpoint, secret) = story.endpoint(&[]).await;
    let id = story.due(endpoint).await;
    story.catcher.answer(Answer::Status(500));
    let end = story.deliver(id).await;
    let wait = story.after(end);
    assert!((4_000..=6_000).contains(&wait.num_milliseconds()), "{wait}");
    assert_eq!(story.deliver(id).await, JobEnd::Done, "not due yet");
    assert_eq!(story.catcher.caught().len(), 1);

    story.catcher.answer(Answer::Later(503, 7_200));
    let end = story.again(end, id).await;
    assert_eq!(story.after(end), TimeDelta::hours(2));
    assert_eq!(story.found(endpoint).await.failures, 2);

    story.catcher.answer(Answer::Status(200));
    assert_eq!(story.again(end, id).await, JobEnd::Done);
    assert_eq!(story.found(endpoint).await.failing_since, None);

    let caught = story.catcher.caught();
    let signatures: std::collections::BTreeSet<&str> =
        caught.iter().map(|one| one.header("webhook-signature")).collect();
    assert_eq!((caught.len(), signatures.len()), (3, 3));
    for one in &caught {
        one.verify(&secret, false).unwrap();
    }
    let statuses: Vec<_> = story.attempts(id).await.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(500), Some(503), Some(200)]);
}

#[tokio::test]
async fn what_waits_for_its_next_attempt_is_tried_once_before_its_time_when_the_endpoint_works_again() {
    let story = Story::start().await;
    let (endpoint, _secret) = story.endpoint(&[]).await;
    let mut waiting = Vec::new();
    for answer in [Answer::Status(500), Answer::Status(500), Answer::Status(500), Answer::HangUp] {
        story.catcher.answer(answer);
        let id = story.due(endpoint).await;
        let end = story.deliver(id).await;
        assert!(story.after(end) >= TimeDelta::seconds(4));
        waiting.push(id);
    }
    story.catcher.answer(Answer::Later(503, 86_400));
    let asked = story.due(endpoint).await;
    assert_eq!(story.after(story.deliver(asked).await), TimeDelta::hours(24));
    let works = async || {
        story.catcher.answer(Answer::Status(204));
        let id = story.due(endpoint).await;
        assert_eq!(story.deliver(id).await, JobEnd::Done);
        story.clock.set(story.now() + TimeDelta::milliseconds(100));
        story.catcher.answer(Answer::Status(500));
    };
    works().await;
    for id in &waiting {
        let end = story.deliver(*id).await;
        assert!(story.after(end) >= TimeDelta::minutes(4), "they are tried, and fail again");
    }
    assert_eq!(story.deliver(asked).await, JobEnd::Done, "it is not due: the receiver has named the time");
    let fifth = story.due(endpoint).await;
    assert!(matches!(story.deliver(fifth).await, JobEnd::Retry { .. }));
    let heard = story.catcher.caught().len();

    works().await;
    for id in waiting.iter().chain([&asked]) {
        assert_eq!(story.deliver(*id).await, JobEnd::Done, "once");
    }
    assert_eq!(story.catcher.caught().len(), heard + 1);
    story.deliver(fifth).await;
    assert_eq!(story.catcher.caught().len(), heard + 2, "and this one for the first time");
}

#[tokio::test]
async fn what_comes_new_to_a_throttled_endpoint_takes_no_turn_of_what_waits() {
    let story = Story::start().await;
    let pace = Pace::try_from(6).unwrap();
    let (slow, _) = story.endpoint_with(&[], |endpoint| endpoint.pace = Some(pace)).await;
    let (first, waits) = (story.due(slow).await, story.due(slow).await);
    assert_eq!(story.deliver(first).await, JobEnd::Done);
    assert_eq!(story.after(story.deliver(waits).await), TimeDelta::seconds(10));
    story.clock.set(story.now() + TimeDelta::seconds(10));
    let new = story.due(slow).await;
    assert_eq!(story.after(story.deliver(new).await), TimeDelta::seconds(10));
    assert_eq!(story.deliver(waits).await, JobEnd::Done);
    assert_eq!(story.delivery(waits).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn turns_that_nobody_came_for_are_made_up_for_in_their_order() {
    let story = Story::start().await;
    let pace = Pace::try_from(60).unwrap();
    let (slow, _) = story.endpoint_with(&[], |endpoint| endpoint.pace = Some(pace)).await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(story.due(slow).await);
    }
    // What two seconds bring, and turns for the others.
    for id in &ids[..2] {
        assert_eq!(story.deliver(*id).await, JobEnd::Done);
    }
    assert!(matches!(story.deliver(ids[2]).await, JobEnd::Retry { .. }));
    story.clock.set(story.now() + TimeDelta::minutes(10));
    for id in &ids[2..4] {
        assert_eq!(story.deliver(*id).await, JobEnd::Done);
    }
    assert_eq!(story.after(story.deliver(ids[4]).await), TimeDelta::seconds(1));
    let last = story.delivery(ids[5]).await;
    assert_eq!(last.next_attempt_at, Some(story.now() + TimeDelta::seconds(2)));
    assert_eq!((last.waits_for, story.catcher.caught().len()), (Some(WaitsFor::RateLimit), 4));
}

#[tokio::test]
async fn in_quiet_hours_what_is_urgent_waits_behind_nobody_who_may_not_go_out() {
    let story = Story::start().await;
    // The story begins at 17:00 in Tokyo.
    let hours = QuietHours {
        from: "17:01".parse().unwrap(),
        until: "18:00".parse().unwrap(),
        zone: "Asia/Tokyo".parse().unwrap(),
        let_through: Some(Severity::Critical),
    };
    let pace = Pace::try_from(1).unwrap();
    let limits = |endpoint: &mut Endpoint| (endpoint.pace, endpoint.quiet_hours) = (Some(pace), Some(hours));
    let (endpoint, _) = story.endpoint_with(&[], limits).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(story.due_with(endpoint, Some(Severity::High), false).await);
    }
    assert_eq!(story.deliver(ids[0]).await, JobEnd::Done);
    assert_eq!(story.after(story.deliver(ids[1]).await), TimeDelta::minutes(1));
    story.clock.set(story.now() + TimeDelta::seconds(65));
    story.deliver(ids[1]).await;
    let states = [story.delivery(ids[1]).await.waits_for, story.delivery(ids[2]).await.waits_for];
    assert_eq!(states, [Some(WaitsFor::QuietHours), Some(WaitsFor::RateLimit)]);
    let urgent = story.due_with(endpoint, Some(Severity::Critical), false).await;
    assert_eq!(story.deliver(urgent).await, JobEnd::Done);
    assert_eq!(story.delivery(urgent).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn both_secrets_sign_until_the_old_one_ends() {
    let story = Story::start().await;
    let (endpoint, old) = story.endpoint(&[]).await;
    let new = WebhookSecret::generate(&SystemEntropy);
    let sealed = new.seal(&story.master, story.wall.msp, endpoint).unwrap();
    let until = story.now() + TimeDelta::hours(24);
    let mut tx = story.db.begin(&story.wall).await.unwrap();
    assert_eq!(endpoint::rotate(&mut tx, endpoint, 1, &sealed, until).await.unwrap(), Some(2));
    tx.commit().await.unwrap();
    let new = new.reveal().expose_secret().to_owned();

    let id = story.due(endpoint).await;
    story.deliver(id).await;
    story.clock.set(until);
    let id = story.due(endpoint).await;
    story.deliver(id).await;

    let caught = story.catcher.caught();
    caught[0].verify(&old, false).unwrap();
    caught[0].verify(&new, false).unwrap();
    caught[1].verify(&new, false).unwrap();
    assert!(caught[1].verify(&old, false).is_err());
}

#[tokio::test]
async fn gone_disables_the_endpoint_at_once_and_tells_the_others() {
    let story = Story::start().await;
    let (endpoint, _) = story.endpoint(&[]).await;
    let (other, _) = story.endpoint(&[EventType::EndpointDisabled]).await;
    let (first, second) = (story.due(endpoint).await, story.due(endpoint).await);
    story.catcher.answer(Answer::Status(410));
    assert_eq!(story.deliver(first).await, JobEnd::GiveUp { because: "refused" });
    assert_eq!(story.deliver(second).await, JobEnd::GiveUp { because: "endpoint_disabled" });
    assert_eq!(story.catcher.caught().len(), 1);

    assert_eq!(story.found(endpoint).await.disabled, Some((story.now(), DisabledReason::Gone)));
    let because = |delivery: Delivery| (delivery.state, delivery.failed_because);
    let failed = |why| (DeliveryState::Failed, Some(why));
    assert_eq!(because(story.delivery(first).await), failed(DeliveryFailure::Gone));
    assert_eq!(because(story.delivery(second).await), failed(DeliveryFailure::EndpointDisabled));
    assert_eq!(story.events().await.iter().filter(|kind| **kind == EventType::EndpointDisabled).count(), 1);
    let filter = delivery::DeliveryFilter { endpoint: Some(other), ..delivery::DeliveryFilter::default() };
    let mut tx = story.db.begin(&story.wall).await.unwrap();
    let told = delivery::list(&mut tx, &filter, Page::first(50)).await.unwrap().items;
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn ten_failures_end_a_delivery_and_warn_once_of_its_endpoint() {
    let story = Story::start().await;
    let (endpoint, _) = story.endpoint(&[EventType::IncidentOpened]).await;
    let id = story.due(endpoint).await;
    let start = story.now();
    story.catcher.answer(Answer::HangUp);
    let mut end = story.deliver(id).await;
    while matches!(end, JobEnd::Retry { .. }) {
        end = story.again(end, id).await;
    }
    assert_eq!(end, JobEnd::GiveUp { because: "unreachable" });
    let attempts = story.attempts(id).await;
    assert_eq!(attempts.len(), 10);
    assert!(attempts.iter().all(|attempt| attempt.fault == Some(AttemptFault::Unreachable)));
    let took = story.now() - start;
    assert!((TimeDelta::hours(60)..=TimeDelta::hours(91)).contains(&took), "{took}");
    let warnings = story.events().await.into_iter().filter(|kind| *kind == EventType::EndpointFailing).count();
    assert_eq!(warnings, 1);

    // The breaker lets one through a minute; the other waits and is not counted as tried.
    let (one, two) = (story.due(endpoint).await, story.due(endpoint).await);
    story.clock.set(story.now() + TimeDelta::minutes(1));
    story.deliver(one).await;
    let waits = story.deliver(two).await;
    assert_eq!(story.after(waits), TimeDelta::minutes(1));
    assert_eq!((story.delivery(one).await.attempts, story.delivery(two).await.attempts), (1, 0));

    // After a week in which nobody tried, nobody knows how it was meanwhile: five days of failures begin anew.
    let anew = story.now() + TimeDelta::days(7);
    for day in 0..=5 {
        let seen = story.found(endpoint).await;
        assert_eq!(seen.disabled, None, "{day} days after {:?}", seen.failing_since);
        story.clock.set(anew + TimeDelta::days(day));
        let id = story.due(endpoint).await;
        story.deliver(id).await;
    }
    let seen = story.found(endpoint).await;
    assert_eq!((seen.failing_since, seen.disabled), (Some(anew), Some((story.now(), DisabledReason::Failing))));
}

#[tokio::test]
async fn a_throttled_endpoint_is_told_as_often_as_it_wants_whoever_sends() {
    let story = Story::start().await;
    let pace = Pace::try_from(60).unwrap();
    let (slow, _) = story.endpoint_with(&[], |endpoint| endpoint.pace = Some(pace)).await;
    let (quick, _) = story.endpoint(&[]).await;
    for _ in 0..90 {
        story.due(slow).await;
    }
    let other = story.due(quick).await;
    let (start, mut asked) = (story.now(), 0);
    for second in 0..60 {
        story.clock.set(start + TimeDelta::seconds(second));
        for (place, due) in story.fleet.due_deliveries(story.now(), 200).await.unwrap().into_iter().enumerate() {
            let worker = if place % 2 == 0 { &story.deliverer } else { &story.colleague };
            deliver(worker, story.wall.msp, due.id).await.unwrap();
            asked += 1;
        }
        if second == 0 {
            assert_eq!(story.delivery(other).await.state, DeliveryState::Delivered, "nobody else waits for it");
        }
    }
    let sent = story.catcher.caught().len() - 1;
    assert!((57..=63).contains(&sent), "{sent} in the first minute");
    // All were listed once at the beginning; then each comes back in its turn, and is sent.
    assert!(asked <= 91 + 60, "asked {asked} times");
    let oldest = story.fleet.oldest_undelivered().await.unwrap();
    assert_eq!(oldest, Some(start), "what waits for its turn is not forgotten by the lag");
}

#[tokio::test]
async fn in_quiet_hours_what_is_urgent_goes_out_and_the_rest_follows_when_they_end() {
    let story = Story::start().await;
    // The story begins at 08:00 UTC, which is 17:00 in Tokyo.
    let hours = QuietHours {
        from: "16:00".parse().unwrap(),
        until: "18:00".parse().unwrap(),
        zone: "Asia/Tokyo".parse().unwrap(),
        let_through: Some(Severity::Critical),
    };
    let (endpoint, _) = story.endpoint_with(&[], |endpoint| endpoint.quiet_hours = Some(hours)).await;
    let urgent = story.due_with(endpoint, Some(Severity::Critical), false).await;
    let waits = story.due_with(endpoint, Some(Severity::High), false).await;
    let test = story.due_with(endpoint, None, true).await;
    for id in [urgent, test] {
        assert_eq!(story.deliver(id).await, JobEnd::Done);
        assert_eq!(story.delivery(id).await.state, DeliveryState::Delivered);
    }
    let end = story.deliver(waits).await;
    assert_eq!(story.after(end), TimeDelta::hours(1));
    let held = story.delivery(waits).await;
    assert_eq!((held.attempts, held.waits_for), (0, Some(WaitsFor::QuietHours)));
    assert_eq!(story.again(end, waits).await, JobEnd::Done);
    assert_eq!((story.catcher.caught().len(), story.delivery(waits).await.waits_for), (3, None));
}

#[tokio::test]
async fn a_test_that_fails_is_not_tried_again_and_nothing_follows_from_it() {
    let story = Story::start().await;
    let (endpoint, _) = story.endpoint(&[]).await;
    let test = story.due_with(endpoint, None, true).await;
    for answer in [Answer::Status(500), Answer::Status(410)] {
        story.catcher.answer(answer);
        let test = story.due_with(endpoint, None, true).await;
        assert_eq!(story.deliver(test).await, JobEnd::GiveUp { because: "refused" });
        assert_eq!((story.delivery(test).await.state, story.delivery(test).await.attempts), (DeliveryState::Failed, 1));
    }
    let found = story.found(endpoint).await;
    assert_eq!((found.failures, found.disabled), (0, None));
    story.catcher.answer(Answer::Status(200));
    assert_eq!(story.deliver(test).await, JobEnd::Done);
}

#[tokio::test]
async fn a_request_that_takes_its_time_is_sent_by_nobody_else() {
    // A lease as short as a test of faults has it.
    let story = Story::with_lease(TimeDelta::seconds(2)).await;
    let (endpoint, _) = story.endpoint(&[]).await;
    let id = story.due(endpoint).await;
    story.catcher.answer(Answer::Silence);
    let slow = story.deliver(id);
    let others = async {
        story.catcher.wait_for(Duration::from_secs(10), |_| true).await.unwrap();
        for _ in 0..29 {
            story.clock.set(story.now() + TimeDelta::seconds(1));
            assert_eq!(story.deliver(id).await, JobEnd::Done, "in other hands");
        }
    };
    let has_ended = tokio::select! {
        _end = slow => true,
        () = others => false,
    };
    assert!(!has_ended, "nobody answered");
    assert_eq!(story.catcher.caught().len(), 1);
}

#[tokio::test]
async fn a_delivery_that_is_interrupted_keeps_all_its_attempts_and_says_so() {
    let story = Story::start().await;
    let (endpoint, _) = story.endpoint(&[]).await;
    let id = story.due(endpoint).await;
    story.interrupted(id, 4).await;
    assert_eq!(story.delivery(id).await.attempts, 0);
    story.catcher.answer(Answer::HangUp);
    let mut end = story.deliver(id).await;
    while matches!(end, JobEnd::Retry { .. }) {
        end = story.again(end, id).await;
    }
    assert_eq!(end, JobEnd::GiveUp { because: "unreachable" });
    assert_eq!((story.delivery(id).await.attempts, story.catcher.caught().len()), (10, 10));
    let faults: Vec<_> = story.attempts(id).await.iter().filter_map(|attempt| attempt.fault).collect();
    let expected = [[AttemptFault::Interrupted; 4].as_slice(), &[AttemptFault::Unreachable; 10]].concat();
    assert_eq!(faults, expected);
}

#[tokio::test]
async fn a_delivery_that_is_interrupted_again_and_again_is_tried_less_often_and_given_up_in_the_open() {
    let story = Story::start().await;
    let (endpoint, _) = story.endpoint(&[]).await;
    let id = story.due(endpoint).await;
    let start = story.now();
    story.interrupted(id, 10).await;
    assert!(story.now() - start > TimeDelta::hours(60), "{}", story.now() - start);
    assert_eq!(story.delivery(id).await.state, DeliveryState::Pending);

    assert_eq!(story.deliver(id).await, JobEnd::GiveUp { because: "interrupted" });

    let failed = story.delivery(id).await;
    assert_eq!((failed.state, failed.attempts), (DeliveryState::Failed, 0));
    let attempts = story.attempts(id).await;
    assert_eq!(attempts.len(), 10);
    assert!(attempts.iter().all(|attempt| attempt.fault == Some(AttemptFault::Interrupted)));
    assert_eq!(story.found(endpoint).await.failures, 0, "the endpoint is not to blame");
}
