//! What is learnt of a mailbox without asking anybody: its servers, the keys of its signatures, its language, its sendings.

use std::net::Ipv4Addr;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_tests::life::{Person, letter, returned};
use daimon_tests::name_server::{NameServer, Record};
use daimon_tests::postfix::NAME;
use daimon_tests::world::World;
use serde_json::{Value, json};

/// A world whose worker asks that name server.
async fn with_names(names: impl FnOnce(&str) -> NameServer) -> World {
    let mut world = World::without_worker().await.unwrap();
    let server = names(&world.tag).serve((Ipv4Addr::LOCALHOST, 0)).unwrap();
    world.settings.push(("DAIMON_DNS_SERVERS".to_owned(), server.to_string()));
    world.start_worker().await.unwrap();
    world
}

/// A bounce by a server with a name that nobody told us, of a mail that a thief handed in there.
fn relayed(owner: &str, number: u32, at: DateTime<Utc>) -> String {
    let (relay, to) = ("out3.otherbrand.test", format!("victim{number}@shop{number}.test"));
    let date = at.to_rfc2822();
    let spam = letter(owner, &to, "Your parcel", &format!("{number:08x}@mass.mailer.test"), at, "Pay here.\r\n");
    let handed_in = format!(
        "Received: from pc (unknown [203.0.113.66])\r\n\t(Authenticated sender: {owner})\r\n\tby {relay} (Postfix) with ESMTPSA id A{number};\r\n\t{date}\r\n"
    );
    let mut report = returned(&format!("{handed_in}{spam}"), owner, &to, relay, at);
    if number.is_multiple_of(2) {
        // One letter that is refused for nothing but who is not there may be a mailing to an old list.
        for (unknown, spam) in [
            ("550 5.1.1", "554 5.7.1"),
            ("Status: 5.1.1", "Status: 5.7.1"),
            ("Recipient\r\n    address rejected: User unknown", "Message\r\n    content rejected as spam"),
            ("Recipient address rejected: User\r\n    unknown", "Message content rejected as\r\n    spam"),
        ] {
            assert!(report.contains(unknown), "{unknown} in {report}");
            report = report.replace(unknown, spam);
        }
    }
    format!(
        "Received: from {relay} ({relay} [198.51.100.7])\r\n\tby {NAME} (Postfix) with ESMTPS id B{number};\r\n\t{date}\r\nReceived: by {relay} (Postfix)\r\n\tid C{number}; {date}\r\n{report}"
    )
}

async fn evidence(world: &World, mailbox: &str) -> (String, Vec<Value>) {
    let listed = world.client.get(&format!("/v1/incidents?mailbox_id={mailbox}")).await.unwrap().items();
    let Some(incident) = listed.first() else { return (String::new(), Vec::new()) };
    let id = incident.get("id").and_then(Value::as_str).unwrap();
    let incident = world.client.incident(id).await.unwrap();
    let verdict = incident.get("verdict").and_then(Value::as_str).unwrap().to_owned();
    (verdict, incident.get("evidence").and_then(Value::as_array).unwrap().clone())
}

fn has(lines: &[Value], value: &str) -> bool {
    lines.iter().any(|line| line.get("value").is_some_and(|seen| seen == value))
}

#[tokio::test]
async fn a_server_that_the_domain_names_is_its_own_whatever_it_is_called() {
    let spf = |text: &str| Record::Text(text.to_owned());
    let world = with_names(|tag| {
        NameServer::default()
            .with(&format!("named-{tag}.example"), spf("v=spf1 ip4:198.51.100.7 include:_spf.google.com -all"))
            .with("_spf.google.com", spf("v=spf1 ip4:74.125.0.0/16 -all"))
            .with(&format!("silent-{tag}.example"), spf("v=spf1 include:_spf.google.com -all"))
    })
    .await;
    let mut mailboxes = Vec::new();
    for name in ["named", "silent"] {
        let sato = Person::with_account(world.servers, &format!("sato@{name}-{}.example", world.tag), "x").unwrap();
        sato.lived_for_a_month(world.servers, world.clock.now().await).await.unwrap();
        let mailbox = sato.onboarded(&world.client, world.servers).await.unwrap();
        world.drain().await.unwrap();
        let (mut imap, at) = (sato.open(world.servers).await.unwrap(), world.clock.now().await);
        for number in 0..20 {
            imap.append("INBOX", relayed(&sato.address, number, at).as_bytes(), at).await.unwrap();
        }
        mailboxes.push(mailbox);
    }
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    let (verdict, lines) = evidence(&world, &mailboxes[0]).await;
    assert_eq!(verdict, "account_takeover", "{lines:#?}");
    assert!(has(&lines, "own_provider"), "{lines:#?}");
    let (_, lines) = evidence(&world, &mailboxes[1]).await;
    assert!(!has(&lines, "own_provider"), "nobody says whose it is: {lines:#?}");
}

#[tokio::test]
async fn the_selectors_of_a_domains_own_mail_are_asked_for_and_a_strangers_are_not() {
    let key =
        |tag: &str| (format!("s2026x._domainkey.signed-{tag}.example"), format!("v=DKIM1; p={}", "A".repeat(392)));
    let world = with_names(|tag| {
        let (name, text) = key(tag);
        NameServer::default().with(&name, Record::Text(text))
    })
    .await;
    let domain = format!("signed-{}.example", world.tag);
    let sato = Person::with_account(world.servers, &format!("sato@{domain}"), "x").unwrap();
    let (mut imap, at) = (sato.open(world.servers).await.unwrap(), world.clock.now().await - TimeDelta::days(3));
    for (number, selector, is_own) in [(1, "s2026x", true), (2, "evil", false)] {
        let to = format!("typo{number}@friend.test");
        let sent = letter(&sato.address, &to, "Hello", &format!("{number}@{domain}"), at, "Hello.\r\n");
        if is_own {
            imap.append("Sent", sent.as_bytes(), at).await.unwrap();
        }
        let signed = format!("DKIM-Signature: v=1; a=rsa-sha256; d={domain}; s={selector};\r\n\th=from; b=x\r\n{sent}");
        imap.append("INBOX", returned(&signed, &sato.address, &to, NAME, at).as_bytes(), at).await.unwrap();
    }
    let mailbox = sato.onboarded(&world.client, world.servers).await.unwrap();
    world.drain().await.unwrap();
    let tenant = world.client.mailbox(&mailbox).await.unwrap()["tenant_id"].as_str().unwrap().to_owned();
    let seen = world.client.get(&format!("/v1/tenants/{tenant}/domains")).await.unwrap().body;
    assert_eq!(seen["items"][0]["dkim_selectors"], json!(["s2026x"]), "{seen}");
    assert!(!seen.to_string().contains("dkim.unusable"), "{seen}");
}

#[tokio::test]
async fn mail_in_a_language_that_the_mailbox_never_uses_is_evidence() {
    let world = World::start().await.unwrap();
    let sato = Person::with_account(world.servers, &format!("nihongo@{}.example", world.tag), "correct horse").unwrap();
    let (mut imap, now) = (sato.open(world.servers).await.unwrap(), world.clock.now().await);
    for day in 3..20_i64 {
        // "About the appointment"
        let subject = format!("=?UTF-8?B?44GU5LqI57SE44Gu5Lu2?= {day}");
        let at = now - TimeDelta::days(day);
        let id = format!("work-{day}@{}.example", world.tag);
        let sent = letter(&sato.address, "tanaka@tanaka-lab.test", &subject, &id, at, "\r\n");
        imap.append("Sent", sent.as_bytes(), at).await.unwrap();
    }
    let mailbox = sato.onboarded(&world.client, world.servers).await.unwrap();
    world.drain().await.unwrap();
    sato.was_stolen(world.servers, 40, 40).await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    let (verdict, lines) = evidence(&world, &mailbox).await;
    assert_eq!(verdict, "account_takeover", "{lines:#?}");
    assert!(has(&lines, "new_language"), "{lines:#?}");
}

/// Bounces of a sending by a tool of its own, which leaves no copies.
async fn sending_came_back(world: &World, sato: &Person, subject: &str, at: DateTime<Utc>) {
    let mut imap = sato.open(world.servers).await.unwrap();
    for number in 0..20 {
        let to = format!("patient{number}.{}@isp{}.test", at.timestamp(), number % 7);
        let id = format!("{number:06}.{}@letters.clinic.test", at.timestamp());
        let mail =
            letter(&sato.address, &to, subject, &id, at, "Dear patients\r\n").replace("Mail 16.0", "LetterPress 3");
        imap.append("INBOX", returned(&mail, &sato.address, &to, NAME, at).as_bytes(), at).await.unwrap();
    }
}

#[tokio::test]
async fn a_declared_sending_is_known_again_the_next_time_by_how_it_is_made() {
    let world = World::start().await.unwrap();
    let client = &world.client;
    let sato = Person::with_account(world.servers, &format!("letters@{}.example", world.tag), "x").unwrap();
    let began = world.clock.now().await;
    sato.lived_for_a_month(world.servers, began).await.unwrap();
    let mailbox = sato.onboarded(client, world.servers).await.unwrap();
    world.drain().await.unwrap();
    let tenant = client.mailbox(&mailbox).await.unwrap()["tenant_id"].as_str().unwrap().to_owned();
    let declared = json!({
        "tenant_id": tenant, "mailbox_id": mailbox, "name": "Autumn letter", "subject": "Autumn at the clinic",
        "ends_at": began + TimeDelta::days(1)
    });
    let declared = client.post("/v1/campaigns", &declared).await.unwrap();
    sending_came_back(&world, &sato, "Autumn at the clinic", began).await;
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    let path = format!("/v1/campaigns/{}", declared.text("id").unwrap());
    let made = client.get(&path).await.unwrap().body["fingerprints"].clone();
    assert_eq!(made.as_array().map(Vec::len), Some(1), "{made}");

    // A month later, with another subject, undeclared.
    world.pass(TimeDelta::days(30)).await.unwrap();
    sending_came_back(&world, &sato, "Winter opening hours", world.clock.now().await).await;
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    let marked = "select count(*) from bounce where observation -> 'clues' ? 'campaign:list_header_or_declared'";
    let all = "select count(*) from bounce where recipient_domain like 'isp%'";
    assert_eq!((world.number(marked).await.unwrap(), world.number(all).await.unwrap()), (40, 40));
    let alarms = client.get("/v1/incidents?live=true").await.unwrap().items();
    assert!(alarms.iter().all(|incident| incident["severity"] == "low"), "{alarms:#?}");
}
