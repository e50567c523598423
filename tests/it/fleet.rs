//! What several companies of one MSP suffer from at once counts for each of them, and for nobody else.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_tests::client::Client;
use daimon_tests::life::{Person, letter, returned};
use daimon_tests::postfix::NAME;
use daimon_tests::world::World;
use serde_json::Value;

/// What the own server writes of a mail that it could not hand over.
struct Told {
    words: &'static str,
    status: &'static str,
    has_answer: bool,
}

const DEAD: Told = Told {
    words: "connect to mx.wholesale.test[192.0.2.10]:25: Connection timed out",
    status: "4.4.1",
    has_answer: false,
};
const LISTED: Told = Told {
    words: "554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using zen.spamhaus.org",
    status: "5.7.1",
    has_answer: true,
};

impl Told {
    fn of(&self, sent: &str, owner: &str, to: &str, at: DateTime<Utc>) -> String {
        let (domain, report) = (to.rsplit('@').next().unwrap(), returned(sent, owner, to, NAME, at));
        let remote = format!("Remote-MTA: dns; mx.{domain}\r\n");
        let (said, code) = if self.has_answer {
            (format!("host mx.{domain}[192.0.2.10] said: {}", self.words), format!("smtp; {}", self.words))
        } else {
            (self.words.to_owned(), format!("X-Postfix; {}", self.words))
        };
        let replaced = report
            .replace(
                &format!("host mx.{domain}[192.0.2.10] said: 550 5.1.1 <{to}>: Recipient\r\n    address rejected: User unknown (in reply to RCPT TO command)"),
                &said,
            )
            .replace(&format!("smtp; 550 5.1.1 <{to}>: Recipient address rejected: User\r\n    unknown"), &code)
            .replace("Status: 5.1.1", &format!("Status: {}", self.status));
        assert!(replaced.contains(&said) && replaced.contains(&code), "{replaced}");
        if self.has_answer { replaced } else { replaced.replace(&remote, "") }
    }
}

/// `count` of the person's own mails come back.
async fn came_back(world: &World, person: &Person, told: &Told, domain: &str, count: u32) {
    let mut imap = person.open(world.servers).await.unwrap();
    let at = world.clock.now().await - TimeDelta::minutes(5);
    for number in 0..count {
        let to = format!("orders{number}.{}@{domain}", at.timestamp());
        let id = format!("{number}.{}@{}", at.timestamp(), person.address.rsplit('@').next().unwrap());
        let sent = letter(&person.address, &to, "Order", &id, at, "Ten boxes, please.\r\n");
        imap.append("Sent", sent.as_bytes(), at).await.unwrap();
        imap.append("INBOX", told.of(&sent, &person.address, &to, at).as_bytes(), at).await.unwrap();
    }
}

/// A company with one mailbox, whose mail comes back; which mailbox it is.
async fn company(world: &World, client: &Client, name: &str, told: &Told, domain: &str) -> (Person, String) {
    let address = format!("{name}@{name}-{}.example", world.tag);
    let person = Person::with_account(world.servers, &address, "secret").unwrap();
    came_back(world, &person, told, domain, 8).await;
    let mailbox = person.onboarded(client, world.servers).await.unwrap();
    world.drain().await.unwrap();
    (person, mailbox)
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What is thought of a mailbox, and whether others' trouble is among the reasons.
async fn thought(client: &Client, mailbox: &str, others: &str) -> (String, bool) {
    let listed = client.get(&format!("/v1/incidents?mailbox_id={mailbox}")).await.unwrap().items();
    let Some(incident) = listed.first() else { return ("none".to_owned(), false) };
    let incident = client.incident(&text(incident, "id")).await.unwrap();
    let lines = incident.get("evidence").and_then(Value::as_array).unwrap();
    let is_told = lines.iter().any(|line: &Value| line["value"] == others);
    (text(&incident, "verdict"), is_told)
}

#[tokio::test]
async fn a_system_that_fails_for_three_companies_within_the_hour_is_an_outage() {
    let world = World::start().await.unwrap();
    let stranger = world.another_msp("Heron IT").await.unwrap();
    let of = async |client: &Client, name: &str| company(&world, client, name, &DEAD, "wholesale.test").await;
    let (first, first_mailbox) = of(&world.client, "sakura").await;
    let (_, second_mailbox) = of(&world.client, "momiji").await;
    let (_, strangers_mailbox) = of(&stranger, "heron").await;
    let told = |mailbox: String| {
        let client = &world.client;
        async move { thought(client, &mailbox, "fleet_outage").await }
    };
    assert_eq!(told(first_mailbox.clone()).await, ("outage".to_owned(), false));
    assert_eq!(told(second_mailbox).await, ("outage".to_owned(), false), "two may share a mistake");
    let (_, third_mailbox) = of(&world.client, "kaede").await;
    assert_eq!(told(third_mailbox).await, ("outage".to_owned(), true));
    assert_eq!(thought(&stranger, &strangers_mailbox, "fleet_outage").await, ("outage".to_owned(), false));

    // Who was first hears of it with the next bounce.
    world.pass(TimeDelta::minutes(10)).await.unwrap();
    came_back(&world, &first, &DEAD, "wholesale.test", 1).await;
    world.pass(TimeDelta::minutes(6)).await.unwrap();
    assert_eq!(told(first_mailbox).await, ("outage".to_owned(), true));
    let stored = "select count(*) from trouble where octet_length(system_hash) <> 32";
    assert_eq!(world.number(stored).await.unwrap(), 0, "no name is written down");
}

#[tokio::test]
async fn a_server_that_is_listed_for_two_companies_is_no_matter_of_either() {
    let world = World::start().await.unwrap();
    let of = async |name: &str, domain: &str| company(&world, &world.client, name, &LISTED, domain).await.1;
    let first = of("ume", "shop.test").await;
    let second = of("take", "office.test").await;
    assert_eq!(thought(&world.client, &first, "fleet_listed").await, ("reputation_block".to_owned(), false));
    assert_eq!(thought(&world.client, &second, "fleet_listed").await, ("reputation_block".to_owned(), true));
}
