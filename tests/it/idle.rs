//! Mailboxes whose server tells of new mail (IDLE): read within a moment, by one worker at a time, whatever happens to it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_tests::life::{Person, letter, returned};
use daimon_tests::lmtp::Lmtp;
use daimon_tests::postfix::NAME;
use daimon_tests::program::Program;
use daimon_tests::scripted_imap::{Reply, ScriptedImap};
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

/// Real servers follow no clock of ours, and tell nobody what they have done: there is no other way than to look.
const LOOKS: u32 = 600;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Returns once `is_so`.
async fn until(what: &str, world: &World, is_so: impl AsyncFn() -> bool) {
    let mut looks = 0;
    while !is_so().await {
        looks += 1;
        assert!(looks < LOOKS, "{what}:\n{}", world.worker().map(Program::output).unwrap_or_default());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn count(world: &World, sql: &'static str) -> i64 {
    world.number(sql).await.unwrap()
}

async fn bounces(world: &World) -> i64 {
    count(world, "select count(*) from bounce").await
}

/// How many mailboxes somebody waits for.
async fn held(world: &World) -> i64 {
    count(world, "select count(*) from mailbox where idle_holder is not null").await
}

/// A mailbox that asks for it; its id.
async fn onboarded(world: &World, address: &str, host: &str, port: u16) -> String {
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let body = json!({
        "tenant_id": tenant, "address": address, "password": "secret", "imap": { "host": host, "port": port },
        "new_mail": "idle"
    });
    world.client.post("/v1/mailboxes", &body).await.unwrap().text("id").unwrap()
}

async fn idle_state(world: &World, mailbox: &str) -> String {
    let shown = world.client.mailbox(mailbox).await.unwrap();
    shown.pointer("/idle/state").and_then(Value::as_str).unwrap_or_default().to_owned()
}

async fn time(world: &World, mailbox: &str, key: &str) -> DateTime<Utc> {
    let shown = world.client.mailbox(mailbox).await.unwrap();
    shown.get(key).and_then(Value::as_str).unwrap().parse().unwrap()
}

/// The owner's mail number so and so comes back.
fn report(owner: &str, number: u32, at: DateTime<Utc>) -> String {
    let to = format!("typo{number}@friend.test");
    let sent = letter(owner, &to, "Hello", &format!("{number}@pc.test"), at, "Hello.\r\n");
    returned(&sent, owner, &to, NAME, at)
}

/// A mailbox on a server that does as the story says.
struct Story {
    world: World,
    server: ScriptedImap,
    mailbox: String,
    address: String,
}

impl Story {
    async fn start(name: &str) -> Self {
        let world = World::start().await.unwrap();
        let server = ScriptedImap::start(&world.servers.authority).await.unwrap();
        let address = format!("{name}@{}.example", world.tag);
        let mailbox = onboarded(&world, &address, NAME, server.port).await;
        world.drain().await.unwrap();
        Self { world, server, mailbox, address }
    }

    /// The same, when somebody waits for its mail.
    async fn waited(name: &str) -> Self {
        let story = Self::start(name).await;
        until("waiting", &story.world, async || story.server.idling() == 1).await;
        assert_eq!(story.state().await, "idling");
        story
    }

    async fn state(&self) -> String {
        idle_state(&self.world, &self.mailbox).await
    }

    async fn comes(&self, number: u32) {
        let at = self.world.clock.now().await - TimeDelta::hours(1);
        self.server.deliver(&report(&self.address, number, at), at);
    }

    /// Returns when so many bounces have been read.
    async fn has_read(&self, wanted: i64) {
        until("reading", &self.world, async || bounces(&self.world).await == wanted).await;
    }

    /// Lets seconds pass, one after the other, until `is_so`; how many it took.
    async fn pass_until(&self, most: i64, is_so: impl AsyncFn() -> bool) -> i64 {
        let mut seconds = 0;
        while !is_so().await {
            seconds += 1;
            assert!(seconds <= most, "{}", self.world.worker().unwrap().output());
            self.world.pass(TimeDelta::seconds(1)).await.unwrap();
        }
        seconds
    }

    fn said(&self, word: &str) -> usize {
        self.server.commands().iter().filter(|command| command.split(' ').next() == Some(word)).count()
    }
}

#[tokio::test]
async fn delivered_mail_is_seen_without_a_poll_and_without_another_sign_in() {
    let world = World::start().await.unwrap();
    if !world.servers.is_of_dovecot("delivered_mail_is_seen", "Courier tells only what it did itself").unwrap() {
        return;
    }
    let address = format!("told@{}.example", world.tag);
    let person = Person::with_account(world.servers, &address, "secret").unwrap();
    let mailbox = onboarded(&world, &address, NAME, world.servers.imaps()).await;
    world.drain().await.unwrap();
    until("waiting", &world, async || held(&world).await == 1).await;
    assert_eq!(idle_state(&world, &mailbox).await, "idling");
    let (next, last) = (time(&world, &mailbox, "next_poll_at").await, time(&world, &mailbox, "last_polled_at").await);
    // Every quarter of an hour, but not right after it has signed in.
    let quarter = 15 * 60;
    let turn = (next - last).num_seconds();
    assert!((quarter / 2..=quarter * 3 / 2).contains(&turn), "{turn} s");

    let mut lmtp = Lmtp::connect(&world.servers.dovecot.lmtp).await.unwrap();
    for number in 1..=3 {
        // Time stands still but for this: no turn comes.
        world.clock.advance(TimeDelta::seconds(11)).await.unwrap();
        let mail = report(&address, number, world.clock.now().await);
        lmtp.deliver("", &person.address, &mail).await.unwrap();
        until("reading", &world, async || bounces(&world).await == i64::from(number)).await;
        until("waiting again", &world, async || held(&world).await == 1).await;
    }
    assert_eq!(world.servers.sign_ins(&address).unwrap(), 1, "all over one connection");
    assert_eq!(world.client.mailbox(&mailbox).await.unwrap()["connection"]["state"], "connected");
}

#[tokio::test]
async fn a_server_without_idle_is_read_in_turn_and_that_can_be_seen() {
    let world = World::start().await.unwrap();
    let server = ScriptedImap::start(&world.servers.authority).await.unwrap();
    server.answers(|_, command| {
        (command == "CAPABILITY").then(|| Reply::ok("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n"))
    });
    let address = format!("turns@{}.example", world.tag);
    let mailbox = onboarded(&world, &address, NAME, server.port).await;
    world.drain().await.unwrap();
    assert_eq!(idle_state(&world, &mailbox).await, "not_offered");
    let seen = world.client.mailbox(&mailbox).await.unwrap();
    assert_eq!((&seen["connection"]["state"], &seen["connection"]["failures"]), (&json!("connected"), &json!(0)));
    let wait = time(&world, &mailbox, "next_poll_at").await - world.clock.now().await;
    assert!(wait <= TimeDelta::minutes(5), "{wait}");
    let at = world.clock.now().await;
    server.deliver(&report(&address, 1, at), at);
    world.pass(TimeDelta::minutes(6)).await.unwrap();
    assert_eq!(bounces(&world).await, 1);

    // The server learns it.
    server.is_honest();
    world.pass(TimeDelta::minutes(6)).await.unwrap();
    assert_eq!((idle_state(&world, &mailbox).await.as_str(), held(&world).await), ("idling", 1));
}

#[tokio::test]
async fn a_flood_is_read_every_ten_seconds_and_not_for_each_of_its_mails() {
    let story = Story::waited("flood").await;
    story.comes(0).await;
    story.has_read(1).await;
    until("waiting again", &story.world, async || story.server.idling() == 1).await;
    let before = story.said("EXAMINE");
    for number in 1..=20 {
        story.comes(number).await;
    }
    story.world.drain().await.unwrap();
    assert_eq!(story.said("EXAMINE"), before, "not yet");
    let took = story.pass_until(20, async || bounces(&story.world).await == 21).await;
    assert!((8..=12).contains(&took), "{took} s");
    assert_eq!((story.server.connections(), story.said("AUTHENTICATE")), (1, 1));
}

#[tokio::test]
async fn the_folder_is_entered_again_before_half_an_hour_is_over() {
    let story = Story::waited("reenter").await;
    // Its turn comes, so that the next one is a quarter of an hour away. A new session each time, and the old one goes.
    let turn = time(&story.world, &story.mailbox, "next_poll_at").await;
    story.world.pass(turn - story.world.clock.now().await + TimeDelta::seconds(1)).await.unwrap();
    until("the old one's end", &story.world, async || story.server.idling() == 1 && story.said("DONE") > 0).await;
    assert_eq!((story.said("AUTHENTICATE"), held(&story.world).await), (2, 1));

    let (idle, done) = (story.said("IDLE"), story.said("DONE"));
    story.world.clock.advance(TimeDelta::minutes(11)).await.unwrap();
    until("DONE", &story.world, async || story.said("DONE") == done + 1).await;
    until("waiting again", &story.world, async || story.server.idling() == 1 && story.said("IDLE") == idle + 1).await;
    assert_eq!((story.server.connections(), story.state().await.as_str()), (2, "idling"));
    // What comes afterwards is told as before.
    story.comes(1).await;
    story.has_read(1).await;
    assert_eq!(story.said("AUTHENTICATE"), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again_and_misses_nothing() {
    let story = Story::waited("broken").await;
    story.server.hang_up();
    until("noticing", &story.world, async || story.server.idling() == 0 && held(&story.world).await == 0).await;
    assert_eq!(story.state().await, "starting");
    story.comes(1).await;
    let took = story.pass_until(10, async || story.server.idling() == 1).await;
    assert!(took >= 1, "not at once");
    assert_eq!((bounces(&story.world).await, story.state().await.as_str()), (1, "idling"));

    // A server that hangs up each time is tried less and less often.
    story.server.answers(|_, command| (command == "IDLE").then(|| Reply::SayAndClose(b"* BYE\r\n".to_vec())));
    story.server.hang_up();
    until("noticing", &story.world, async || held(&story.world).await == 0).await;
    let mut tries = Vec::new();
    for _ in 0..4 {
        let before = story.said("IDLE");
        for _ in 0..20 {
            story.world.pass(TimeDelta::minutes(1)).await.unwrap();
        }
        tries.push(story.said("IDLE") - before);
    }
    assert!(tries[0] <= 6 && tries[3] <= 3, "{tries:?}");
    let shown = story.world.client.mailbox(&story.mailbox).await.unwrap();
    assert_eq!((&shown["connection"]["state"], &shown["idle"]["state"]), (&json!("connected"), &json!("starting")));
}

#[tokio::test]
async fn another_worker_waits_for_the_mail_of_a_killed_one() {
    let mut story = Story::waited("killed").await;
    let mut settings = story.world.settings.clone();
    settings.retain(|(name, _)| name != "DAIMON_INTERNAL_LISTEN");
    settings.push(("DAIMON_INTERNAL_LISTEN".to_owned(), "127.0.0.1:0".to_owned()));
    let second = Program::start("daimon-worker", &["run"], &settings).await.unwrap();
    let holder = count(&story.world, "select count(distinct idle_holder) from mailbox").await;
    assert_eq!((story.server.connections(), holder), (1, 1), "there is one session");
    story.world.kill_worker().unwrap();
    until("the end", &story.world, async || story.server.idling() == 0).await;
    story.comes(1).await;
    assert_eq!(held(&story.world).await, 1, "nobody knows yet");
    story.world.clock.advance(TimeDelta::seconds(61)).await.unwrap();
    for _ in 0..10 {
        story.world.pass(TimeDelta::seconds(1)).await.unwrap();
    }
    until("waiting again", &story.world, async || story.server.idling() == 1).await;
    assert_eq!((bounces(&story.world).await, held(&story.world).await), (1, 1));
    story.comes(2).await;
    until("reading", &story.world, async || bounces(&story.world).await == 2).await;
    assert!(second.stop().unwrap().success());
    assert_eq!((held(&story.world).await, story.server.idling()), (0, 0));
}

#[tokio::test]
async fn a_worker_that_is_asked_to_stop_gives_everything_back() {
    let mut story = Story::waited("stopped").await;
    let began = std::time::Instant::now();
    assert!(story.world.stop_worker().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    until("the end", &story.world, async || story.server.idling() == 0).await;
    assert_eq!((held(&story.world).await, story.said("LOGOUT")), (0, 1));
    assert_eq!(count(&story.world, "select count(*) from idle_worker").await, 0);
    // And it is due, so that another one begins at once.
    story.world.start_worker().await.unwrap();
    story.world.drain().await.unwrap();
    assert_eq!(story.state().await, "idling");
}

#[tokio::test]
async fn a_refused_password_counts_whoever_was_refused_and_three_are_the_most() {
    let story = Story::waited("refused").await;
    story.server.answers(|_, command| {
        command.starts_with("AUTHENTICATE").then(|| Reply::say("{tag} NO [AUTHENTICATIONFAILED] no\r\n"))
    });
    for _ in 0..6 {
        story.server.hang_up();
        story.world.pass(TimeDelta::minutes(20)).await.unwrap();
    }
    assert_eq!(story.said("AUTHENTICATE"), 1 + 3);
    let shown = story.world.client.mailbox(&story.mailbox).await.unwrap();
    assert_eq!(shown["connection"]["state"], "credential_refused");
    assert_eq!((story.state().await.as_str(), story.server.idling()), ("starting", 0));

    story.server.is_honest();
    story.world.client.replace_password(&story.mailbox, "another").await.unwrap();
    story.world.drain().await.unwrap();
    until("waiting", &story.world, async || story.server.idling() == 1).await;
    assert_eq!(story.state().await, "idling");
}

#[tokio::test]
async fn whoever_changes_a_mailbox_ends_the_session_that_waits() {
    let story = Story::waited("changed").await;
    let path = format!("/v1/mailboxes/{}", story.mailbox);
    // A new password: the old session is not read over, nor kept.
    story.world.client.replace_password(&story.mailbox, "another").await.unwrap();
    story.world.drain().await.unwrap();
    until("one that waits", &story.world, async || story.server.idling() == 1).await;
    assert_eq!((story.said("AUTHENTICATE"), held(&story.world).await), (2, 1));

    story.world.client.post(&format!("{path}/pause"), &json!({})).await.unwrap();
    story.world.clock.advance(TimeDelta::seconds(30)).await.unwrap();
    until("the end", &story.world, async || story.server.idling() == 0).await;
    story.world.client.post(&format!("{path}/resume"), &json!({})).await.unwrap();
    story.world.drain().await.unwrap();
    until("waiting", &story.world, async || story.server.idling() == 1).await;

    // By turns again.
    let etag = story.world.client.get(&path).await.unwrap().etag;
    let turns = json!({ "new_mail": "poll" });
    let changed = story.world.client.request(Method::PATCH, &path, etag.as_deref(), Some(&turns)).await.unwrap();
    assert_eq!((changed.status, &changed.body["idle"]), (200, &Value::Null), "{}", changed.body);
    story.world.clock.advance(TimeDelta::seconds(30)).await.unwrap();
    until("the end", &story.world, async || story.server.idling() == 0).await;
    let idle = json!({ "new_mail": "idle" });
    let changed = story.world.client.request(Method::PATCH, &path, changed.etag.as_deref(), Some(&idle)).await.unwrap();
    assert_eq!(changed.body["idle"]["state"], "starting", "{}", changed.body);
    story.world.drain().await.unwrap();
    assert_eq!(story.state().await, "idling");
}

#[tokio::test]
async fn two_workers_have_no_more_sessions_than_there_may_be() {
    let mut world = World::without_worker().await.unwrap();
    let server = ScriptedImap::start(&world.servers.authority).await.unwrap();
    let mut mailboxes = Vec::new();
    for number in 0..6 {
        let address = format!("one{number}@{}.example", world.tag);
        mailboxes.push(onboarded(&world, &address, NAME, server.port).await);
    }
    world.settings.push(("DAIMON_IDLE_SESSIONS".to_owned(), "4".to_owned()));
    let second = Program::start("daimon-worker", &["run"], &world.settings).await.unwrap();
    world.start_worker().await.unwrap();
    world.drain().await.unwrap();
    until("waiting", &world, async || server.idling() == 4).await;
    let mut states = Vec::new();
    for mailbox in &mailboxes {
        states.push(idle_state(&world, mailbox).await);
    }
    states.sort();
    assert_eq!(states, ["idling", "idling", "idling", "idling", "no_room", "no_room"]);
    let shown = world.client.mailbox(&mailboxes[0]).await.unwrap();
    assert_eq!(shown["connection"]["state"], "connected");
    assert!(second.stop().unwrap().success());
}
