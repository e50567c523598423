//! What is deleted is gone: at once where there is little, by a job where there is much, and of a tenant nothing is found afterwards but
//! its ids.

use chrono::TimeDelta;
use daimon_tests::life::Person;
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// More bounces of what has bounced already: as many as no request deletes.
const MANY: &str = "insert into bounce (msp_id, bounce_id, tenant_id, mailbox_id, folder, uid_validity, uid, received_at, kind, reason,
        permanence, fault, action, rule, recipient_hash, recipient_domain, observation, incident_id)
    select msp_id, overlay(bounce_id::text placing lpad(to_hex(number), 12, '0') from 25)::uuid, tenant_id, mailbox_id, folder,
        uid_validity, uid, received_at, kind, reason, permanence, fault, action, rule, recipient_hash, recipient_domain, '{}', incident_id
    from (select * from bounce limit 1) as one, generate_series(1, 6000) as number";

/// Deletes what is at a path; status and body.
async fn delete(world: &World, path: &str) -> (u16, Value) {
    let etag = world.client.get(path).await.unwrap().etag;
    let answer = world.client.request(Method::DELETE, path, etag.as_deref(), None).await.unwrap();
    (answer.status, answer.body)
}

async fn status(world: &World, path: &str) -> u16 {
    world.client.request(Method::GET, path, None, None).await.unwrap().status
}

/// A mailbox on a server that is nowhere.
async fn world_mailbox(world: &World, tenant: &str) -> String {
    let address = format!("canary-two@{}.example", world.tag);
    world.client.create_mailbox(tenant, &address, "secret", "mail.canary.example", 993).await.unwrap()
}

/// A company with a name that is found wherever it stands, and its mailbox with two bounces.
struct Company {
    world: World,
    tenant: String,
    mailbox: String,
}

impl Company {
    async fn start(name: &str) -> Self {
        let world = World::start().await.unwrap();
        let servers = world.servers;
        let person = Person::with_account(servers, &format!("{name}@{}.example", world.tag), "secret").unwrap();
        person.mistyped(servers, 2, world.clock.now().await - TimeDelta::hours(2)).await.unwrap();
        let mailbox = person.onboarded(&world.client, servers).await.unwrap();
        world.drain().await.unwrap();
        assert_eq!(world.client.bounces(&mailbox).await.unwrap().len(), 2);
        let tenant = text(&world.client.mailbox(&mailbox).await.unwrap(), "/tenant_id").to_owned();
        Self { world, tenant, mailbox }
    }

    /// Of the company's things, how many rows there are in all tables but those that outlive it. They name it by its id alone; an answer that
    /// is kept for a day is sealed.
    async fn rows(&self) -> Vec<(String, i64)> {
        let left = self.world.rows_with(&self.tenant).await.unwrap();
        left.into_iter()
            .filter(|(table, _)| !["audit_entry", "watched", "job", "idempotency"].contains(&table.as_str()))
            .collect()
    }
}

#[tokio::test]
async fn of_a_tenant_with_much_its_key_goes_at_once_and_a_job_deletes_the_rest() {
    let mut company = Company::start("canary").await;
    company.world.sql(MANY).await.unwrap();
    let path = format!("/v1/tenants/{}", company.tenant);
    let mailbox = format!("/v1/mailboxes/{}", company.mailbox);
    // What is told of the whole day names the company, in an event that is nobody's; and people write its name where they like.
    let dead = world_mailbox(&company.world, &company.tenant).await;
    let client = &company.world.client;
    let window = json!({ "tenant_id": company.tenant, "ends_at": company.world.clock.now().await + TimeDelta::days(2), "reason": "Canary moves" });
    client.post("/v1/maintenance-windows", &window).await.unwrap();
    let digest = json!({ "hour": 7, "time_zone": "UTC" });
    assert_eq!(client.request(Method::PUT, "/v1/digest", None, Some(&digest)).await.unwrap().status, 200);
    company.world.pass(TimeDelta::hours(25)).await.unwrap();
    let told = "select count(*) from event where type = 'digest.daily' and body like '%canary-two@%'";
    assert_eq!(company.world.number(told).await.unwrap(), 1);
    let reference = json!({ "name": "Canary Dental", "external_refs": { "halopsa": "canary-4711" } });
    let etag = company.world.client.get(&path).await.unwrap().etag;
    let changed = company.world.client.request(Method::PATCH, &path, etag.as_deref(), Some(&reference)).await.unwrap();
    assert_eq!(changed.status, 200, "{}", changed.body);
    let credential = json!({ "tenant_id": company.tenant, "name": "Canary mail", "kind": "microsoft_client_credentials",
        "directory_id": "canary.example", "client_id": "c1", "client_secret": "s1" });
    let credential = company.world.client.post("/v1/credentials", &credential).await.unwrap().body;
    let credential = format!("/v1/credentials/{}", text(&credential, "/id"));
    company.world.stop_worker().unwrap();

    let read = company.world.client.get(&path).await.unwrap().etag;
    let asked = || company.world.client.request(Method::DELETE, &path, read.as_deref(), None);
    let (one, other) = tokio::join!(asked(), asked());
    let (one, other) = (one.unwrap(), other.unwrap());
    let (accepted, job) = (one.status, one.body);
    assert_eq!((accepted, text(&job, "/kind"), &job["mailbox_id"]), (202, "deletion", &Value::Null), "{job}");
    assert_eq!((other.status, &other.body["id"]), (202, &job["id"]), "two at once are given one job: {}", other.body);
    let lost = company.world.client.request(Method::DELETE, &path, read.as_deref(), None).await.unwrap();
    assert_eq!(
        (lost.status, &lost.body["id"]),
        (202, &job["id"]),
        "whoever lost the answer asks the same again: {}",
        lost.body
    );
    let keys = "select count(*) from tenant where octet_length(data_key) > 0";
    let passwords = "select count(*) from mailbox where octet_length(sealed_secret) > 0 or polling <> 'deleting'";
    let world = &company.world;
    assert_eq!((world.number(keys).await.unwrap(), world.number(passwords).await.unwrap()), (0, 0));
    assert_eq!(world.client.get(&path).await.unwrap().body["deleting"], true);
    assert_eq!(text(&world.client.get(&mailbox).await.unwrap().body, "/polling"), "deleting");
    let (tenant_id, mailbox_id) = (&company.tenant, &company.mailbox);
    let imap = json!({ "host": "mail.canary.example", "port": 993, "tls": "implicit" });
    let in_two_days = world.clock.now().await + TimeDelta::days(2);
    for (method, at, body) in [
        (Method::POST, format!("{mailbox}/pause"), Value::Null),
        (Method::POST, format!("{mailbox}/resume"), Value::Null),
        (Method::POST, format!("{mailbox}/poll-now"), Value::Null),
        (Method::POST, format!("{mailbox}/test-connection"), Value::Null),
        (Method::PUT, format!("{mailbox}/credential"), json!({ "password": "another" })),
        (Method::PATCH, mailbox.clone(), json!({ "poll_interval_s": 300 })),
        (Method::PATCH, path.clone(), json!({ "name": "Canary" })),
        (
            Method::PUT,
            credential.clone(),
            json!({ "name": "Mail", "directory_id": "canary.example", "client_id": "c1", "client_secret": "s2" }),
        ),
        (Method::POST, "/v1/drills".to_owned(), json!({ "mailbox_id": mailbox_id, "episode": "takeover" })),
        (
            Method::POST,
            "/v1/campaigns".to_owned(),
            json!({ "tenant_id": tenant_id, "name": "News", "subject": "News of May" }),
        ),
        (
            Method::POST,
            "/v1/maintenance-windows".to_owned(),
            json!({ "tenant_id": tenant_id, "ends_at": in_two_days, "reason": "Move" }),
        ),
        (
            Method::POST,
            "/v1/mailboxes".to_owned(),
            json!({ "tenant_id": tenant_id, "address": "new@canary.example", "password": "secret", "imap": imap }),
        ),
        (
            Method::POST,
            "/v1/credentials".to_owned(),
            json!({ "tenant_id": tenant_id, "name": "Mail", "kind": "microsoft_client_credentials", "directory_id": "canary.example",
                "client_id": "c1", "client_secret": "s1" }),
        ),
    ] {
        let of = [&mailbox, &credential].into_iter().find(|one| at.starts_with(one.as_str())).unwrap_or(&path);
        let etag = world.client.get(of).await.unwrap().etag;
        let etag = etag.filter(|_| method != Method::POST);
        let body = Some(&body).filter(|body| !body.is_null());
        let answer = world.client.request(method.clone(), &at, etag.as_deref(), body).await.unwrap();
        assert!(
            answer.status == 409 && text(&answer.body, "/detail").contains("being deleted"),
            "{method} {at}: {}",
            answer.body
        );
    }
    let bulk = json!({ "action": "pause", "mailbox_ids": [mailbox_id, dead] });
    let bulk = world.client.post("/v1/mailboxes/bulk", &bulk).await.unwrap().body;
    assert_eq!(text(&bulk, "/results/0/outcome"), "deleting", "{bulk}");
    let again = json!({ "companies": [{ "name": "Canary Dental" }] });
    let again = world.client.request(Method::POST, "/v1/tenants/onboard", None, Some(&again)).await.unwrap();
    assert!(again.status < 400, "another one of that name is another one: {}", again.body);
    let (again, same) = delete(world, &path).await;
    assert_eq!((again, &same["id"]), (202, &job["id"]), "it goes on already");

    company.world.start_worker().await.unwrap();
    let world = &company.world;
    let ended = world.job_ended(text(&job, "/id")).await.unwrap();
    assert_eq!(text(&ended, "/state"), "done", "{ended}");
    assert_eq!((status(world, &path).await, status(world, &mailbox).await), (404, 404));
    assert_eq!(company.rows().await, []);
    // What a server bears is counted for all providers, and forgotten a day or two after anybody has signed in there.
    world.pass(TimeDelta::days(3)).await.unwrap();
    let dump = world.dump().await.unwrap();
    for canary in ["canary-4711", "canary@", "canary-two@", "Canary moves", "mail.canary.example"] {
        assert!(!dump.contains(canary), "{canary} is found");
    }
    let redis = world.redis_keys().await.unwrap();
    let hexadecimal = company.tenant.trim_start_matches("tnt_");
    assert!(redis.iter().all(|key| !key.replace('-', "").contains(hexadecimal)), "{redis:?}");
    let audit = world.client.get("/v1/audit-entries?limit=200").await.unwrap().items();
    let actions: Vec<_> = audit.iter().map(|entry| text(entry, "/action")).collect();
    let told = |what: &str| actions.iter().filter(|action| **action == what).count();
    assert_eq!((told("tenant.deletion_requested"), told("tenant.deleted")), (1, 1), "{actions:?}");
}

#[tokio::test]
async fn a_worker_that_dies_while_a_mailbox_is_deleted_leaves_the_rest_to_another() {
    let mut company = Company::start("much").await;
    company.world.sql(MANY).await.unwrap();
    let path = format!("/v1/mailboxes/{}", company.mailbox);
    company.world.stop_worker().unwrap();
    let (accepted, job) = delete(&company.world, &path).await;
    assert_eq!((accepted, text(&job, "/mailbox_id")), (202, company.mailbox.as_str()), "{job}");
    // As if one had died after the first thousands.
    company
        .world
        .sql(
            "delete from bounce where bounce_id in (select bounce_id from bounce limit 2500);
            update job set state = 'running', attempt = 1, lease_token = gen_random_uuid(), lease_until = created_at + interval '60 seconds'",
        )
        .await
        .unwrap();
    company.world.start_worker().await.unwrap();
    company.world.clock.advance(TimeDelta::seconds(61)).await.unwrap();
    let ended = company.world.job_ended(text(&job, "/id")).await.unwrap();
    assert_eq!(text(&ended, "/state"), "done", "{ended}");
    assert_eq!(status(&company.world, &path).await, 404);
    assert_eq!(company.world.number("select count(*) from bounce").await.unwrap(), 0);
    let tenant = format!("/v1/tenants/{}", company.tenant);
    assert_eq!(status(&company.world, &tenant).await, 200, "its company is still there");
    let (gone, _) = delete(&company.world, &tenant).await;
    assert_eq!((gone, company.rows().await), (204, vec![]), "that has little");
}

#[tokio::test]
async fn many_mailboxes_are_deleted_in_one_request_and_those_with_much_by_jobs() {
    let company = Company::start("bulk").await;
    company.world.sql(MANY).await.unwrap();
    let world = &company.world;
    let little = world.client.create_mailbox(&company.tenant, "b@bulk.example", "secret", "mail.bulk.example", 993);
    let little = little.await.unwrap();
    let bulk = json!({ "action": "delete", "mailbox_ids": [company.mailbox, little] });
    let answer = world.client.post("/v1/mailboxes/bulk", &bulk).await.unwrap().body;
    let outcomes: Vec<_> = answer["results"].as_array().unwrap().iter().map(|one| text(one, "/outcome")).collect();
    assert_eq!(outcomes, ["deleting", "done"], "{answer}");
    assert_eq!((&answer["done"], &answer["not_found"]), (&json!(1), &json!(0)), "{answer}");
    let jobs = world.client.get("/v1/jobs").await.unwrap().items();
    let job = jobs.iter().find(|job| text(job, "/kind") == "deletion").unwrap();
    world.job_ended(text(job, "/id")).await.unwrap();
    assert_eq!(world.client.get("/v1/mailboxes").await.unwrap().items().len(), 0);
    assert_eq!(world.number("select count(*) from bounce").await.unwrap(), 0);
}
