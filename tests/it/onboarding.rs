//! Companies come with all their mailboxes, from a file or from one body, and what is wrong with a row keeps no other out.

use std::net::Ipv4Addr;

use chrono::TimeDelta;
use daimon_tests::client::{Answer, Client};
use daimon_tests::life::Person;
use daimon_tests::name_server::{NameServer, Record};
use daimon_tests::program::Program;
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

const HEADER: &str =
    "company,external_id,language,groups,address,password,credential_id,host,port,tls,poll_interval_s,new_mail";

/// Rows that are wrong, each in its own way, and in which column.
fn wrong_rows() -> Vec<(String, &'static str)> {
    let long = "x".repeat(201);
    let credential = "crd_019ab1c2d3e47f508192a3b4c5d6e7f8";
    [
        (",,,,w@w1.example,pw-geheim,,imap.w.example,,,,", "company"),
        (format!("{long},,,,w@w2.example,pw-geheim,,imap.w.example,,,,").as_str(), "company"),
        (format!("W3,{long},,,w@w3.example,pw-geheim,,imap.w.example,,,,").as_str(), "external_id"),
        ("W4,,fr,,w@w4.example,pw-geheim,,imap.w.example,,,,", "language"),
        ("W5,,,Gold,w@w5.example,pw-geheim,,imap.w.example,,,,", "groups"),
        ("W6,,,,,pw-geheim,,imap.w.example,,,,", "address"),
        ("W7,,,,w.example,pw-geheim,,imap.w.example,,,,", "address"),
        ("W8,,,,w w@w8.example,pw-geheim,,imap.w.example,,,,", "address"),
        ("W9,,,,w@w9.example,,,imap.w.example,,,,", "password"),
        ("W10,,,,w@w10.example,\"pw-geheim\nx\",,imap.w.example,,,,", "password"),
        (format!("W11,,,,w@w11.example,pw-geheim,{credential},imap.w.example,,,,").as_str(), "credential_id"),
        ("W12,,,,w@w12.example,,crd_7,imap.w.example,,,,", "credential_id"),
        (format!("Company 1,,,,w@w13.example,,{credential},imap.w.example,,,,").as_str(), "credential_id"),
        ("W14,,,,w@w14.example,pw-geheim,,127.0.0.1,,,,", "host"),
        ("W15,,,,w@w15.example,pw-geheim,,imap.w.example,many,,,", "port"),
        ("W16,,,,w@w16.example,pw-geheim,,imap.w.example,110,,,", "port"),
        ("W17,,,,w@w17.example,pw-geheim,,imap.w.example,,ssl,,", "tls"),
        ("W18,,,,w@w18.example,pw-geheim,,imap.w.example,,,5,", "poll_interval_s"),
        ("W19,,,,w@w19.example,pw-geheim,,imap.w.example,,,,push", "new_mail"),
        ("Company 17,,,,p457@c17.example,pw-geheim,,imap.w.example,,,,", "address"),
    ]
    .into_iter()
    .map(|(row, column)| (row.to_owned(), column))
    .collect()
}

#[tokio::test]
async fn of_five_hundred_rows_the_good_ones_go_in_and_the_wrong_ones_are_explained_however_often() {
    let world = World::without_worker().await.unwrap();
    let mut rows: Vec<String> = (0..480)
        .map(|n| {
            let c = n % 40;
            format!(
                "Company {c},id-{c},ja,gold,p{n}@c{c}.example,pw-geheim-{n},,imap.c{c}.example,993,implicit,300,poll"
            )
        })
        .collect();
    // Each wrong row stands among good ones; its number is its line in the file, of which one has two.
    let mut expected = Vec::new();
    for (n, (row, column)) in wrong_rows().into_iter().enumerate() {
        rows.insert(n * 25 + 7, row);
        expected.push((n * 25 + 7, column));
    }
    assert_eq!(rows.len(), 500);
    let line = |at: usize| 2 + at + rows[..at].iter().map(|row| row.matches('\n').count()).sum::<usize>();
    let expected: Vec<String> =
        expected.into_iter().map(|(at, column)| format!("row {}, {column}: ", line(at))).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clients.csv");
    std::fs::write(&file, format!("{HEADER}\r\n{}\r\n", rows.join("\r\n"))).unwrap();
    let settings = vec![
        ("DAIMON_API_KEY".to_owned(), world.client.key().to_owned()),
        ("DAIMON_URL".to_owned(), world.client.base.clone()),
    ];
    let path = file.to_str().unwrap();
    let onboard = async |more: &[&str]| {
        let arguments = [&["onboard", path], more].concat();
        let output = Program::run("daimon-api", &arguments, &settings).await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains("geheim"), "a password was printed");
        (output.status.code(), said.lines().map(ToOwned::to_owned).collect::<Vec<_>>())
    };
    let explained = |said: &[String]| {
        let (last, wrong) = said.split_last().unwrap();
        assert_eq!(wrong.len(), 20, "{said:#?}");
        for (told, expected) in wrong.iter().zip(&expected) {
            assert!(told.starts_with(expected) && told.len() > expected.len() + 8, "{told} instead of {expected}");
        }
        last.clone()
    };

    let (code, said) = onboard(&["--dry-run"]).await;
    assert_eq!(code, Some(1));
    assert!(explained(&said).starts_with("480 mailboxes onboarded, 0 were there, 20 rows wrong"), "{said:?}");
    assert_eq!(world.number("select count(*) from tenant").await.unwrap(), 0, "a dry run changes nothing");

    let (code, said) = onboard(&[]).await;
    assert_eq!(code, Some(1));
    assert_eq!(explained(&said), "480 mailboxes onboarded, 0 were there, 20 rows wrong; 40 new companies");
    let (code, said) = onboard(&["--batch", "250", "--no-test"]).await;
    assert_eq!(code, Some(1));
    assert_eq!(explained(&said), "0 mailboxes onboarded, 480 were there, 20 rows wrong; 0 new companies");
    for (what, many) in [
        ("select count(*) from mailbox", 480),
        ("select count(*) from tenant", 40),
        ("select count(*) from job", 480),
        ("select count(*) from audit_entry where action = 'mailbox.created'", 480),
        ("select count(distinct secret_hash) from mailbox", 480),
    ] {
        assert_eq!(world.number(what).await.unwrap(), many, "{what}");
    }

    // A file that is no table, and a key that does not hold, say so.
    std::fs::write(&file, "company,e-mail\nA,a@a.example\n").unwrap();
    let (code, said) = onboard(&[]).await;
    assert!(code == Some(1) && said.join(" ").contains("\"e-mail\" is not known here"), "{said:?}");
}

async fn send(client: &Client, query: &str, body: &Value) -> Answer {
    client.request(Method::POST, &format!("/v1/tenants/onboard{query}"), None, Some(body)).await.unwrap()
}

fn rows(answer: &Answer) -> Vec<(String, Vec<String>)> {
    assert_eq!(answer.status, 207, "{}", answer.body);
    let rows = answer.body.get("rows").and_then(Value::as_array).unwrap();
    let pointers = |row: &Value| {
        let errors = row["errors"].as_array().unwrap().iter();
        errors.map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    };
    rows.iter().map(|row| (row["status"].as_str().unwrap().to_owned(), pointers(row))).collect()
}

async fn limited_to(client: &Client, permissions: Value, tenants: Option<&[&str]>) -> Client {
    let mut body = json!({"name": "limited", "permissions": permissions});
    if let Some(tenants) = tenants {
        body.as_object_mut().unwrap().insert("tenants".to_owned(), json!(tenants));
    }
    client.with_key(&client.post("/v1/api-keys", &body).await.unwrap().text("key").unwrap()).unwrap()
}

#[tokio::test]
async fn one_at_a_time_takes_companies_in_and_others_are_told_when_to_come_again() {
    let world = World::without_worker().await.unwrap();
    let body = json!({"companies": [{"name": "Sakura Dental"}]});
    let mut tx = world.behind_the_wall().await.unwrap();
    assert!(daimon_store::tenant::hold_onboarding(&mut tx).await.unwrap());
    let refused = send(&world.client, "", &body).await;
    assert_eq!((refused.status, refused.retry_after.as_deref()), (409, Some("1")), "{}", refused.body);
    let stranger = world.another_msp("Other IT").await.unwrap();
    assert_eq!(send(&stranger, "", &body).await.status, 207, "of another provider it keeps nobody");
    tx.rollback().await.unwrap();
    assert_eq!(send(&world.client, "", &body).await.status, 207);
}

#[tokio::test]
async fn a_body_of_companies_is_taken_in_tested_and_looked_up_where_no_server_is_named() {
    let mut world = World::without_worker().await.unwrap();
    let servers = world.servers;
    let names = NameServer::default()
        .with("clinic.example", Record::Exchanger("www1234.sakura.ne.jp".to_owned()))
        .with("_imaps._tcp.astray.example", Record::Service("imap.elsewhere.example".to_owned(), 993))
        .with("broken.example", Record::Fails);
    let server = names.serve((Ipv4Addr::LOCALHOST, 0)).unwrap();
    world.settings.push(("DAIMON_DNS_SERVERS".to_owned(), server.to_string()));
    world.start_worker().await.unwrap();
    let api = Program::start("daimon-api", &["serve"], &world.settings).await.unwrap();
    let client = Client::new(&format!("http://{}", api.address("api").unwrap()), world.client.key()).unwrap();
    let person = Person::with_account(servers, &format!("new@{}.example", world.tag), "correct horse").unwrap();
    let imap = json!({"host": "mail.sakura-dental.example", "port": servers.imaps()});
    let body = json!({"companies": [
        {"name": "Sakura Dental", "language": "ja", "external_refs": {"halopsa": "1234"}, "mailboxes": [
            {"address": person.address, "password": "correct horse", "imap": imap},
            {"address": "no-address", "password": "correct horse", "port": 993},
        ]},
        {"name": "Clinic", "mailboxes": [
            {"address": "sato@clinic.example", "password": "x"},
            {"address": "sato@astray.example", "password": "x"},
            {"address": "sato@broken.example", "password": "x"},
        ]},
        {"name": "Nobody yet"},
        {"name": "", "mailboxes": [{"address": "a@b.example", "password": "x", "imap": imap}]},
    ]});

    let dry = send(&client, "?dry_run=true", &body).await;
    let first = send(&client, "", &body).await;
    let expected = [
        ("created", vec![]),
        ("invalid", vec!["/companies/0/mailboxes/1/address"]),
        ("created", vec![]),
        ("invalid", vec!["/companies/1/mailboxes/1/imap"]),
        ("invalid", vec!["/companies/1/mailboxes/2/imap"]),
        ("created", vec![]),
        ("invalid", vec!["/companies/3/name"]),
    ]
    .map(|(status, pointers)| (status.to_owned(), pointers.into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()));
    assert_eq!(rows(&first), expected, "{}", first.body);
    assert_eq!(rows(&dry), expected, "{}", dry.body);
    let found = &first.body["rows"][2]["imap"];
    assert_eq!(*found, json!({"host": "www1234.sakura.ne.jp", "port": 993, "tls": "implicit"}));
    assert!(first.body["rows"][3]["errors"][0]["detail"].as_str().unwrap().contains("imap.elsewhere.example"));
    let again = send(&client, "", &body).await;
    let statuses: Vec<String> = rows(&again).into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses, ["exists", "invalid", "exists", "invalid", "invalid", "exists", "invalid"]);
    assert_eq!(again.body["rows"][0]["mailbox_id"], first.body["rows"][0]["mailbox_id"]);
    assert_eq!((&again.body["created"], &again.body["tenants_created"]), (&json!(0), &json!(0)));

    // It is read and tested by itself.
    let job = format!("/v1/jobs/{}", first.body["rows"][0]["job_id"].as_str().unwrap());
    let mut seen = Value::Null;
    for _ in 0..30 {
        world.drain().await.unwrap();
        seen = client.get(&job).await.unwrap().body;
        if seen["state"] == "done" {
            break;
        }
        world.clock.advance(TimeDelta::seconds(1)).await.unwrap();
    }
    assert_eq!(seen["connection_test"]["steps"][5]["outcome"], "ok", "{seen}");
    let mailbox = client.mailbox(first.body["rows"][0]["mailbox_id"].as_str().unwrap()).await.unwrap();
    assert_eq!(mailbox["connection"]["state"], "connected");

    // Who may not make companies, or reaches some only, makes none.
    let half = limited_to(&client, json!(["tenants:write"]), None).await;
    assert_eq!(send(&half, "", &body).await.status, 403);
    let own = first.body["rows"][0]["tenant_id"].as_str().unwrap();
    let limited = limited_to(&client, json!(["tenants:write", "mailboxes:write"]), Some(&[own])).await;
    let answer = send(&limited, "", &body).await;
    assert_eq!(answer.body["rows"][0]["status"], "exists");
    assert_eq!(answer.body["rows"][2]["errors"][0]["pointer"], "/companies/1/name", "{}", answer.body);
    // What is no list of objects is refused as everywhere.
    for (odd, pointer) in [
        (json!({"companies": [7]}), "/companies/0"),
        (json!({"companies": [{"name": "A", "mailboxes": 7}]}), "/companies/0/mailboxes"),
        (json!({"companies": [{"name": "A", "mailboxes": [7]}]}), "/companies/0/mailboxes/0"),
        (json!({"companies": []}), "/companies"),
    ] {
        let answer = send(&client, "", &odd).await;
        assert_eq!((answer.status, &answer.body["errors"][0]["pointer"]), (422, &json!(pointer)), "{}", answer.body);
    }
}
