//! A password is stolen: real spam, real bounces, one incident, one signed webhook.

use std::time::Duration;

use chrono::TimeDelta;
use daimon_tests::life::{Person, THIEF};
use daimon_tests::program::Program;
use daimon_tests::servers::ServersAt;
use daimon_tests::world::World;
use serde_json::Value;

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What `scan` says of the person's mailbox as it lies on the server's disk: verdict and tier, and in words.
async fn scanned(servers: &ServersAt, person: &Person, lang: &str) -> (String, String, String) {
    let maildir = servers.dovecot.maildir(&person.address);
    let [received, new, sent] = ["cur", "new", ".Sent"].map(|name| maildir.join(name).display().to_string());
    let asked = |format: &'static str| {
        let arguments = ["scan", &received, &new, "--sent", &sent, "--address", &person.address, "--lang", lang];
        let arguments: Vec<String> = arguments.iter().copied().chain(["--format", format]).map(String::from).collect();
        async move {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let output = Program::run("daimon-worker", &arguments, &Vec::new()).await.unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{told}");
            String::from_utf8(output.stdout).unwrap()
        }
    };
    let lines = asked("ndjson").await;
    let summary: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    (text(&summary, "verdict"), text(&summary, "tier"), asked("text").await)
}

#[tokio::test]
async fn a_stolen_mailbox_opens_one_incident_and_tells_by_signed_webhook() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let sato = Person::with_account(servers, &format!("sato@{}.example", world.tag), "correct horse").unwrap();
    let old = sato.lived_for_a_month(servers, world.clock.now().await).await.unwrap();
    let catcher = world.catcher().await.unwrap();
    let (_, secret) = world.client.create_endpoint(&catcher.url()).await.unwrap();
    let mailbox = sato.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();
    assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), usize::try_from(old).unwrap());
    assert_eq!(world.client.incidents().await.unwrap(), Vec::<Value>::new(), "ordinary life is no incident");

    sato.was_stolen(servers, 40, 40).await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();

    let incidents = world.client.incidents().await.unwrap();
    let verdicts: Vec<String> = incidents.iter().map(|incident| text(incident, "verdict")).collect();
    assert_eq!(verdicts, ["account_takeover"]);
    let id = text(incidents.first().unwrap(), "id");
    let why = world.client.incident(&id).await.unwrap()["evidence"].clone();
    let says = |item: &str, value: &str| {
        why.as_array().unwrap().iter().any(|line| text(line, "item") == item && text(line, "value") == value)
    };
    // Real Postfix and Dovecot said who signed in, the month of answers how complete Sent is.
    let seen = [
        ("gen_site", "own_provider"),
        ("origin", "own_authenticated"),
        ("fingerprint", "new"),
        ("sent_copy", "missing"),
        ("recipient", "never_seen"),
    ];
    for (item, value) in seen {
        assert!(says(item, value), "{item} = {value} is not in {why:#}");
    }
    let incident = world.client.incident(&id).await.unwrap();
    let headline = text(&incident, "headline");
    assert!(headline.contains(&format!("signed in as {} from {THIEF}", sato.address)), "{headline}");
    assert_eq!(text(&why[0], "sentence"), headline);
    let tells = |line: &&Value| text(line, "sentence").contains(" sign of a stolen mailbox rather than ");
    let told = why.as_array().unwrap().iter().find(tells).unwrap();
    assert!(!text(told, "sentence").contains(&text(told, "against")), "{told}");
    let sum: f64 = why.as_array().unwrap().iter().filter_map(|line| line["db"].as_f64()).sum();
    let is_sum = (sum - incident["score_db"].as_f64().unwrap()).abs() < 1.0;
    assert_eq!(is_sum, incident["score_note"].is_null(), "a note says why the score is not the sum: {incident:#}");
    let told = catcher.wait_for(Duration::from_secs(20), |caught| caught.kind() == "incident.opened").await.unwrap();
    told.verify(&secret, false).unwrap();
    let body = String::from_utf8(told.body.clone()).unwrap();
    assert!(body.contains(&text(incidents.first().unwrap(), "id")), "{body}");
    assert!(!body.contains(&sato.password));

    let (verdict, tier, words) = scanned(servers, &sato, "ja").await;
    assert_eq!(verdict, text(&incident, "verdict"), "{words}");
    // The surest that it ever was stands, and with what each mail adds that depends on which of a second came first: a server
    // numbers them in its own order, and the names of the files tell another.
    for tier in [tier, text(&incident, "tier")] {
        assert!(["probable", "confirmed"].contains(&tier.as_str()), "{tier}: {words}");
    }
    assert!(words.starts_with("このメールボックスは乗っ取られて"), "{words}");
}

#[tokio::test]
async fn a_forged_sender_is_backscatter_and_raises_no_alarm_of_a_takeover() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let sato = Person::with_account(servers, &format!("forged@{}.example", world.tag), "correct horse").unwrap();
    let now = world.clock.now().await;
    sato.lived_for_a_month(servers, now).await.unwrap();
    let mailbox = sato.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();

    sato.was_forged(servers, 40, now).await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();

    assert!(world.client.bounces(&mailbox).await.unwrap().len() >= 40);
    let incidents = world.client.incidents().await.unwrap();
    let verdicts: Vec<String> = incidents.iter().map(|incident| text(incident, "verdict")).collect();
    assert_eq!(verdicts, ["backscatter"]);
    assert_eq!(text(incidents.first().unwrap(), "severity"), "medium");
    let (verdict, _, words) = scanned(servers, &sato, "en").await;
    assert_eq!(verdict, "backscatter", "{words}");
}

#[tokio::test]
async fn bounces_that_a_stranger_writes_in_the_providers_name_are_no_takeover() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let sato = Person::with_account(servers, &format!("framed@{}.example", world.tag), "correct horse").unwrap();
    let now = world.clock.now().await;
    sato.lived_for_a_month(servers, now).await.unwrap();
    let mailbox = sato.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();

    sato.was_framed(servers, 40, now).await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();

    let bounces = world.client.bounces(&mailbox).await.unwrap();
    assert!(bounces.len() >= 40);
    for incident in world.client.incidents().await.unwrap() {
        assert_ne!(text(&incident, "verdict"), "account_takeover");
        let incident = world.client.incident(&text(&incident, "id")).await.unwrap();
        assert_eq!(incident["headline"], Value::Null, "what the stranger wrote is no fact");
        let lines = incident["evidence"].as_array().unwrap();
        assert!(lines.iter().all(|line| text(line, "value") != "own_authenticated"), "{lines:#?}");
        let by_own = lines.iter().find(|line| text(line, "value") == "own_provider");
        assert!(by_own.is_none_or(|line| line["count"].as_u64() < Some(40)), "{lines:#?}");
    }
}

#[tokio::test]
async fn a_mailbox_without_sent_mail_is_never_said_to_be_forged_only() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let sato = Person::with_account(servers, &format!("pop@{}.example", world.tag), "correct horse").unwrap();
    let now = world.clock.now().await;
    sato.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();

    sato.was_forged(servers, 30, now).await.unwrap();
    world.pass(TimeDelta::minutes(20)).await.unwrap();

    let incidents = world.client.incidents().await.unwrap();
    let verdicts: Vec<String> = incidents.iter().map(|incident| text(incident, "verdict")).collect();
    assert_eq!(verdicts, ["undetermined"]);
    assert_eq!(text(incidents.first().unwrap(), "severity"), "high");
    let (verdict, _, words) = scanned(servers, &sato, "en").await;
    assert_eq!(verdict, "undetermined", "{words}");
}

#[tokio::test]
async fn a_mailbox_is_read_every_minute_while_an_incident_is_open_and_no_longer() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let sato = Person::with_account(servers, &format!("closed@{}.example", world.tag), "secret").unwrap();
    sato.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();
    let open =
        "insert into incident (msp_id, tenant_id, incident_id, mailbox_id, verdict, tier, severity, state, score_db,
            bounces, unexpected_recipients, evidence, dedup_key, sequence, opened_at, updated_at, first_bounce_at,
            last_bounce_at)
        select msp_id, tenant_id, gen_random_uuid(), mailbox_id, 'account_takeover', 'probable', 'critical', 'open', 50,
            9, 9, '[]', 'key', 1, created_at, created_at, created_at, created_at
        from mailbox";
    world.sql(open).await.unwrap();
    // The next regular turn hears of it.
    world.pass(TimeDelta::minutes(20)).await.unwrap();
    let watched = sessions_in_ten_minutes(&world).await;
    world.sql("update incident set state = 'closed'").await.unwrap();
    world.pass(TimeDelta::seconds(61)).await.unwrap();
    let afterwards = sessions_in_ten_minutes(&world).await;

    assert!(watched >= 9, "{watched}");
    assert!(afterwards <= 3, "{afterwards}");
}

async fn sessions_in_ten_minutes(world: &World) -> u64 {
    let mut ended = 0;
    for _ in 0..10 {
        ended += world.pass(TimeDelta::minutes(1)).await.unwrap();
    }
    ended
}
