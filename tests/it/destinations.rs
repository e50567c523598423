//! Where we may be sent is judged when it is said, and not only when we go there.

use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

/// URLs that no webhook may have, also where loopback is open for the private servers of a test.
const NO_WEBHOOKS: [&str; 20] = [
    "https://127.0.0.1/",
    "https://127.0.0.2:4711/",
    "https://[::1]:4711/",
    "https://10.0.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://0x7f000001/",
    "https://localhost/",
    "https://redis/",
    "https://metadata.google.internal/",
    "https://user:secret@hooks.psa.example/",
    "https://hooks.psa.example/#fragment",
    "https://hooks.psa.example:25/",
    "http://hooks.psa.example/",
    "ftp://hooks.psa.example/",
    "file:///etc/passwd",
    "hooks.psa.example",
];

fn pointer(body: &Value) -> Option<&str> {
    body.pointer("/errors/0/pointer").and_then(Value::as_str)
}

#[tokio::test]
async fn a_webhook_that_leads_inside_is_refused_when_it_is_made_and_when_it_is_changed() {
    let world = World::without_worker().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    let (endpoint, _) = world.client.create_endpoint(&catcher.url()).await.unwrap();
    let path = format!("/v1/webhook-endpoints/{endpoint}");
    for url in NO_WEBHOOKS {
        let body = json!({ "url": url });
        for (method, path) in [(Method::POST, "/v1/webhook-endpoints"), (Method::PATCH, path.as_str())] {
            let answer = world.client.request(method.clone(), path, Some("*"), Some(&body)).await.unwrap();
            assert_eq!((answer.status, pointer(&answer.body)), (422, Some("/url")), "{method} {url}: {}", answer.body);
        }
    }
    let own = json!({ "url": world.client.base.replace("http:", "https:") });
    for (method, path) in [(Method::POST, "/v1/webhook-endpoints"), (Method::PATCH, path.as_str())] {
        let answer = world.client.request(method, path, Some("*"), Some(&own)).await.unwrap();
        let detail = answer.body.pointer("/errors/0/detail").and_then(Value::as_str);
        assert_eq!(detail, Some("a webhook URL does not lead to this API"), "{}", answer.body);
    }
    let kept = world.client.get(&path).await.unwrap();
    assert_eq!(kept.text("url").unwrap(), catcher.url());
    assert_eq!(world.client.get("/v1/webhook-endpoints").await.unwrap().items().len(), 1);
}

#[tokio::test]
async fn a_mailbox_at_another_port_than_those_for_mail_is_refused_when_it_is_made_and_when_it_moves() {
    let world = World::without_worker().await.unwrap();
    let (client, host) = (&world.client, "mail.sakura-dental.example");
    let tenant = client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let mailbox = client.create_mailbox(&tenant, "a@sakura.example", "secret", host, 993).await.unwrap();
    let path = format!("/v1/mailboxes/{mailbox}/credential");
    for (port, tls) in [(25, "implicit"), (25, "starttls"), (143, "implicit"), (993, "starttls"), (443, "implicit")] {
        let imap = json!({ "host": host, "port": port, "tls": tls });
        let moved = json!({ "password": "secret", "imap": imap });
        let mut new = moved.clone();
        new["address"] = json!("b@sakura.example");
        new["tenant_id"] = json!(tenant);
        for (method, path, body) in [(Method::POST, "/v1/mailboxes", &new), (Method::PUT, path.as_str(), &moved)] {
            let answer = client.request(method.clone(), path, Some("*"), Some(body)).await.unwrap();
            let told = (answer.status, pointer(&answer.body));
            assert_eq!(told, (422, Some("/imap/port")), "{method} {port} {tls}: {}", answer.body);
        }
    }
    let kept = client.mailbox(&mailbox).await.unwrap();
    assert_eq!(kept.pointer("/imap/port"), Some(&json!(993)));
    for address in ["127.0.0.1", "[::1]", "10.0.0.1", "0x7f.1"] {
        let body =
            json!({ "tenant_id": tenant, "address": "b@sakura.example", "password": "x", "imap": { "host": address } });
        let answer = client.request(Method::POST, "/v1/mailboxes", None, Some(&body)).await.unwrap();
        assert_eq!((answer.status, pointer(&answer.body)), (422, Some("/imap/host")), "{address}: {}", answer.body);
    }
}
