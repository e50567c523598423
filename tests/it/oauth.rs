//! Mailboxes that sign in with OAuth 2: one credential, one access token, one request for it at a time.

use chrono::TimeDelta;
use daimon_tests::client::Answer;
use daimon_tests::dovecot::{Dovecot, Introspection, Setup};
use daimon_tests::identity::{CLIENT_SECRET, Identity, REFRESH_TOKEN, Scripted};
use daimon_tests::place::Place;
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

const SERVER: &str = "mail.sakura-dental.example";

/// A world with an identity provider, a Dovecot that believes it, and a tenant.
struct Story {
    world: World,
    identity: Identity,
    dovecot: Dovecot,
    tenant: String,
    domain: String,
    _place: Place,
}

impl Story {
    /// Tokens that name no mailbox are for all of a domain.
    async fn start() -> Self {
        Self::start_with("%d").await
    }

    async fn start_with(in_common: &str) -> Self {
        let world = World::start().await.unwrap();
        let domain = format!("{}.example", world.tag);
        let authority = &world.servers.authority;
        let identity = Identity::start(authority, &format!("application@{domain}")).await.unwrap();
        let place = Place::temporary().unwrap();
        let url = identity.introspection_url();
        let introspection = Some(Introspection { url: &url, in_common });
        let dovecot = Dovecot::start_with(&place, authority, Setup { introspection, ..Setup::default() }).unwrap();
        let tenant = world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
        Self { world, identity, dovecot, tenant, domain, _place: place }
    }

    /// A credential of an application.
    async fn application(&self) -> String {
        let body = json!({
            "tenant_id": self.tenant, "name": "Mail", "kind": "oauth2_client_credentials", "imap_host": SERVER,
            "client_id": "daimon", "client_secret": CLIENT_SECRET, "token_url": self.identity.token_url(), "scope": "imap"
        });
        self.world.client.post("/v1/credentials", &body).await.unwrap().text("id").unwrap()
    }

    /// A credential of a user's consent.
    async fn consent(&self) -> String {
        let body = json!({
            "tenant_id": self.tenant, "name": "Mail", "kind": "oauth2_refresh_token", "imap_host": SERVER,
            "client_id": "daimon", "client_secret": CLIENT_SECRET, "token_url": self.identity.token_url(),
            "refresh_token": REFRESH_TOKEN
        });
        self.world.client.post("/v1/credentials", &body).await.unwrap().text("id").unwrap()
    }

    /// A mailbox that signs in with it; its id.
    async fn mailbox(&self, credential: &str, name: &str) -> String {
        self.mailbox_at(credential, &format!("{name}@{}", self.domain), SERVER).await
    }

    async fn mailbox_at(&self, credential: &str, address: &str, server: &str) -> String {
        self.dovecot.at().add_user(address, "nobody knows it").unwrap();
        let body = json!({
            "tenant_id": self.tenant, "address": address, "credential_id": credential,
            "imap": { "host": server, "port": self.dovecot.at().imaps }
        });
        self.world.client.post("/v1/mailboxes", &body).await.unwrap().text("id").unwrap()
    }

    async fn pass(&self, seconds: i64) {
        self.world.pass(TimeDelta::seconds(seconds)).await.unwrap();
    }

    /// Whoever waits for somebody else's request has a token some seconds later.
    async fn settle(&self) {
        self.world.drain().await.unwrap();
        for _ in 0..3 {
            self.pass(3).await;
        }
    }

    async fn connection(&self, mailbox: &str) -> (String, Value) {
        let shown = self.world.client.mailbox(mailbox).await.unwrap();
        let state = shown.pointer("/connection/state").and_then(Value::as_str).unwrap().to_owned();
        (state, shown.pointer("/connection/fault").unwrap().clone())
    }

    async fn shown(&self, credential: &str) -> Answer {
        self.world.client.get(&format!("/v1/credentials/{credential}")).await.unwrap()
    }

    /// How many mailboxes of a credential are as they should be.
    async fn connected(&self, credential: &str) -> usize {
        let list = format!("/v1/mailboxes?credential_id={credential}&limit=200");
        let all = self.world.client.get(&list).await.unwrap().items();
        let is_connected = |one: &&Value| one.pointer("/connection/state").is_some_and(|state| state == "connected");
        all.iter().filter(is_connected).count()
    }

    async fn replace(&self, credential: &str, body: &Value) -> Answer {
        let path = format!("/v1/credentials/{credential}");
        let etag = self.shown(credential).await.etag;
        self.world.client.request(Method::PUT, &path, etag.as_deref(), Some(body)).await.unwrap()
    }
}

const CONNECTED: (&str, Value) = ("connected", Value::Null);

fn is(connection: &(String, Value), wanted: (&str, &str)) -> bool {
    (connection.0.as_str(), connection.1.as_str().unwrap_or_default()) == wanted
}

#[tokio::test]
async fn an_expiring_token_of_a_hundred_mailboxes_is_replaced_by_one_request() {
    let story = Story::start().await;
    let credential = story.application().await;
    for number in 0..100 {
        story.mailbox(&credential, &format!("clerk{number}")).await;
    }
    story.settle().await;
    assert_eq!((story.identity.asked().len(), story.connected(&credential).await), (1, 100));
    let first = story.shown(&credential).await;
    assert_eq!((&first.body["mailboxes"], &first.body["condition"]["state"]), (&json!(100), &json!("ready")));
    let asked = &story.identity.asked()[0];
    assert_eq!((asked["grant_type"].as_str(), asked["scope"].as_str()), ("client_credentials", "imap"));

    // Minutes before it runs out another one is asked for; nobody waits for it.
    story.pass(56 * 60).await;
    assert_eq!(story.identity.asked().len(), 2);
    // Nobody looked for an hour: all find it run out at once.
    story.identity.end_tokens();
    story.pass(61 * 60).await;
    story.settle().await;
    assert_eq!((story.identity.asked().len(), story.connected(&credential).await), (3, 100));
    assert_eq!(story.dovecot.at().refusals().unwrap(), 0, "no sign-in was in vain");
    assert!(story.dovecot.at().let_in_by("OAUTHBEARER", &format!("clerk99@{}", story.domain)).unwrap() >= 3);

    let log = format!("{}{}", story.world.api().output(), story.world.worker().unwrap().output());
    assert!(!log.contains("canary-"), "a secret in a log");
    let answers =
        format!("{}{}", first.body, story.world.client.get("/v1/audit-entries?limit=200").await.unwrap().body);
    assert!(!answers.contains("canary-"), "a secret in an answer");
    let in_clear = "select count(*) from (
            select sealed_token as sealed from access_token union all select sealed_secret from credential
        ) as all_of_them where position('canary-'::bytea in sealed) > 0";
    assert_eq!(story.world.number(in_clear).await.unwrap(), 0, "a secret at rest");
}

#[tokio::test]
async fn a_session_that_waits_for_new_mail_ends_with_its_token_and_another_one_begins() {
    let story = Story::start().await;
    story.identity.gives_for(120);
    let credential = story.application().await;
    let address = format!("clerk@{}", story.domain);
    story.dovecot.at().add_user(&address, "nobody knows it").unwrap();
    let body = json!({
        "tenant_id": story.tenant, "address": address, "credential_id": credential, "new_mail": "idle",
        "imap": { "host": SERVER, "port": story.dovecot.at().imaps }
    });
    let mailbox = story.world.client.post("/v1/mailboxes", &body).await.unwrap().text("id").unwrap();
    let let_in = || story.dovecot.at().let_in_by("OAUTHBEARER", &address).unwrap();
    let idles = async || {
        let shown = story.world.client.mailbox(&mailbox).await.unwrap();
        shown.pointer("/idle/state").is_some_and(|state| state == "idling")
    };
    story.settle().await;
    assert!(idles().await);
    assert_eq!((story.identity.asked().len(), let_in()), (1, 1));
    for _ in 0..130 {
        story.pass(1).await;
        if let_in() == 2 {
            break;
        }
    }
    story.settle().await;
    assert!(idles().await);
    assert_eq!((story.identity.asked().len(), let_in(), story.dovecot.at().refusals().unwrap()), (2, 2, 0));
}

#[tokio::test]
async fn tokens_that_the_provider_ends_before_their_time_are_replaced_once_and_count_as_no_refused_password() {
    let mut story = Story::start().await;
    let credential = story.application().await;
    for number in 0..10 {
        story.mailbox(&credential, &format!("clerk{number}")).await;
    }
    story.settle().await;
    // The master key is rotated meanwhile.
    story.world.stop_worker().unwrap();
    let is_file = |(name, _): &&(String, String)| name == "DAIMON_MASTER_KEY_FILE";
    let file = story.world.settings.iter().find(is_file).unwrap().1.clone();
    let older = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{}\n{older}", "7".repeat(64))).unwrap();
    story.world.start_worker().await.unwrap();

    story.identity.end_tokens();
    story.pass(10 * 60).await;
    story.settle().await;
    assert_eq!((story.identity.asked().len(), story.connected(&credential).await), (2, 10));
    assert!((1..=10).contains(&story.dovecot.at().refusals().unwrap()), "each finds out at most once");
    assert_eq!(story.world.number("select count(*) from mailbox where connection_failures > 0").await.unwrap(), 0);
}

#[tokio::test]
async fn two_workers_never_show_a_refresh_token_twice() {
    let story = Story::start().await;
    let second = daimon_tests::program::Program::start("daimon-worker", &["run"], &story.world.settings);
    let second = second.await.unwrap();
    let credential = story.consent().await;
    for number in 0..20 {
        story.mailbox(&credential, &format!("clerk{number}")).await;
    }
    story.settle().await;
    for round in 2..=5 {
        let known = story.identity.asked().len();
        story.identity.shut();
        story.identity.end_tokens();
        // Both workers have twenty mailboxes to read while the provider thinks.
        let held = async {
            story.identity.wait_for_more_than(known).await;
            story.identity.open();
        };
        tokio::join!(story.pass(61 * 60), held);
        story.settle().await;
        assert_eq!(story.identity.asked().len(), round, "one request for each token");
        assert_eq!(story.connected(&credential).await, 20);
    }
    assert_eq!(story.identity.reused(), 0);
    let shown: Vec<String> = story.identity.asked().iter().map(|asked| asked["refresh_token"].clone()).collect();
    assert_eq!(shown[..2], [REFRESH_TOKEN.to_owned(), "canary-refresh-1001".to_owned()], "each is asked with the last");
    second.stop().unwrap();
}

#[tokio::test]
async fn a_worker_that_dies_while_it_asks_is_followed_by_another_a_minute_later() {
    let mut story = Story::start().await;
    let credential = story.application().await;
    let mailbox = story.mailbox(&credential, "clerk").await;
    story.identity.shut();
    story.identity.wait_for_more_than(0).await;
    story.world.kill_worker().unwrap();
    story.identity.open();
    story.world.start_worker().await.unwrap();
    story.pass(61).await;
    story.settle().await;
    assert_eq!(story.identity.asked().len(), 2);
    assert_eq!(story.connection(&mailbox).await.0, CONNECTED.0);
}

#[tokio::test]
async fn a_provider_that_throttles_has_refused_nobody() {
    let story = Story::start().await;
    let credential = story.consent().await;
    let mailbox = story.mailbox(&credential, "clerk").await;
    story.identity.say([Scripted::later(429, 120), Scripted::later(503, 300)]);
    story.world.drain().await.unwrap();
    assert!(is(&story.connection(&mailbox).await, ("unreachable", "token_unavailable")));
    let shown = story.shown(&credential).await.body;
    let condition = &shown["condition"];
    assert_eq!((&condition["state"], &condition["fault"]), (&json!("cooling_down"), &json!("busy")));
    story.pass(100).await;
    story.world.client.poll_now(&mailbox).await.unwrap();
    story.world.drain().await.unwrap();
    assert_eq!(story.identity.asked().len(), 1, "as long as it wants to be left alone");
    story.pass(30).await;
    assert_eq!(story.identity.asked().len(), 2);
    story.pass(200).await;
    assert_eq!(story.identity.asked().len(), 2);
    story.pass(200).await;
    assert_eq!(story.identity.asked().len(), 3);
    assert_eq!(story.connection(&mailbox).await.0, CONNECTED.0);
    assert_eq!(story.shown(&credential).await.body["condition"]["state"], "ready");
    assert_eq!(story.dovecot.at().refusals().unwrap(), 0);
}

#[tokio::test]
async fn a_revoked_consent_is_asked_for_no_more_and_shown_until_there_is_another() {
    let story = Story::start().await;
    let client = &story.world.client;
    let credential = story.consent().await;
    let mailbox = story.mailbox(&credential, "clerk").await;
    let other = story.mailbox(&credential, "nurse").await;
    story.settle().await;
    story.identity.revoke();
    story.identity.end_tokens();
    story.pass(61 * 60).await;
    story.settle().await;
    let known = story.identity.asked().len();
    for mailbox in [&mailbox, &other] {
        assert!(is(&story.connection(mailbox).await, ("credential_refused", "grant_refused")));
    }
    let shown = client.mailbox(&mailbox).await.unwrap();
    let advice = shown["connection"]["advice"].as_str().unwrap();
    assert!(advice.contains("Read the credential"), "{advice}");
    let condition = story.shown(&credential).await.body["condition"].clone();
    assert_eq!((&condition["state"], &condition["fault"]), (&json!("refused"), &json!("invalid_grant")));
    assert!(condition["advice"].as_str().unwrap().contains("consent again"));
    let told = client.events().await.unwrap();
    let told = told.iter().filter(|event| event["type"] == "mailbox.credential_refused");
    assert_eq!(told.filter(|event| event["body"]["data"]["code"] == "grant_refused").count(), 2);

    story.pass(24 * 60 * 60).await;
    client.poll_now(&mailbox).await.unwrap();
    story.world.drain().await.unwrap();
    assert_eq!(story.identity.asked().len(), known, "nobody is asked any more");
    // Trying once more is a person's decision, and changes nothing here.
    client.post(&format!("/v1/credentials/{credential}/retry"), &json!({})).await.unwrap();
    story.settle().await;
    assert_eq!(story.identity.asked().len(), known + 1);
    assert!(is(&story.connection(&mailbox).await, ("credential_refused", "grant_refused")));

    let anew = json!({
        "name": "Mail", "client_id": "daimon", "client_secret": CLIENT_SECRET, "token_url": story.identity.token_url(),
        "refresh_token": story.identity.consent_again()
    });
    let replaced = story.replace(&credential, &anew).await;
    assert_eq!((replaced.status, &replaced.body["condition"]["state"]), (200, &json!("new")), "{}", replaced.body);
    story.settle().await;
    assert_eq!(story.connected(&credential).await, 2);
}

#[tokio::test]
async fn a_mailbox_that_a_good_token_is_not_for_is_told_so_and_locks_nobody() {
    let story = Story::start().await;
    let credential = story.application().await;
    let mailbox = story.mailbox(&credential, "clerk").await;
    let stranger = story.mailbox_at(&credential, &format!("clerk@elsewhere-{}", story.domain), SERVER).await;
    story.settle().await;
    assert_eq!(story.connection(&mailbox).await.0, CONNECTED.0);
    assert!(is(&story.connection(&stranger).await, ("unreachable", "access_refused")));
    assert_eq!(story.dovecot.at().refusals().unwrap(), 1, "the token is new: another one would not be let in either");
    assert_eq!(story.identity.asked().len(), 1);
    for _ in 0..12 {
        story.pass(10 * 60).await;
    }
    let tried = story.dovecot.at().refusals().unwrap();
    assert!((4..=9).contains(&tried), "{tried}: seldom, and for ever");
    assert!(is(&story.connection(&stranger).await, ("unreachable", "access_refused")));
    assert_eq!(story.connection(&mailbox).await.0, CONNECTED.0);
}

#[tokio::test]
async fn a_service_account_has_a_token_for_each_mailbox_and_a_refusal_is_of_one_only() {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::signature::KeyPair as _;
    use base64::Engine as _;
    let story = Story::start_with("%u").await;
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let pem = base64::prelude::BASE64_STANDARD.encode(der.as_ref());
    let key = json!({
        "type": "service_account", "client_email": "daimon@sakura.iam.gserviceaccount.com", "client_id": "1034567890",
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n"),
        "token_uri": story.identity.google_token_url()
    });
    let users = ["clerk", "nurse"].map(|name| format!("{name}@{}", story.domain));
    story.identity.trust(pair.public_key().as_ref().to_vec(), &users);
    let body = json!({
        "tenant_id": story.tenant, "name": "Google", "kind": "google_service_account", "service_account_key": key.to_string()
    });
    let made = story.world.client.post("/v1/credentials", &body).await.unwrap();
    assert_eq!((&made.body["client_id"], &made.body["imap_host"]), (&json!("1034567890"), &json!("imap.gmail.com")));
    let credential = made.text("id").unwrap();
    let mut mailboxes = Vec::new();
    for name in ["clerk", "nurse", "gone"] {
        let address = format!("{name}@{}", story.domain);
        mailboxes.push(story.mailbox_at(&credential, &address, "imap.gmail.com").await);
    }
    story.settle().await;
    assert_eq!(story.identity.asked().len(), 3);
    assert_eq!(story.connected(&credential).await, 2);
    assert!(is(&story.connection(&mailboxes[2]).await, ("credential_refused", "grant_refused")));
    assert!(story.dovecot.at().let_in_by("XOAUTH2", &users[0]).unwrap() >= 1);
    story.identity.end_tokens();
    story.pass(61 * 60).await;
    story.settle().await;
    assert_eq!((story.identity.asked().len(), story.connected(&credential).await), (5, 2));

    // Another name is another token.
    story.identity.trust(pair.public_key().as_ref().to_vec(), &[format!("gone@{}", story.domain)]);
    let path = format!("/v1/mailboxes/{}", mailboxes[0]);
    let etag = story.world.client.get(&path).await.unwrap().etag;
    let change = json!({ "username": format!("gone@{}", story.domain) });
    let changed = story.world.client.request(Method::PATCH, &path, etag.as_deref(), Some(&change)).await.unwrap();
    assert_eq!(changed.status, 200);
    story.settle().await;
    assert_eq!(story.identity.asked().len(), 6);
    assert_eq!(story.connection(&mailboxes[0]).await.0, CONNECTED.0);
}

#[tokio::test]
async fn a_token_goes_to_its_own_server_and_a_credential_stays_with_its_tenant() {
    let story = Story::start().await;
    let client = &story.world.client;
    let credential = story.application().await;
    let elsewhere = client.create_tenant("Momiji Law Office").await.unwrap();
    let body = json!({
        "tenant_id": story.tenant, "address": format!("clerk@{}", story.domain), "credential_id": credential,
        "imap": { "host": SERVER, "port": story.dovecot.at().imaps }
    });
    let changed = |name: &str, value: Value| {
        let mut body = body.clone();
        body[name] = value;
        body
    };
    let port = story.dovecot.at().imaps;
    for (body, pointer) in [
        (changed("imap", json!({ "host": "imap.provider.example", "port": port })), "/imap/host"),
        (changed("tenant_id", json!(elsewhere)), "/credential_id"),
        (changed("credential_id", json!("crd_019ab1c2d3e47f508192a3b4c5d6e7f8")), "/credential_id"),
        (changed("password", json!("swordfish")), "/credential_id"),
    ] {
        let refused = client.request(Method::POST, "/v1/mailboxes", None, Some(&body)).await.unwrap();
        let at = refused.body["errors"][0]["pointer"].clone();
        assert_eq!((refused.status, at), (422, json!(pointer)), "{}", refused.body);
    }
    let mailbox = story.mailbox(&credential, "clerk").await;
    story.settle().await;
    assert_eq!(story.connection(&mailbox).await.0, CONNECTED.0);

    // Neither can the mailbox be led elsewhere afterwards, nor its credential be taken away under it.
    let path = format!("/v1/mailboxes/{mailbox}");
    let etag = client.get(&path).await.unwrap().etag;
    let lure = json!({ "credential_id": credential, "imap": { "host": "imap.provider.example", "port": port } });
    let put = format!("{path}/credential");
    let refused = client.request(Method::PUT, &put, etag.as_deref(), Some(&lure)).await.unwrap();
    assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (422, &json!("/imap/host")));
    let shown = story.shown(&credential).await;
    let at = format!("/v1/credentials/{credential}");
    let refused = client.request(Method::DELETE, &at, shown.etag.as_deref(), None).await.unwrap();
    assert_eq!(refused.status, 409, "{}", refused.body);

    // From the credential to a password and back.
    let password = json!({ "password": "nobody knows it" });
    let replaced = client.request(Method::PUT, &put, etag.as_deref(), Some(&password)).await.unwrap();
    assert_eq!((replaced.status, &replaced.body["credential_id"]), (200, &Value::Null), "{}", replaced.body);
    story.settle().await;
    assert_eq!(story.connection(&mailbox).await.0, CONNECTED.0);
    assert!(story.dovecot.at().let_in_by("PLAIN", &format!("clerk@{}", story.domain)).unwrap() >= 1);
    let back = json!({ "credential_id": credential });
    let replaced = client.request(Method::PUT, &put, replaced.etag.as_deref(), Some(&back)).await.unwrap();
    assert_eq!(replaced.body["credential_id"], json!(credential), "{}", replaced.body);
    client.replace_password(&mailbox, "nobody knows it").await.unwrap();
    let gone = client.request(Method::DELETE, &at, shown.etag.as_deref(), None).await.unwrap();
    assert_eq!(gone.status, 204, "{}", gone.body);
    let log = client.get("/v1/audit-entries?limit=200").await.unwrap().body.to_string();
    assert!(log.contains("credential.created") && log.contains("credential.deleted"));
}

#[tokio::test]
async fn the_consent_steps_name_the_ids_and_the_mailboxes_in_the_tenants_language() {
    let world = World::without_worker().await.unwrap();
    let client = &world.client;
    let body = json!({ "name": "さくら歯科", "language": "ja" });
    let tenant = client.post("/v1/tenants", &body).await.unwrap().text("id").unwrap();
    let body = json!({
        "tenant_id": tenant, "name": "Microsoft 365", "kind": "microsoft_client_credentials",
        "directory_id": "0f1e2d3c-4b5a-4697-8879-6a5b4c3d2e1f", "client_id": "1a2b3c4d-5e6f-4708-9192-a3b4c5d6e7f8",
        "client_secret": "s1"
    });
    let credential = client.post("/v1/credentials", &body).await.unwrap().text("id").unwrap();
    let body = json!({
        "tenant_id": tenant, "address": "o'brien@sakura.example", "credential_id": credential,
        "imap": { "host": "outlook.office365.com" }
    });
    client.post("/v1/mailboxes", &body).await.unwrap();
    let at = format!("/v1/credentials/{credential}/consent");
    let japanese = client.get(&at).await.unwrap().body;
    let english = client.get(&format!("{at}?language=en")).await.unwrap().body;
    assert_eq!((&japanese["language"], &english["language"]), (&json!("ja"), &json!("en")));
    let code = |body: &Value| -> String {
        body["steps"].as_array().unwrap().iter().filter_map(|step| step["code"].as_str()).collect()
    };
    assert_eq!(code(&japanese), code(&english));
    for part in [
        "New-ServicePrincipal -AppId '1a2b3c4d-5e6f-4708-9192-a3b4c5d6e7f8' -ObjectId $app.Id",
        "Add-MailboxPermission -Identity $_ -User $app.Id -AccessRights FullAccess",
        "'o''brien@sakura.example'",
        "-TenantId '0f1e2d3c-4b5a-4697-8879-6a5b4c3d2e1f'",
    ] {
        assert!(code(&english).contains(part), "{part} in {}", code(&english));
    }
    assert!(japanese["steps"][0]["text"].as_str().unwrap().contains("IMAP.AccessAsApp"));
}
