//! The addresses that bounced in an incident are read again from its mails, given to one caller, and kept no longer.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use daimon_tests::client::Client;
use daimon_tests::flood;
use daimon_tests::life::Person;
use daimon_tests::postfix::NAME;
use daimon_tests::scripted_imap::{Folder, Reply, ScriptedImap};
use daimon_tests::world::World;
use serde_json::{Value, json};

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

async fn asked(client: &Client, incident: &str) -> String {
    let answer = client.ask(incident, "recipients", &json!({})).await.unwrap();
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.text("id").unwrap()
}

/// How many addresses were gathered, and how many are missing.
fn gathered(job: &Value) -> (Option<u64>, Option<u64>) {
    assert_eq!(text(job, "/state"), "done", "{job:#}");
    let number = |key| job.pointer(&format!("/recipients/{key}")).and_then(Value::as_u64);
    (number("addresses"), number("missing"))
}

/// The lines that are given, by address.
async fn taken(client: &Client, job: &str) -> BTreeMap<String, Value> {
    let (status, lines) = client.take(&format!("/v1/jobs/{job}/recipients")).await.unwrap();
    assert_eq!(status, 200, "{lines}");
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let by_address: BTreeMap<_, _> = rows.iter().map(|row| (text(row, "/address").to_owned(), row.clone())).collect();
    assert_eq!(by_address.len(), rows.len(), "each once");
    by_address
}

#[tokio::test]
async fn who_asks_first_is_given_the_addresses_and_nobody_finds_them_anywhere() {
    let mut world = World::talkative().await.unwrap();
    let servers = world.servers;
    let sato = Person::with_account(servers, &format!("list@{}.example", world.tag), "correct horse").unwrap();
    sato.lived_for_a_month(servers, world.clock.now().await).await.unwrap();
    let mailbox = sato.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();
    let stolen = u64::from(sato.was_stolen(servers, 24, 24).await.unwrap());
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    let incident = world.only_incident().await.unwrap();
    let made = json!({ "name": "List", "permissions": ["recipients:read"] });
    let key = world.client.post("/v1/api-keys", &made).await.unwrap().text("key").unwrap();
    let list = world.client.with_key(&key).unwrap();

    world.stop_worker().unwrap();
    let job = asked(&list, &incident).await;
    assert_eq!(asked(&list, &incident).await, job, "one goes on already");
    let path = format!("/v1/jobs/{job}/recipients");
    let (status, problem) = list.take(&path).await.unwrap();
    assert!(status == 409 && problem.contains(r#""code":"busy""#), "it has not ended: {problem}");
    world.start_worker().await.unwrap();
    let seen = world.job_ended(&job).await.unwrap();
    assert_eq!(gathered(&seen), (Some(stolen), Some(0)));
    assert_eq!((text(&seen, "/mailbox_id"), text(&seen, "/incident_id")), (mailbox.as_str(), incident.as_str()));
    let is_an_address =
        |text: &str| (0..24).any(|victim| text.contains(&format!(".{victim}@mail{}.test", victim % 23)));
    assert!(!is_an_address(&world.dump().await.unwrap()), "they are sealed");

    let rows = taken(&list, &job).await;
    assert_eq!(rows.len() as u64, stolen);
    for (address, row) in &rows {
        let (what, victim) = address.split_once('@').unwrap().0.split_once('.').unwrap();
        let victim: u32 = victim.parse().unwrap();
        assert_eq!(address, &format!("{what}.{victim}@mail{}.test", victim % 23));
        if what == "nouser" {
            let told = (text(row, "/reason"), text(row, "/permanence"), row.get("bounces"));
            assert_eq!(told, ("user_unknown", "permanent", Some(&json!(1))), "{row}");
        }
        assert!(text(row, "/bounced_at").ends_with('Z') && text(row, "/status").len() >= 5, "{row}");
    }

    assert_eq!(taken(&list, &job).await, rows, "the answer may have been lost");
    let (status, problem) = world.client.take(&path).await.unwrap();
    assert!(
        status == 409 && problem.contains("somebody else") && problem.contains(r#""code":"conflict""#),
        "{problem}"
    );
    let seen = world.client.get(&format!("/v1/jobs/{job}")).await.unwrap().body;
    assert!(text(&seen, "/recipients/given_at").ends_with('Z'), "{seen:#}");
    world.pass(TimeDelta::minutes(16)).await.unwrap();
    let (status, problem) = list.take(&path).await.unwrap();
    assert!(status == 409 && problem.contains("no longer"), "{problem}");
    world.pass(TimeDelta::minutes(10)).await.unwrap();
    assert_eq!(world.number("select count(*) from bounced_recipient").await.unwrap(), 0);
    assert!(!is_an_address(&world.dump().await.unwrap()));
    for log in [world.api().output(), world.worker().unwrap().output()] {
        assert!(!is_an_address(&log), "no log says them");
    }
    let audit = world.client.get("/v1/audit-entries?limit=200").await.unwrap().items();
    let by = |action: &str| audit.iter().filter(|entry| text(entry, "/action") == action).count();
    let actions = ["incident.recipients_requested", "incident.recipients_gathered", "incident.recipients_taken"];
    assert_eq!(actions.map(by), [1, 1, 2]);

    // As a table, and not a day later.
    let job = asked(&list, &incident).await;
    world.job_ended(&job).await.unwrap();
    let (status, table) = list.take(&format!("/v1/jobs/{job}/recipients?format=csv")).await.unwrap();
    assert_eq!((status, table.lines().count() as u64), (200, stolen + 1), "{table}");
    assert!(table.starts_with("\u{feff}address,reason,status,permanence,bounced_at,bounces\r\n"), "{table}");
    let newer = asked(&list, &incident).await;
    assert_eq!(list.take(&format!("/v1/jobs/{job}/recipients")).await.unwrap().0, 409, "there is a newer job");
    assert_eq!(gathered(&world.job_ended(&newer).await.unwrap()), (Some(stolen), Some(0)));
    world.pass(TimeDelta::hours(25)).await.unwrap();
    assert_eq!(list.take(&format!("/v1/jobs/{newer}/recipients")).await.unwrap().0, 409);
    assert_eq!(world.number("select count(*) from bounced_recipient").await.unwrap(), 0, "nobody has taken them");
}

/// A stolen mailbox on a server that does as the story says.
struct Story {
    world: World,
    server: ScriptedImap,
    incident: String,
}

const STOLEN: u32 = 30;

impl Story {
    async fn start(name: &str) -> Self {
        Self::with(name, STOLEN).await
    }

    /// Of the fourth stranger two bounces have come.
    async fn with(name: &str, strangers: u32) -> Self {
        let world = World::start().await.unwrap();
        let server = ScriptedImap::start(&world.servers.authority).await.unwrap();
        let sato = Person { address: format!("{name}@{}.example", world.tag), password: "secret".to_owned() };
        let now = world.clock.now().await;
        server.deliver("From: a@friend.test\r\nSubject: Lunch\r\n\r\nAt noon?\r\n", now);
        for (number, minutes) in (0..strangers).map(|number| (number, 30)).chain([(3, 20)]) {
            let at = now - TimeDelta::minutes(minutes);
            // One of them was forwarded: what is on the sender's list is another address than what failed.
            let forwarded = ("Original-Recipient: rfc822;someone.4@", "Original-Recipient: rfc822;listed.4@");
            server.deliver(&flood::one(&sato, number, at).replace(forwarded.0, forwarded.1), at);
        }
        let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
        world.client.create_mailbox(&tenant, &sato.address, &sato.password, NAME, server.port).await.unwrap();
        world.drain().await.unwrap();
        let incident = world.only_incident().await.unwrap();
        Self { world, server, incident }
    }

    fn change(&self, change: impl Fn(&mut Folder)) {
        self.server.change(|folders| folders.iter_mut().for_each(&change));
    }

    /// How many were gathered and are missing, and the numbers of the strangers, with how often each bounced.
    async fn gathers(&self) -> ((Option<u64>, Option<u64>), BTreeMap<u32, u64>) {
        let job = asked(&self.world.client, &self.incident).await;
        let counts = gathered(&self.world.job_ended(&job).await.unwrap());
        (counts, self.takes(&job).await)
    }

    async fn takes(&self, job: &str) -> BTreeMap<u32, u64> {
        let rows = taken(&self.world.client, job).await;
        let number = |address: &str| {
            let is_listed = address.starts_with("listed.");
            let number = address.split_once('.').and_then(|(_, rest)| rest.split('@').next()?.parse().ok()).unwrap();
            assert_eq!(is_listed, number == 4, "{address}");
            number
        };
        rows.iter().map(|(address, row)| (number(address), row["bounces"].as_u64().unwrap())).collect()
    }
}

#[tokio::test]
async fn what_was_deleted_is_missing_and_nothing_in_the_mailbox_is_changed() {
    let story = Story::start("deleted").await;
    // UID 5 is the first bounce of the fourth stranger, 32 the second; 8 the only one of the seventh.
    story.change(|folder| folder.remove(|uid| [8, 32].contains(&uid)));
    // And one is another mail by now.
    story.change(|folder| {
        let other = folder.messages.iter_mut().find(|message| message.uid == 10).unwrap();
        other.text = "From: b@friend.test\r\nSubject: Dinner\r\n\r\nAt eight?\r\n".to_owned();
    });
    let (counts, given) = story.gathers().await;
    assert_eq!(counts, (Some(28), Some(2)));
    let numbers: BTreeSet<_> = given.keys().copied().collect();
    assert_eq!(numbers, (0..STOLEN).filter(|number| ![6, 8].contains(number)).collect());
    assert_eq!(given[&3], 1, "one of its two mails is still there");
    assert_eq!(story.server.changes(), [""; 0]);
}

#[tokio::test]
async fn mails_with_other_numbers_are_found_all_the_same() {
    let story = Story::start("renumbered").await;
    story.change(|folder| folder.uid_validity += 1);
    let (counts, given) = story.gathers().await;
    assert_eq!((counts, given[&3], given[&4]), ((Some(30), Some(0)), 2, 1), "all numbers are new");
    story.change(|folder| {
        folder.tells_uid_next = false;
        folder.uid_validity -= 1;
        folder.messages.iter_mut().for_each(|message| message.uid += 3);
    });
    story.world.clock.advance(TimeDelta::seconds(2)).await.unwrap();
    assert_eq!(story.gathers().await.0, (Some(30), Some(0)), "they may have moved");
}

#[tokio::test]
async fn a_worker_that_dies_meanwhile_costs_nothing_and_another_goes_on_where_it_was() {
    // More than are read at a time, on a server on which they are looked for from the beginning.
    const MANY: u32 = 1_000;
    let mut story = Story::with("dies", MANY).await;
    story.change(|folder| folder.tells_uid_next = false);
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    story.server.answers(move |_, command| {
        let is_late = first_fetched(command).is_some_and(|uid| (501..900).contains(&uid));
        is_late.then(|| {
            told.send(()).unwrap();
            Reply::Say(Vec::new())
        })
    });
    let job = asked(&story.world.client, &story.incident).await;
    story.world.clock.advance(TimeDelta::seconds(1)).await.unwrap();
    heard.recv().await.unwrap();
    story.world.kill_worker().unwrap();
    story.server.is_honest();
    let before = story.server.commands().len();
    story.world.start_worker().await.unwrap();
    story.world.clock.advance(TimeDelta::minutes(3)).await.unwrap();
    assert_eq!(gathered(&story.world.job_ended(&job).await.unwrap()), (Some(u64::from(MANY)), Some(0)));
    let said = story.server.commands();
    let since: Vec<_> = said[before..].iter().filter_map(|line| first_fetched(line)).collect();
    assert!(since.iter().all(|uid| *uid > 500) && !since.is_empty(), "{since:?}");
    assert_eq!(story.takes(&job).await.len(), MANY as usize);
}

/// The first UID of a FETCH.
fn first_fetched(command: &str) -> Option<u32> {
    command.strip_prefix("UID FETCH ")?.split([':', ',', ' ']).next()?.parse().ok()
}

#[tokio::test]
async fn a_folder_that_is_there_and_can_not_be_opened_is_not_said_to_have_lost_its_mails() {
    let story = Story::start("shut").await;
    story.server.answers(|_, command| command.starts_with("EXAMINE").then(|| Reply::say("{tag} NO not now\r\n")));
    let job = asked(&story.world.client, &story.incident).await;
    let seen = story.world.job_ended(&job).await.unwrap();
    assert_eq!(gathered(&seen), (Some(0), Some(0)), "{seen:#}");
    assert_eq!(seen.pointer("/recipients/unread"), Some(&json!(30)), "{seen:#}");
}
