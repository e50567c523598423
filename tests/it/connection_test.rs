//! A test of a mailbox's connection says where it ends, and what to do; and it locks nobody out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use daimon_tests::authority::UNCERTIFIED;
use daimon_tests::dovecot::{Dovecot, Introspection, Setup};
use daimon_tests::identity::{CLIENT_SECRET, Identity, Scripted};
use daimon_tests::life::Person;
use daimon_tests::place::{Place, free_port};
use daimon_tests::scripted_imap::{Folder, Reply, ScriptedImap};
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const HOST: &str = "mail.sakura-dental.example";

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Asks for a test; the job's id.
async fn asked(world: &World, mailbox: &str) -> String {
    let path = format!("/v1/mailboxes/{mailbox}/test-connection");
    let answer = world.client.post(&path, &json!({})).await.unwrap();
    assert_eq!((answer.status, text(&answer.body, "/kind")), (202, "test_connection"), "{}", answer.body);
    answer.text("id").unwrap()
}

async fn job(world: &World, id: &str) -> Value {
    world.client.get(&format!("/v1/jobs/{id}")).await.unwrap().body
}

/// Asks for a test and waits for its end.
async fn tested(world: &World, mailbox: &str) -> Value {
    let id = asked(world, mailbox).await;
    world.job_ended(&id).await.unwrap()
}

fn step<'a>(job: &'a Value, name: &str) -> &'a Value {
    let steps = job.pointer("/connection_test/steps").and_then(Value::as_array).unwrap();
    steps.iter().find(|step| text(step, "/step") == name).unwrap()
}

fn outcome(job: &Value) -> &str {
    text(job, "/connection_test/outcome")
}

/// The code of the step that failed, and its name.
fn failure(job: &Value) -> (String, String) {
    let steps = job.pointer("/connection_test/steps").and_then(Value::as_array).unwrap();
    let is_bad = |step: &&Value| text(step, "/outcome") == "failed";
    assert_eq!((steps.iter().filter(is_bad).count(), outcome(job)), (1, "failed"), "{job}");
    let after = steps.iter().skip_while(|step| !is_bad(step)).skip(1);
    assert!(after.into_iter().all(|step| text(step, "/code") == "not_reached"), "{job}");
    let bad = steps.iter().find(is_bad).unwrap();
    assert!(text(bad, "/advice").len() > 40, "{job}");
    (text(bad, "/step").to_owned(), text(bad, "/code").to_owned())
}

fn is(failure: &(String, String), step: &str, code: &str) -> bool {
    (failure.0.as_str(), failure.1.as_str()) == (step, code)
}

async fn onboarded(world: &World, tenant: &str, name: &str, host: &str, port: u16, tls: &str) -> String {
    let body = json!({
        "tenant_id": tenant, "address": format!("{name}@{}.example", world.tag), "password": "correct horse battery",
        "imap": { "host": host, "port": port, "tls": tls }
    });
    world.client.post("/v1/mailboxes", &body).await.unwrap().text("id").unwrap()
}

#[tokio::test]
async fn a_good_mailbox_passes_every_step_and_another_msp_sees_nothing_of_it() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let person = Person::with_account(servers, &format!("good@{}.example", world.tag), "correct horse").unwrap();
    person.lived_for_a_month(servers, world.clock.now().await).await.unwrap();
    let mailbox = person.onboarded(&world.client, servers).await.unwrap();
    world.drain().await.unwrap();
    let before = world.client.mailbox(&mailbox).await.unwrap();

    let first = asked(&world, &mailbox).await;
    assert_eq!(asked(&world, &mailbox).await, first, "one goes on at a time");
    let job = world.job_ended(&first).await.unwrap();
    let steps = job.pointer("/connection_test/steps").and_then(Value::as_array).unwrap();
    let names: Vec<&str> = steps.iter().filter_map(|step| step["step"].as_str()).collect();
    let order = [
        "resolve",
        "connect",
        "tls",
        "greeting",
        "token",
        "sign_in",
        "folders",
        "inbox",
        "newest_mail",
        "sent_copies",
        "limits",
    ];
    assert_eq!(names, order);
    let outcomes: Vec<&str> = steps.iter().filter_map(|step| step["outcome"].as_str()).collect();
    assert!(outcomes.iter().all(|outcome| ["ok", "skipped"].contains(outcome)), "{job}");
    assert_eq!(step(&job, "tls")["facts"]["tls_version"], "TLS 1.3");
    assert!(step(&job, "greeting")["facts"]["capabilities"].as_array().unwrap().contains(&json!("IDLE")));
    let sent = step(&job, "folders")["facts"]["sent"].as_str().unwrap();
    assert!(sent.ends_with("Sent"), "{sent}");
    assert!(step(&job, "newest_mail")["facts"]["messages"].as_u64().unwrap() > 0, "{job}");
    assert_eq!(step(&job, "limits")["facts"]["connections"], 10);
    assert!(!job.to_string().contains("correct horse"), "a secret in an answer");

    let now = world.client.mailbox(&mailbox).await.unwrap();
    for key in ["connection", "next_poll_at", "last_polled_at"] {
        assert_eq!(now[key], before[key], "{key}: a test leaves a good mailbox as it was");
    }
    // In Japanese for whoever asks, in a list, and for nobody else.
    let japanese = world.client.get(&format!("/v1/jobs/{first}?language=ja")).await.unwrap().body;
    let said = step(&japanese, "sign_in")["sentence"].as_str().unwrap().to_owned();
    assert_eq!(said, "メールボックスにサインインできました。");
    let listed = world.client.get(&format!("/v1/jobs?mailbox_id={mailbox}")).await.unwrap().items();
    assert_eq!((listed.len(), &listed[0]["id"]), (1, &json!(first)));
    let stranger = world.another_msp("Other IT").await.unwrap();
    for (method, path) in
        [(Method::POST, format!("/v1/mailboxes/{mailbox}/test-connection")), (Method::GET, format!("/v1/jobs/{first}"))]
    {
        let answer = stranger.request(method, &path, None, None).await.unwrap();
        assert_eq!(answer.status, 404, "{path}");
    }
    assert!(stranger.get("/v1/jobs").await.unwrap().items().is_empty());
    let log = world.client.get("/v1/audit-entries?limit=200").await.unwrap().body.to_string();
    assert!(log.contains("mailbox.connection_test_requested") && log.contains("mailbox.connection_tested"), "{log}");
    // Nobody looks at it for ever.
    world.pass(TimeDelta::days(32)).await.unwrap();
    let gone = world.client.request(Method::GET, &format!("/v1/jobs/{first}"), None, None).await.unwrap();
    assert_eq!(gone.status, 404, "old jobs are forgotten by the daily upkeep");
}

#[tokio::test]
async fn a_wrong_password_is_tried_three_times_by_reading_and_testing_together_and_the_right_one_is_read_again() {
    let world = World::start().await.unwrap();
    let servers = world.servers;
    let why = "it says of a wrong password only that the sign-in failed, which busy servers say too";
    if !servers.is_of_dovecot("a wrong password is tried three times by reading and testing together", why).unwrap() {
        return;
    }
    let person = Person::with_account(servers, &format!("tested@{}.example", world.tag), "right").unwrap();
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let port = servers.imaps();
    let mailbox = world.client.create_mailbox(&tenant, &person.address, "not this", HOST, port).await.unwrap();
    world.drain().await.unwrap();
    assert_eq!(servers.sign_ins(&person.address).unwrap(), 1);

    for refusals in [2, 3] {
        let job = tested(&world, &mailbox).await;
        assert!(is(&failure(&job), "sign_in", "password_refused"), "{job}");
        assert_eq!(step(&job, "sign_in")["facts"]["refusals"], refusals);
    }
    let job = tested(&world, &mailbox).await;
    assert!(is(&failure(&job), "sign_in", "password_refused_before"), "{job}");
    let seen = world.client.mailbox(&mailbox).await.unwrap();
    assert_eq!(seen["connection"]["state"], "credential_refused", "{seen}");
    for _ in 0..4 {
        world.pass(TimeDelta::minutes(16)).await.unwrap();
        tested(&world, &mailbox).await;
    }
    assert_eq!(servers.sign_ins(&person.address).unwrap(), 3);
    let told = world.client.events().await.unwrap();
    let told = told.iter().filter(|event| event["type"] == "mailbox.credential_refused").count();
    assert_eq!(told, 1, "a test tells what reading would have told");

    world.client.replace_password(&mailbox, "right").await.unwrap();
    let job = tested(&world, &mailbox).await;
    assert_eq!(step(&job, "sign_in")["outcome"], "ok", "{job}");
    world.drain().await.unwrap();
    assert_eq!(world.client.mailbox(&mailbox).await.unwrap()["connection"]["state"], "connected");
    let log = format!("{}{}", world.api().output(), world.worker().unwrap().output());
    assert!(!log.contains("not this"), "a secret in a log");
}

#[tokio::test]
async fn what_is_wrong_with_a_server_is_said_before_any_password_is() {
    let world = World::start().await.unwrap();
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    // It takes connections, and says nothing on any.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let keeping = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            kept.push(stream);
        }
    });
    let web = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let web_port = web.local_addr().unwrap().port();
    let heard = Arc::new(AtomicUsize::new(0));
    let hearing = Arc::clone(&heard);
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = web.accept().await {
            let mut bytes = [0; 1_024];
            let read = stream.read(&mut bytes).await.unwrap_or(0);
            hearing.fetch_add(usize::from(bytes[..read].windows(7).any(|part| part == b"correct")), Ordering::SeqCst);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let stripped = ScriptedImap::in_clear(&world.servers.authority).await.unwrap();
    stripped.answers(|_, command| {
        (command == "CAPABILITY").then(|| Reply::ok("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n"))
    });
    let full = ScriptedImap::start(&world.servers.authority).await.unwrap();
    full.greets("* BYE [ALERT] Maximum connection limit reached for 192.0.2.7\r\n");
    let closed = free_port().unwrap();
    let port = world.servers.imaps();
    let stories = [
        ("closed", HOST, closed, "implicit", ("connect", "no_answer", "unreachable")),
        ("silent", HOST, silent_port, "implicit", ("connect", "no_answer", "unreachable")),
        ("web", HOST, web_port, "implicit", ("tls", "not_tls", "tls_failed")),
        ("impostor", UNCERTIFIED, port, "implicit", ("tls", "certificate_other_name", "tls_failed")),
        ("nowhere", "imap.nowhere.invalid", port, "implicit", ("resolve", "host_not_found", "host_not_found")),
        ("stripped", HOST, stripped.port, "starttls", ("tls", "starttls_not_offered", "tls_failed")),
        ("full", HOST, full.port, "implicit", ("greeting", "too_many_connections", "server_busy")),
    ];
    for (name, host, port, tls, (at, code, fault)) in stories {
        let mailbox = onboarded(&world, &tenant, name, host, port, tls).await;
        // One that is not read is tested all the same.
        world.client.post(&format!("/v1/mailboxes/{mailbox}/pause"), &json!({})).await.unwrap();
        world.drain().await.unwrap();
        let id = asked(&world, &mailbox).await;
        world.drain().await.unwrap();
        assert_eq!(job(&world, &id).await["state"], "running", "{name}: what fails at once is not told at once");
        let job = world.job_ended(&id).await.unwrap();
        assert!(is(&failure(&job), at, code), "{name}: {job}");
        assert_eq!(step(&job, at)["fault"], fault, "{name}");
    }
    let said = stripped.said_in_clear();
    assert!(said.iter().all(|line| line.ends_with(" CAPABILITY")), "{said:?}");
    assert_eq!(heard.load(Ordering::SeqCst), 0);

    // Whoever tries ports finds out no more than this in an hour.
    let mailbox = onboarded(&world, &tenant, "scan", HOST, closed, "implicit").await;
    for _ in 0..3 {
        tested(&world, &mailbox).await;
    }
    let path = format!("/v1/mailboxes/{mailbox}/test-connection");
    let refused = world.client.request(Method::POST, &path, None, None).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (429, &json!("too_many_requests")), "{}", refused.body);
    world.pass(TimeDelta::minutes(61)).await.unwrap();
    asked(&world, &mailbox).await;
    keeping.abort();
    serving.abort();
}

#[tokio::test]
async fn a_mailbox_that_can_be_read_again_is_read_at_once_and_a_missing_sent_folder_says_what_it_costs() {
    let world = World::start().await.unwrap();
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let server = ScriptedImap::start(&world.servers.authority).await.unwrap();
    server.greets("* BYE in maintenance\r\n");
    let mailbox = onboarded(&world, &tenant, "bare", HOST, server.port, "implicit").await;
    for _ in 0..12 {
        world.pass(TimeDelta::minutes(12)).await.unwrap();
    }
    let seen = world.client.mailbox(&mailbox).await.unwrap();
    assert_eq!(seen["connection"]["state"], "unreachable");
    server.is_honest();
    server.deliver("From: a@b.example\r\nSubject: canary-subject\r\n\r\nhello\r\n", world.clock.now().await);
    server.change(|folders| folders.push(Folder::new("&j,dg0TDhMPww6w-")));

    let job = tested(&world, &mailbox).await;
    assert_eq!(outcome(&job), "warning", "{job}");
    let folders = step(&job, "folders");
    assert_eq!((&folders["code"], &folders["facts"]["junk"]), (&json!("no_sent_folder"), &json!("迷惑メール")));
    assert!(folders["advice"].as_str().unwrap().contains("takeover is found later"), "{folders}");
    assert_eq!(step(&job, "sent_copies")["code"], "nothing_to_see");
    assert_eq!(step(&job, "newest_mail")["facts"]["messages"], 1);
    world.drain().await.unwrap();
    assert_eq!(world.client.mailbox(&mailbox).await.unwrap()["connection"]["state"], "connected");
    assert!(!job.to_string().contains("canary"), "nothing of a message is told");
    let log = world.worker().unwrap().output();
    assert!(!log.contains("canary"), "{log}");
    let commands = server.commands();
    assert!(commands.iter().all(|command| !command.starts_with("SELECT")), "{commands:?}");
    assert_eq!(server.most_at_once(), 1);
}

#[tokio::test]
async fn a_server_that_counts_for_its_own_is_given_no_second_session_and_a_dead_workers_test_goes_on() {
    let mut world = World::start().await.unwrap();
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let server = ScriptedImap::start(&world.servers.authority).await.unwrap();
    let mailbox = onboarded(&world, &tenant, "held", HOST, server.port, "implicit").await;
    world.drain().await.unwrap();
    // Whoever lists folders hears nothing more: his worker is killed meanwhile.
    let (told, mut listing) = tokio::sync::mpsc::unbounded_channel();
    server.answers(move |_, command| {
        command.starts_with("LIST").then(|| {
            let _ = told.send(());
            Reply::say("")
        })
    });
    let id = asked(&world, &mailbox).await;
    listing.recv().await.unwrap();
    assert_eq!(job(&world, &id).await["state"], "running");
    // Somebody is impatient: nobody begins a second session.
    world.client.poll_now(&mailbox).await.unwrap();
    world.kill_worker().unwrap();
    server.is_honest();
    world.start_worker().await.unwrap();
    world.clock.advance(TimeDelta::seconds(61)).await.unwrap();
    let job = world.job_ended(&id).await.unwrap();
    assert_eq!((&job["state"], &job["failure"]), (&json!("done"), &Value::Null), "{job}");
    assert_eq!(step(&job, "inbox")["outcome"], "ok", "{job}");
    assert_eq!(server.most_at_once(), 1);
    world.drain().await.unwrap();
    assert_eq!(world.number("select count(*) from in_hand").await.unwrap(), 0, "no death is laid to the mailbox");
}

#[tokio::test]
async fn a_test_that_three_workers_died_of_ends_and_the_mailbox_is_read_on() {
    let mut world = World::start().await.unwrap();
    let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let server = ScriptedImap::start(&world.servers.authority).await.unwrap();
    let mailbox = onboarded(&world, &tenant, "deadly", HOST, server.port, "implicit").await;
    world.drain().await.unwrap();
    world.client.post(&format!("/v1/mailboxes/{mailbox}/pause"), &json!({})).await.unwrap();
    let (told, mut listing) = tokio::sync::mpsc::unbounded_channel();
    server.answers(move |_, command| {
        command.starts_with("LIST").then(|| {
            let _ = told.send(());
            Reply::say("")
        })
    });
    let id = asked(&world, &mailbox).await;
    for _ in 0..3 {
        listing.recv().await.unwrap();
        world.kill_worker().unwrap();
        world.clock.advance(TimeDelta::seconds(61)).await.unwrap();
        world.start_worker().await.unwrap();
    }
    let job = world.job_ended(&id).await.unwrap();
    assert_eq!((&job["state"], &job["failure"]), (&json!("failed"), &json!("crashed")), "{job}");
    assert!(job["advice"].as_str().unwrap().contains("Tell the operator"), "{job}");
    assert!(listing.try_recv().is_err(), "nobody tried a fourth time");
    server.is_honest();
    world.client.post(&format!("/v1/mailboxes/{mailbox}/resume"), &json!({})).await.unwrap();
    world.drain().await.unwrap();
    assert_eq!(world.client.mailbox(&mailbox).await.unwrap()["connection"]["state"], "connected");
    let job = tested(&world, &mailbox).await;
    assert_eq!(step(&job, "inbox")["outcome"], "ok", "and it can be tested again: {job}");
}

/// A mailbox with a credential at a Dovecot that believes the identity provider.
struct WithTokens {
    world: World,
    identity: Identity,
    dovecot: Dovecot,
    tenant: String,
    domain: String,
    _place: Place,
}

impl WithTokens {
    async fn start() -> Self {
        let world = World::start().await.unwrap();
        let domain = format!("{}.example", world.tag);
        let authority = &world.servers.authority;
        let identity = Identity::start(authority, &format!("application@{domain}")).await.unwrap();
        let place = Place::temporary().unwrap();
        let url = identity.introspection_url();
        let introspection = Some(Introspection { url: &url, in_common: "%d" });
        let dovecot = Dovecot::start_with(&place, authority, Setup { introspection, ..Setup::default() }).unwrap();
        let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
        Self { world, identity, dovecot, tenant, domain, _place: place }
    }

    async fn mailbox(&self, address: &str) -> String {
        self.dovecot.at().add_user(address, "nobody knows it").unwrap();
        let body = json!({
            "tenant_id": self.tenant, "name": "Mail", "kind": "oauth2_client_credentials", "imap_host": HOST,
            "client_id": "daimon", "client_secret": CLIENT_SECRET, "token_url": self.identity.token_url()
        });
        let credential = self.world.client.post("/v1/credentials", &body).await.unwrap().text("id").unwrap();
        let body = json!({
            "tenant_id": self.tenant, "address": address, "credential_id": credential,
            "imap": { "host": HOST, "port": self.dovecot.at().imaps }
        });
        self.world.client.post("/v1/mailboxes", &body).await.unwrap().text("id").unwrap()
    }
}

#[tokio::test]
async fn what_the_identity_provider_refuses_is_named_by_its_number_and_mended_consent_is_found_by_the_test() {
    let story = WithTokens::start().await;
    let world = &story.world;
    let refusal = |error: &str, code: u32| {
        let body = json!({ "error": error, "error_description": "as told", "error_codes": [code] });
        Scripted { status: 401, retry_after: None, body }
    };
    story.identity.say([refusal("unauthorized_client", 700_016)]);
    let mailbox = story.mailbox(&format!("clerk@{}", story.domain)).await;
    world.drain().await.unwrap();
    let seen = world.client.mailbox(&mailbox).await.unwrap();
    assert_eq!(seen["connection"]["fault"], "grant_refused", "{seen}");

    story.identity.say([refusal("invalid_client", 7_000_222)]);
    let job = tested(world, &mailbox).await;
    assert!(is(&failure(&job), "token", "token_invalid_client"), "{job}");
    let token = step(&job, "token");
    assert_eq!((&token["facts"]["provider_code"], &token["fault"]), (&json!(7_000_222), &json!("grant_refused")));
    assert!(token["sentence"].as_str().unwrap().contains("AADSTS7000222"), "{token}");
    assert!(token["advice"].as_str().unwrap().contains("client secret has expired"), "{token}");
    let asked_for = story.identity.asked().len();
    assert_eq!(asked_for, 2, "the provider is asked again, once");

    // An administrator has done his part meanwhile.
    let job = tested(world, &mailbox).await;
    assert_eq!(step(&job, "sign_in")["outcome"], "ok", "{job}");
    assert_ne!(outcome(&job), "failed", "{job}");
    world.drain().await.unwrap();
    assert_eq!(world.client.mailbox(&mailbox).await.unwrap()["connection"]["state"], "connected");
    let log = format!("{}{job}", world.worker().unwrap().output());
    assert!(!log.contains("canary-"), "a secret in a log or an answer");

    // The provider throttles: it is left alone, whoever asks.
    story.identity.end_tokens();
    story.identity.say([Scripted::later(429, 600)]);
    world.pass(TimeDelta::minutes(61)).await.unwrap();
    let known = story.identity.asked().len();
    let job = tested(world, &mailbox).await;
    assert!(is(&failure(&job), "token", "token_busy"), "{job}");
    assert_eq!(story.identity.asked().len(), known);
}

#[tokio::test]
async fn a_token_that_is_not_for_this_mailbox_is_told_from_one_that_nobody_gives() {
    let story = WithTokens::start().await;
    let world = &story.world;
    let stranger = story.mailbox(&format!("clerk@elsewhere-{}", story.domain)).await;
    world.drain().await.unwrap();
    let job = tested(world, &stranger).await;
    assert_eq!(step(&job, "token")["code"], "token_given", "{job}");
    assert!(is(&failure(&job), "sign_in", "token_not_let_in"), "{job}");
    assert_eq!(step(&job, "sign_in")["fault"], "access_refused");
    assert_eq!(story.identity.asked().len(), 2, "a fresh token was tried too");
    let seen = world.client.mailbox(&stranger).await.unwrap();
    assert_eq!(seen["connection"]["state"], "unreachable", "nobody is locked for it");
}
