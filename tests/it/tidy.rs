//! The bounces of a confirmed theft are moved out of the way and back: nothing else is touched, nothing is lost, doubled or counted
//! again, whatever happens meanwhile.

use std::time::Duration;

use chrono::TimeDelta;
use daimon_tests::flood;
use daimon_tests::life::Person;
use daimon_tests::postfix::NAME;
use daimon_tests::scripted_imap::{Folder, Reply, ScriptedImap, transfer};
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// What a change of the mailbox's tidying is answered.
async fn names(world: &World, mailbox: &str, tidying: Value) -> (u16, Value) {
    let path = format!("/v1/mailboxes/{mailbox}");
    let etag = world.client.get(&path).await.unwrap().etag;
    let body = json!({ "tidying": tidying });
    let answer = world.client.request(Method::PATCH, &path, etag.as_deref(), Some(&body)).await.unwrap();
    (answer.status, answer.body)
}

async fn asked(world: &World, incident: &str, what: &str, body: &Value) -> String {
    let answer = world.client.ask(incident, what, body).await.unwrap();
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.text("id").unwrap()
}

/// Asks and waits; what was moved, or would be.
async fn done(world: &World, incident: &str, what: &str, body: &Value) -> Value {
    let job = asked(world, incident, what, body).await;
    let seen = world.job_ended(&job).await.unwrap();
    assert_eq!(text(&seen, "/state"), "done", "{seen:#}");
    seen.get("tidying").cloned().unwrap()
}

/// What must not change by moving mails: the incident's counts and evidence.
async fn judged(world: &World, incident: &str) -> Value {
    let seen = world.client.incident(incident).await.unwrap();
    ["verdict", "tier", "bounces", "bounces_unread", "unexpected_recipients", "evidence", "trailing", "continued"]
        .into_iter()
        .map(|key| (key.to_owned(), seen.get(key).cloned().unwrap()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

async fn confirmed(world: &World, incident: &str) {
    let answer = world.client.ask(incident, "confirm", &json!({})).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// A stolen mailbox on a real server.
struct Theft {
    world: World,
    sato: Person,
    mailbox: String,
    incident: String,
    /// What lay in INBOX before.
    before: u32,
    /// The thief's bounces.
    stolen: u32,
}

impl Theft {
    async fn of(name: &str) -> Self {
        let world = World::start().await.unwrap();
        let servers = world.servers;
        let sato = Person::with_account(servers, &format!("{name}@{}.example", world.tag), "correct horse").unwrap();
        sato.lived_for_a_month(servers, world.clock.now().await).await.unwrap();
        let mailbox = sato.onboarded(&world.client, servers).await.unwrap();
        world.drain().await.unwrap();
        let before = sato.open(servers).await.unwrap().count("INBOX").await.unwrap();
        let stolen = sato.was_stolen(servers, 24, 24).await.unwrap();
        sato.used_a_mail_program(servers).await.unwrap();
        world.pass(TimeDelta::minutes(20)).await.unwrap();
        let incident = world.only_incident().await.unwrap();
        Self { world, sato, mailbox, incident, before, stolen }
    }

    async fn count(&self, folder: &str) -> u32 {
        self.sato.open(self.world.servers).await.unwrap().count(folder).await.unwrap()
    }
}

#[tokio::test]
async fn the_bounces_of_a_confirmed_theft_are_moved_away_and_back_and_count_once() {
    let theft = Theft::of("tidied").await;
    let (world, incident) = (&theft.world, theft.incident.as_str());
    // Courier writes such names to disk otherwise than Dovecot, by which the owner looks.
    let (title, folder) = match &world.servers.courier {
        Some(_) => ("Returned mail", "\"Returned mail\""),
        None => ("エラーメール", "\"&MKgw6TD8MOEw,DDr-\""),
    };
    let refused = world.client.ask(incident, "tidy", &json!({})).await.unwrap();
    assert_eq!(refused.status, 409, "nobody is sure yet: {}", refused.body);
    confirmed(world, incident).await;
    let refused = world.client.ask(incident, "tidy", &json!({})).await.unwrap();
    assert_eq!(refused.status, 409, "the mailbox names no folder: {}", refused.body);
    theft.sato.open(world.servers).await.unwrap().command("CREATE Projects").await.unwrap();
    world.pass(TimeDelta::minutes(10)).await.unwrap();
    for bad in ["INBOX", "Sent", "ゴミ箱", "a/b", "a\r\nb", "", "Projects"] {
        let (status, body) = names(world, &theft.mailbox, json!({ "folder": bad })).await;
        let is_told = status == 422 && text(&body, "/errors/0/pointer") == "/tidying/folder";
        assert!(is_told, "{bad}: {status} {body}");
    }
    let (status, body) = names(world, &theft.mailbox, json!({ "folder": title })).await;
    assert_eq!((status, text(&body, "/tidying/folder")), (200, title), "{body}");

    let known = judged(world, incident).await;
    let rows = world.number("select count(*) from bounce").await.unwrap();
    let looked = done(world, incident, "tidy", &json!({ "dry_run": true })).await;
    assert_eq!((looked["mails"].as_u64(), text(&looked, "/moved/0/folder")), (Some(theft.stolen.into()), "INBOX"));
    assert_eq!(theft.count("INBOX").await, theft.before + theft.stolen, "nothing was moved yet");

    let moved = done(world, incident, "tidy", &json!({})).await;
    assert_eq!((moved["mails"].as_u64(), text(&moved, "/folder")), (Some(theft.stolen.into()), title));
    assert_eq!(moved["left"], json!([]), "{moved}");
    assert_eq!((theft.count("INBOX").await, theft.count(folder).await), (theft.before, theft.stolen));
    for _ in 0..3 {
        world.pass(TimeDelta::minutes(10)).await.unwrap();
    }
    assert_eq!(judged(world, incident).await, known, "nothing is new, and nothing is hidden");
    assert_eq!(done(world, incident, "tidy", &json!({})).await["mails"], 0, "the second time there is nothing to move");

    // The owner deletes two of them.
    let mut imap = theft.sato.open(world.servers).await.unwrap();
    imap.command(&format!("SELECT {folder}")).await.unwrap();
    imap.command("STORE 3:4 +FLAGS.SILENT (\\Deleted)").await.unwrap();
    imap.command("EXPUNGE").await.unwrap();
    let (status, _) = names(world, &theft.mailbox, Value::Null).await;
    assert_eq!(status, 200, "undoing needs no folder");
    let back = done(world, incident, "untidy", &json!({})).await;
    assert_eq!(back["mails"], theft.stolen - 2, "{back}");
    assert_eq!((text(&back, "/left/0/because"), &back["left"][0]["mails"]), ("gone", &json!(2)), "{back}");
    assert_eq!((theft.count("INBOX").await, theft.count(folder).await), (theft.before + theft.stolen - 2, 0));
    for _ in 0..3 {
        world.pass(TimeDelta::minutes(10)).await.unwrap();
    }
    assert_eq!(judged(world, incident).await, known, "what came back is not new");
    assert_eq!(world.number("select count(*) from bounce").await.unwrap(), rows);
    assert_eq!(
        done(world, incident, "untidy", &json!({})).await["mails"],
        0,
        "the second time there is nothing to undo"
    );

    let seen = world.client.incident(incident).await.unwrap();
    let story: Vec<_> = seen["timeline"].as_array().unwrap().iter().map(|entry| text(entry, "/what")).collect();
    let told = |what: &str| story.iter().filter(|one| **one == what).count();
    assert_eq!((told("tidied"), told("untidied")), (1, 1), "{story:?}");
    let report = world.client.get(&format!("/v1/incidents/{incident}/report?language=ja")).await.unwrap().body;
    assert!(report.to_string().contains(&format!("{} 件を「{title}」へ", theft.stolen)), "{report:#}");
    let audit = world.client.get("/v1/audit-entries?limit=200").await.unwrap().items();
    for action in ["incident.tidy_requested", "incident.tidied", "incident.untidy_requested", "incident.untidied"] {
        assert!(audit.iter().any(|entry| text(entry, "/action") == action), "{action}");
    }

    // And once more, from where they lie now.
    let (status, body) = names(world, &theft.mailbox, json!({ "folder": title })).await;
    assert_eq!(status, 200, "it was ours before: {body}");
    assert_eq!(done(world, incident, "tidy", &json!({})).await["mails"], theft.stolen - 2);
    assert_eq!(theft.count("INBOX").await, theft.before);
}

/// A stolen mailbox on a server that does as the story says.
struct Story {
    world: World,
    server: ScriptedImap,
    incident: String,
}

const STOLEN: u32 = 30;

impl Story {
    async fn start(name: &str, extensions: &str) -> Self {
        let world = World::start().await.unwrap();
        let server = ScriptedImap::start(&world.servers.authority).await.unwrap();
        if !extensions.is_empty() {
            server.offers(extensions);
        }
        let sato = Person { address: format!("{name}@{}.example", world.tag), password: "secret".to_owned() };
        let now = world.clock.now().await;
        server.deliver("From: a@friend.test\r\nSubject: Lunch\r\n\r\nAt noon?\r\n", now);
        for number in 0..STOLEN {
            server.deliver(&flood::one(&sato, number, now - TimeDelta::minutes(30)), now - TimeDelta::minutes(30));
        }
        let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
        let mailbox = world.client.create_mailbox(&tenant, &sato.address, &sato.password, NAME, server.port);
        let mailbox = mailbox.await.unwrap();
        world.drain().await.unwrap();
        let incident = world.only_incident().await.unwrap();
        confirmed(&world, &incident).await;
        let (status, body) = names(&world, &mailbox, json!({ "folder": "Daimon" })).await;
        assert_eq!(status, 200, "{body}");
        Self { world, server, incident }
    }

    /// How many messages lie in each folder, and how many different ones in all.
    fn lie(&self) -> (Vec<(String, usize)>, usize) {
        let mut found = (Vec::new(), std::collections::BTreeSet::new());
        self.server.change(|folders| {
            for folder in folders {
                found.0.push((folder.name.clone(), folder.messages.len()));
                found.1.extend(folder.messages.iter().map(|message| message.text.clone()));
            }
        });
        (found.0, found.1.len())
    }

    fn has(&self, inbox: usize, daimon: usize) -> bool {
        let (folders, different) = self.lie();
        let wanted = [("INBOX".to_owned(), inbox), ("Daimon".to_owned(), daimon)];
        folders == wanted && different == inbox + daimon
    }

    /// The worker dies when this is said for the first time, after `does` was done and before it is answered; then another
    /// one does the job.
    async fn dies_at(&mut self, what: &str, said: &'static str, does: fn(&mut [Folder], &str)) -> Value {
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let mut has_died = false;
        self.server.answers(move |folders, command| {
            if has_died || !command.starts_with(said) {
                return None;
            }
            has_died = true;
            does(folders, command);
            told.send(()).unwrap();
            Some(Reply::Say(Vec::new()))
        });
        let job = asked(&self.world, &self.incident, what, &json!({})).await;
        let hint = self.world.clock.advance(TimeDelta::seconds(1));
        hint.await.unwrap();
        tokio::time::timeout(Duration::from_secs(20), heard.recv()).await.unwrap().unwrap();
        self.world.kill_worker().unwrap();
        self.server.is_honest();
        self.world.start_worker().await.unwrap();
        self.world.clock.advance(TimeDelta::minutes(3)).await.unwrap();
        self.world.job_ended(&job).await.unwrap()
    }
}

/// Does what a command says before nobody hears that it is done.
fn transferred(folders: &mut [Folder], command: &str) {
    let mut words = command.split(' ').skip(1);
    let (verb, set) = (words.next().unwrap(), words.next().unwrap());
    let to = words.next().unwrap().trim_matches('"');
    let from = if to == "INBOX" { "Daimon" } else { "INBOX" };
    transfer(folders, from, set, to, verb == "MOVE").unwrap();
}

const fn nothing(_: &mut [Folder], _: &str) {}

#[tokio::test]
async fn a_worker_that_dies_while_a_server_moves_mails_loses_none_and_doubles_none() {
    // It does not say where they go, so they are looked for.
    let mut story = Story::start("moves", "MOVE").await;
    let all = STOLEN as usize;
    let seen = story.dies_at("tidy", "UID MOVE", transferred).await;
    assert_eq!(seen.pointer("/tidying/mails"), Some(&json!(STOLEN)), "{seen:#}");
    assert!(story.has(1, all), "{:?}", story.lie());
    let seen = story.dies_at("untidy", "UID MOVE", nothing).await;
    assert_eq!(seen.pointer("/tidying/mails"), Some(&json!(STOLEN)), "{seen:#}");
    assert!(story.has(1 + all, 0), "{:?}", story.lie());
}

#[tokio::test]
async fn a_worker_that_dies_between_copy_and_removal_loses_none_and_doubles_none() {
    let mut story = Story::start("copies", "UIDPLUS").await;
    let all = STOLEN as usize;
    // The owner has marked a mail as deleted and not removed it.
    story.server.change(|folders| folders.first_mut().unwrap().deleted.extend([1]));
    let seen = story.dies_at("tidy", "UID STORE", nothing).await;
    assert_eq!(seen.pointer("/tidying/mails"), Some(&json!(STOLEN)), "{seen:#}");
    assert!(story.has(1, all), "the owner's mail is still there: {:?}", story.lie());
    let seen = story.dies_at("untidy", "UID COPY", transferred).await;
    assert_eq!(seen.pointer("/tidying/mails"), Some(&json!(STOLEN)), "{seen:#}");
    assert!(story.has(1 + all, 0), "{:?}", story.lie());
    let said = story.server.commands();
    let plain = |line: &&String| line.starts_with("EXPUNGE") || line.starts_with("CLOSE") || line.contains("\\Seen");
    assert_eq!(said.iter().find(plain), None);
    let bounces = story.world.number("select count(*) from bounce").await.unwrap();
    story.world.pass(TimeDelta::minutes(20)).await.unwrap();
    assert_eq!(story.world.number("select count(*) from bounce").await.unwrap(), bounces);
}

#[tokio::test]
async fn what_is_not_what_was_judged_stays() {
    let story = Story::start("another", "MOVE UIDPLUS").await;
    story.server.change(|folders| {
        let inbox = folders.first_mut().unwrap();
        let other = inbox.messages.get_mut(4).unwrap();
        other.text = "From: b@friend.test\r\nSubject: Dinner\r\n\r\nAt eight?\r\n".to_owned();
        inbox.remove(|uid| uid == 7);
    });
    let moved = done(&story.world, &story.incident, "tidy", &json!({})).await;
    assert_eq!(moved["mails"], STOLEN - 2, "{moved}");
    let left: Vec<_> =
        moved["left"].as_array().unwrap().iter().map(|one| (text(one, "/because"), &one["mails"])).collect();
    assert_eq!(left, [("another", &json!(1)), ("gone", &json!(1))]);
    assert!(story.has(2, STOLEN as usize - 2), "{:?}", story.lie());

    // Numbers that mean other mails now are not believed in INBOX; in the folder that is ours the mails are found again.
    story.server.change(|folders| folders.iter_mut().for_each(|folder| folder.uid_validity += 1));
    let back = done(&story.world, &story.incident, "untidy", &json!({})).await;
    assert_eq!((&back["mails"], &back["left"]), (&json!(STOLEN - 2), &json!([])), "{back}");
    story.server.change(|folders| folders.iter_mut().for_each(|folder| folder.uid_validity += 1));
    story.world.clock.advance(TimeDelta::seconds(2)).await.unwrap();
    let moved = done(&story.world, &story.incident, "tidy", &json!({})).await;
    assert_eq!((&moved["mails"], text(&moved, "/left/0/because")), (&json!(0), "renumbered"), "{moved}");
}

#[tokio::test]
async fn a_server_that_can_neither_move_nor_remove_single_mails_is_left_as_it_is() {
    let story = Story::start("neither", "").await;
    let job = asked(&story.world, &story.incident, "tidy", &json!({})).await;
    let seen = story.world.job_ended(&job).await.unwrap();
    assert_eq!((text(&seen, "/state"), text(&seen, "/failure")), ("failed", "move_not_offered"), "{seen:#}");
    assert!(text(&seen, "/advice").contains("UIDPLUS"), "{seen:#}");
    assert_eq!(story.server.changes(), [""; 0]);
}

#[tokio::test]
async fn where_it_is_automatic_the_bounces_go_once_the_way_in_is_shut_and_what_comes_late_follows() {
    let theft = Theft::of("automatic").await;
    let (world, incident) = (&theft.world, theft.incident.as_str());
    confirmed(world, incident).await;
    let (status, _) = names(world, &theft.mailbox, json!({ "folder": "Daimon", "automatic": true })).await;
    assert_eq!(status, 200);
    world.pass(TimeDelta::minutes(10)).await.unwrap();
    assert_eq!(theft.count("INBOX").await, theft.before + theft.stolen, "while the way in is open the owner sees them");

    for step in ["C01", "C03", "C04"] {
        world.client.set_step(incident, step, "done", None).await.unwrap();
    }
    let contained = world.client.ask(incident, "contain", &json!({ "by": "Mori" })).await.unwrap();
    assert_eq!(contained.status, 200, "{}", contained.body);
    world.pass(TimeDelta::minutes(10)).await.unwrap();
    assert_eq!((theft.count("INBOX").await, theft.count("Daimon").await), (theft.before, theft.stolen));

    let undone = done(world, incident, "untidy", &json!({})).await;
    assert_eq!(undone["mails"], theft.stolen);
    world.pass(TimeDelta::hours(2)).await.unwrap();
    assert_eq!(theft.count("Daimon").await, 0, "what somebody has moved back stays");
}
