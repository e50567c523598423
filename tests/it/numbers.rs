//! What is counted, exported and billed is what is there, and nobody else's.

use chrono::TimeDelta;
use daimon_domain::event::EventType;
use daimon_tests::flood;
use daimon_tests::life::Person;
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

/// More than an export reads at a time.
const MANY: u32 = 620;

fn sum(counted: &Value) -> u64 {
    counted["counts"].as_array().unwrap().iter().filter_map(|one| one["bounces"].as_u64()).sum()
}

#[tokio::test]
async fn bounces_are_exported_to_the_end_and_counted_the_same() {
    let world = World::start().await.unwrap();
    let (client, servers, now) = (&world.client, world.servers, world.clock.now().await);
    let sato = Person::with_account(servers, &format!("numbers@{}.example", world.tag), "Sakura2019").unwrap();
    let folder = servers.folder.join(&world.tag).join("flood");
    flood::write(&folder, &sato, MANY, now).unwrap();
    servers.dovecot.import(&sato.address, &folder).unwrap();
    let mailbox = sato.onboarded(client, servers).await.unwrap();
    world.drain().await.unwrap();
    let hostile = "=HYPERLINK(\"http://evil.example\",\"550\")";
    world
        .sql(&format!("update bounce set diagnostic = '{hostile}' where bounce_id = (select max(bounce_id::text)::uuid from bounce)"))
        .await
        .unwrap();
    let there = u64::try_from(world.number("select count(*) from bounce").await.unwrap()).unwrap();
    assert!(there >= u64::from(MANY), "{there}");

    let path = format!("/v1/bounces/export?mailbox_id={mailbox}");
    let (headers, lines) = client.read(&path, "*/*").await.unwrap();
    assert_eq!(headers["content-type"], "application/x-ndjson");
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: std::collections::BTreeSet<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!((rows.len() as u64, ids.len() as u64), (there, there), "each once");
    let listed = client.bounces(&mailbox).await.unwrap();
    assert_eq!(rows[..listed.len()], listed, "as they are listed");
    assert!(rows.iter().all(|row| row.get("recipient").is_none() && row.get("recipient_hash").is_none()));

    let (headers, table) = client.read(&format!("{path}&format=csv"), "*/*").await.unwrap();
    assert!(headers["content-type"].to_str().unwrap().starts_with("text/csv; charset=utf-8"));
    assert!(table.starts_with("\u{feff}id,tenant_id,mailbox_id,"), "{table:.80}");
    assert_eq!(table.matches("\r\nbnc_").count() as u64, there);
    assert!(table.contains("\"'=HYPERLINK(\"\"http") && !table.contains(",\"=HYPERLINK"), "a formula of a stranger's");
    let wrong = client.request(Method::GET, "/v1/bounces/export?format=xlsx", None, None).await.unwrap();
    assert_eq!(wrong.status, 422);
    let (_, none) = client.read("/v1/bounces/export?recipient_domain=nowhere.example", "*/*").await.unwrap();
    assert_eq!(none, "");

    for by in ["hour", "day", "reason", "verdict"] {
        let counted = client.get(&format!("/v1/statistics/bounces?by={by}")).await.unwrap().body;
        assert_eq!((sum(&counted), counted["bounces"].as_u64()), (there, Some(there)), "{by}: {counted}");
    }
    let wide =
        client.request(Method::GET, "/v1/statistics/bounces?from=2020-01-01T00:00:00Z", None, None).await.unwrap();
    assert_eq!((wide.status, &wide.body["errors"][0]["parameter"]), (422, &json!("from")));
    let overview = client.get("/v1/statistics/overview").await.unwrap().body;
    assert_eq!(
        (&overview["mailboxes"]["total"], &overview["mailboxes"]["connected"]),
        (&json!(1), &json!(1)),
        "{overview}"
    );
    assert_eq!(
        (overview["bounces_24h"].as_u64(), &overview["incidents"]["live"]),
        (Some(there), &json!(1)),
        "{overview}"
    );

    // Nobody else's.
    let stranger = world.another_msp("Other IT").await.unwrap();
    stranger.sign_in().await.unwrap();
    assert_eq!(stranger.read(&path, "*/*").await.unwrap().1, "");
    assert_eq!(stranger.get("/v1/statistics/bounces").await.unwrap().body["bounces"], 0);
    assert_eq!(stranger.get("/v1/statistics/overview").await.unwrap().body["mailboxes"]["total"], 0);

    let (_, log) = client.read("/v1/audit-entries/export", "*/*").await.unwrap();
    let entries: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(i64::try_from(entries.len()).unwrap(), world.number("select count(*) from audit_entry").await.unwrap());
    assert!(entries.windows(2).all(|two| two[0]["previous_hash"] == two[1]["hash"]), "the chain holds");

    // What a client company is told.
    let tenant = rows[0]["tenant_id"].as_str().unwrap();
    let welcome = format!("/v1/tenants/{tenant}/welcome");
    let (headers, page) = client.read(&format!("{welcome}?language=ja"), "text/html").await.unwrap();
    assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none';"));
    assert!(
        page.contains("<html lang=\"ja\">") && page.contains(&sato.address) && page.contains("Kestrel IT"),
        "{page}"
    );
    let (_, text) = client.read(&welcome, "text/markdown").await.unwrap();
    assert!(text.starts_with("# Your mailboxes are watched over") && text.contains("\n1. "), "{text}");
    let json = client.get(&welcome).await.unwrap().body;
    assert_eq!((&json["language"], json["sections"].as_array().unwrap().len()), (&json!("en"), 7));
    assert_eq!(stranger.request(Method::GET, &welcome, None, None).await.unwrap().status, 404);

    // Nobody learns of mailboxes, incidents or bounces here what they may not read elsewhere.
    for (path, first, missing) in [
        (welcome.as_str(), "tenants:read", "mailboxes:read"),
        ("/v1/statistics/overview", "mailboxes:read", "incidents:read"),
    ] {
        let body = json!({ "name": first, "permissions": [first] });
        let only = client.post("/v1/api-keys", &body).await.unwrap().text("key").unwrap();
        let answer = client.with_key(&only).unwrap().request(Method::GET, path, None, None).await.unwrap();
        assert_eq!(answer.status, 403, "{}", answer.body);
        assert!(answer.body.to_string().contains(missing), "{}", answer.body);
    }

    // What is new to a program that has read the log up to here.
    let read = &entries[0]["sequence"];
    let (_, new) = client.read(&format!("/v1/audit-entries/export?after_sequence={read}"), "*/*").await.unwrap();
    let new: Vec<Value> = new.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((new.len(), &new[1]["previous_hash"]), (2, &entries[0]["hash"]), "{new:?}");
    let path = format!("/v1/audit-entries?after_sequence={read}&limit=1");
    let page = client.get(&path).await.unwrap().body;
    assert_eq!(page["items"], json!([new[0]]));
    let last = client.get(&format!("{path}&cursor={}", page["next"].as_str().unwrap())).await.unwrap().body;
    assert_eq!((&last["items"], &last["next"]), (&json!([new[1]]), &Value::Null));
}

#[tokio::test]
async fn days_on_which_a_mailbox_was_watched_are_billed_also_when_it_is_gone() {
    let world = World::without_worker().await.unwrap();
    let client = &world.client;
    let tenant = client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let host = "imap.sakura.example";
    let mailbox = client.create_mailbox(&tenant, "a@sakura.example", "secret", host, 993).await.unwrap();
    let other = client.create_mailbox(&tenant, "b@sakura.example", "secret", host, 993).await.unwrap();
    let first = world.clock.now().await.date_naive();
    let usage = async |by: &str| {
        let to = first + chrono::Days::new(10);
        let path = format!("/v1/usage?from={first}&to={to}&by={by}&tenant_id={tenant}");
        client.get(&path).await.unwrap().body
    };
    let act =
        async |id: &str, what: &str| client.post(&format!("/v1/mailboxes/{id}/{what}"), &json!({})).await.unwrap();
    let bulk = async |action: &str, ids: &[&str]| {
        client.post("/v1/mailboxes/bulk", &json!({"action": action, "mailbox_ids": ids})).await.unwrap().body
    };

    act(&other, "pause").await;
    world.clock.advance(TimeDelta::days(1)).await.unwrap();
    bulk("pause", &[&mailbox]).await;
    bulk("pause", &[&mailbox]).await;
    world.clock.advance(TimeDelta::days(2)).await.unwrap();
    act(&mailbox, "resume").await;
    act(&mailbox, "resume").await;
    world.clock.advance(TimeDelta::days(1)).await.unwrap();
    // The first, the second, the fourth and the fifth day; the other one on its first.
    let before = usage("mailbox").await;
    assert_eq!(before["mailbox_days"], 5, "{before}");
    bulk("delete", &[&mailbox]).await;
    world.clock.advance(TimeDelta::days(3)).await.unwrap();
    assert_eq!(usage("mailbox").await, before, "it is gone, and its days are not");
    let days = usage("day").await;
    let counted: Vec<i64> =
        days["rows"].as_array().unwrap().iter().filter_map(|row| row["mailbox_days"].as_i64()).collect();
    assert_eq!(counted, [2, 1, 1, 1], "{days}");
    let path = format!("/v1/tenants/{tenant}");
    let etag = client.get(&path).await.unwrap().etag.unwrap();
    act(&other, "resume").await;
    assert_eq!(client.request(Method::DELETE, &path, Some(&etag), None).await.unwrap().status, 204);
    world.clock.advance(TimeDelta::days(1)).await.unwrap();
    assert_eq!(usage("tenant").await["mailbox_days"], 6, "the day on which it was let go counts, and none after it");
    let stranger = world.another_msp("Other IT").await.unwrap();
    assert_eq!(stranger.get(&format!("/v1/usage?from={first}")).await.unwrap().body["mailbox_days"], 0);
    let wrong = client.request(Method::GET, "/v1/usage?by=mailbox", None, None).await.unwrap();
    assert_eq!((wrong.status, &wrong.body["errors"][0]["parameter"]), (422, &json!("tenant_id")));
}

#[tokio::test]
async fn a_hundred_mailboxes_are_dealt_with_at_once_though_ten_are_nobodys() {
    let world = World::without_worker().await.unwrap();
    let client = &world.client;
    let mailboxes: Vec<Value> = (0..90)
        .map(|n| json!({"address": format!("p{n}@sakura.example"), "password": "x", "imap": {"host": "imap.sakura.example"}}))
        .collect();
    let body = json!({"companies": [{"name": "Sakura", "external_refs": {"psa": "7"}, "mailboxes": mailboxes}]});
    let taken = client.post("/v1/tenants/onboard?test=false", &body).await.unwrap().body;
    let mut ids: Vec<String> = taken["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["mailbox_id"].as_str())
        .map(ToOwned::to_owned)
        .collect();
    let stranger = world.another_msp("Other IT").await.unwrap();
    let theirs = stranger.create_tenant("Theirs").await.unwrap();
    ids.push(stranger.create_mailbox(&theirs, "a@theirs.example", "x", "imap.theirs.example", 993).await.unwrap());
    ids.extend((0..9).map(|n| format!("mbx_019ab1c2d3e47f508192a3b4c5d6e7f{n}")));
    assert_eq!(ids.len(), 100);

    for (action, left) in
        [("pause", 90), ("pause", 90), ("poll_now", 90), ("resume", 90), ("delete", 90), ("delete", 0)]
    {
        let asked = json!({"action": action, "mailbox_ids": ids});
        let told = client.request(Method::POST, "/v1/mailboxes/bulk", None, Some(&asked)).await.unwrap();
        assert_eq!(
            (told.status, &told.body["done"], &told.body["not_found"]),
            (207, &json!(left), &json!(100 - left)),
            "{action}"
        );
        let results = told.body["results"].as_array().unwrap();
        assert!(results.iter().zip(&ids).all(|(told, id)| told["mailbox_id"] == **id), "in the order of the request");
    }
    assert_eq!(world.number("select count(*) from mailbox").await.unwrap(), 1, "the stranger's");
    assert_eq!(world.number("select count(*) from audit_entry where action = 'mailbox.paused'").await.unwrap(), 180);
    let one_more = [&ids[..], &ids[..1]].concat();
    let too_many = json!({"action": "pause", "mailbox_ids": one_more});
    assert_eq!(client.request(Method::POST, "/v1/mailboxes/bulk", None, Some(&too_many)).await.unwrap().status, 422);

    // A company is found by what another system calls it.
    for (query, many) in [
        ("external_id=7", 1),
        ("external_system=psa&external_id=7", 1),
        ("external_id=8", 0),
        ("external_system=halopsa", 0),
        ("name=Sakura", 1),
        ("group=gold", 0),
    ] {
        assert_eq!(client.get(&format!("/v1/tenants?{query}")).await.unwrap().items().len(), many, "{query}");
    }
}

#[tokio::test]
async fn what_an_msp_wants_kept_no_longer_is_deleted_within_a_day() {
    let world = World::start().await.unwrap();
    let client = &world.client;
    let profile = client.get("/v1/msp").await.unwrap();
    let shorter = json!({ "retention_days": 60 });
    let changed = client.request(Method::PATCH, "/v1/msp", profile.etag.as_deref(), Some(&shorter)).await.unwrap();
    assert_eq!(changed.status, 200, "{}", changed.body);
    world.happens(EventType::IncidentOpened, None, None, None).await.unwrap();
    world.pass(TimeDelta::days(59)).await.unwrap();
    world.happens(EventType::IncidentReopened, None, None, None).await.unwrap();
    let kinds = async || {
        let events = client.events().await.unwrap();
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds().await, ["incident.opened", "incident.reopened"]);
    world.pass(TimeDelta::days(2)).await.unwrap();
    // It is looked once a day, counted from when the last look ended.
    for _ in 0..48 {
        if kinds().await.len() == 1 {
            break;
        }
        world.pass(TimeDelta::hours(1)).await.unwrap();
    }
    assert_eq!(kinds().await, ["incident.reopened"]);
}
