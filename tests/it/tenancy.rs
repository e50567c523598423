//! The hard wall: whatever takes an id answers 404 to another MSP, the same as for an id that never was.

use std::collections::BTreeMap;

use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

/// The example of an operation's body, if it takes one.
fn example(document: &Value, operation: &Value) -> Option<Value> {
    let schema = operation.pointer("/requestBody/content/application~1json/schema")?;
    let reference = schema.get("$ref").or_else(|| schema.pointer("/oneOf/1/$ref"))?.as_str()?;
    document.pointer(reference.strip_prefix('#')?)?.get("example").cloned()
}

#[tokio::test]
async fn another_msp_finds_nothing_at_any_address() {
    let world = World::without_worker().await.unwrap();
    let client = &world.client;
    let tenant = client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let host = "mail.sakura-dental.example";
    let mailbox = client.create_mailbox(&tenant, "a@sakura.example", "secret", host, 993).await.unwrap();
    let catcher = world.catcher().await.unwrap();
    let (endpoint, _) = client.create_endpoint(&catcher.url()).await.unwrap();
    let keys = client.get("/v1/api-keys").await.unwrap().items();
    let key = keys.first().and_then(|key| key.get("id")).and_then(Value::as_str).unwrap_or_default().to_owned();
    let credential = json!({
        "tenant_id": tenant, "name": "Mail", "kind": "microsoft_client_credentials", "directory_id": "sakura.example",
        "client_id": "c1", "client_secret": "s1"
    });
    let credential = client.post("/v1/credentials", &credential).await.unwrap().text("id").unwrap();
    let user = json!({"email": "mori@kestrel.example", "name": "Aiko Mori", "role": "viewer"});
    let user = client.post("/v1/users", &user).await.unwrap().text("id").unwrap();
    let ids: BTreeMap<&str, String> = [
        ("tenant_id", tenant),
        ("mailbox_id", mailbox),
        ("credential_id", credential),
        ("endpoint_id", endpoint),
        ("key_id", key),
        ("user_id", user),
    ]
    .into();
    let stranger = world.another_msp("Other IT").await.unwrap();
    let document = client.get("/openapi.json").await.unwrap().body;
    let paths = document.get("paths").and_then(Value::as_object).unwrap().clone();

    let (mut walked, mut wrong) = (0, Vec::new());
    for (path, operations) in paths {
        if !path.contains("_id}") {
            continue;
        }
        let mut real = path.clone();
        for (name, id) in &ids {
            real = real.replace(&format!("{{{name}}}"), id);
        }
        // What this world has none of (incidents, campaigns, bounces, deliveries) gets an id that never was.
        let made_up = |prefix: &str| format!("{prefix}_019ab1c2d3e47f508192a3b4c5d6e7f8");
        for (name, prefix) in [
            ("incident_id", "inc"),
            ("ticket_id", "tkt"),
            ("campaign_id", "cmp"),
            ("drill_id", "drl"),
            ("job_id", "job"),
            ("window_id", "mwd"),
            ("bounce_id", "bnc"),
            ("delivery_id", "dlv"),
        ] {
            real = real.replace(&format!("{{{name}}}"), &made_up(prefix));
        }
        real = real.replace("{step}", "C01");
        assert!(!real.contains('{'), "no id is known for {path}");
        for (verb, operation) in operations.as_object().unwrap() {
            let Ok(method) = Method::from_bytes(verb.to_uppercase().as_bytes()) else { continue };
            if operation.get("operationId").is_none() {
                continue;
            }
            let body = example(&document, operation).or_else(|| (method == Method::POST).then(|| json!({})));
            let answer = stranger.request(method.clone(), &real, Some("\"1\""), body.as_ref()).await.unwrap();
            walked += 1;
            if answer.status != 404 {
                wrong.push(format!("{method} {path}: {} {}", answer.status, answer.body));
            }
        }
    }
    assert!(walked >= 8, "the document names only {walked} operations with ids");
    assert_eq!(wrong, Vec::<String>::new());
    for (list, own) in [
        ("/v1/tenants", 1),
        ("/v1/mailboxes", 1),
        ("/v1/credentials", 1),
        ("/v1/webhook-endpoints", 1),
        ("/v1/users", 1),
    ] {
        assert_eq!(client.get(list).await.unwrap().items().len(), own, "{list}");
        assert_eq!(stranger.get(list).await.unwrap().items().len(), 0, "{list}");
    }
}
