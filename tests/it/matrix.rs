//! Who may do what: every operation of the document, asked by everybody who may not.
//!
//! What there is to ask the document says, and which permission opens it (`x-permission` of its 403): so a new operation is asked too,
//! and fails until the document says for whom it is.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use daimon_domain::scope::Permission;
use daimon_tests::client::Client;
use daimon_tests::furnished::{Furnished, replaced, with_real_ids};
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

/// One operation with what its examples send.
struct Asked {
    id: String,
    method: Method,
    path: String,
    body: Option<(String, String)>,
    needs_token: bool,
    /// For whom it is, as the document says: a permission, a person, or nothing where any token will do.
    by: String,
}

impl Asked {
    fn all(document: &Value) -> Vec<Self> {
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let mut path = path.clone();
                let mut query = Vec::new();
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    let shown = parameter.get("example").or_else(|| parameter.pointer("/schema/examples/0"));
                    let (name, shown) = (parameter["name"].as_str().unwrap(), shown.and_then(Value::as_str));
                    match parameter["in"].as_str().unwrap() {
                        "path" => path = path.replace(&format!("{{{name}}}"), shown.unwrap()),
                        "query" if parameter["required"] == true => query.push(format!("{name}={}", shown.unwrap())),
                        _ => {}
                    }
                }
                if !query.is_empty() {
                    path = format!("{path}?{}", query.join("&"));
                }
                let content = operation.pointer("/requestBody/content").and_then(Value::as_object);
                let body = content.and_then(|content| content.iter().next()).map(|(media_type, content)| {
                    let example = &content["example"];
                    (media_type.clone(), example.as_str().map_or_else(|| example.to_string(), str::to_owned))
                });
                let by = operation.pointer("/responses/403/x-permission");
                all.push(Self {
                    id: operation["operationId"].as_str().unwrap().to_owned(),
                    method: method.to_uppercase().parse().unwrap(),
                    path,
                    body,
                    needs_token: operation.pointer("/security/0/token").is_some(),
                    by: by.and_then(Value::as_str).unwrap_or_default().to_owned(),
                });
            }
        }
        all
    }

    fn text(&self) -> String {
        format!("{} {}", self.path, self.body.as_ref().map_or("", |(_, body)| body))
    }

    /// Sends it with these ids in place of the examples', and answers status, body and headers.
    async fn send(
        &self,
        http: &reqwest::Client,
        base: &str,
        token: &str,
        ids: Option<&Furnished>,
    ) -> (u16, String, bool) {
        let real = |text: &str| ids.map_or_else(|| text.to_owned(), |ids| with_real_ids(text, ids));
        let mut request = http.request(self.method.clone(), format!("{base}{}", real(&self.path)));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if [Method::PUT, Method::PATCH, Method::DELETE].contains(&self.method) {
            request = request.header("if-match", "\"1\"");
        }
        if let Some((media_type, body)) = &self.body {
            request = request.header("content-type", media_type).body(real(body));
        }
        let answer = request.send().await.unwrap();
        let (status, says_how) = (answer.status().as_u16(), answer.headers().contains_key("www-authenticate"));
        // A stream of events goes on for as long as somebody listens.
        let body =
            if self.id == "followEvents" && status == 200 { String::new() } else { answer.text().await.unwrap() };
        (status, body, says_how)
    }
}

/// An answer without what may differ: the name of the request, and ids that were asked for.
fn without_names(body: &str) -> String {
    replaced(body, 36, |piece| {
        let is_uuid = piece.len() == 36
            && piece.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        let is_id = piece.split_once('_').is_some_and(|(kind, rest)| {
            kind.len() == 3 && rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        (is_uuid || is_id).then(|| "…".to_owned())
    })
}

async fn key(client: &Client, body: &Value) -> (String, Client) {
    let made = client.post("/v1/api-keys", body).await.unwrap();
    (made.text("id").unwrap(), client.with_key(&made.text("key").unwrap()).unwrap())
}

#[tokio::test]
async fn every_operation_refuses_everybody_who_may_not() {
    let mut world = World::without_worker().await.unwrap();
    let catcher = world.catcher().await.unwrap();
    let (base, http) = (world.client.base.clone(), reqwest::Client::builder().no_proxy().build().unwrap());
    let document = world.client.get("/openapi.json").await.unwrap().body;
    let all = Asked::all(&document);
    let now = world.clock.now().await;
    world.start_worker().await.unwrap();
    let ours = world.client.with_key(world.client.key()).unwrap();
    let mut ours = Furnished::new(ours, catcher.url(), now).await.unwrap();
    ours.drilled(&world).await.unwrap();

    // Whoever shows nothing, something else, something revoked or something old.
    let (revoked_id, revoked) = key(&ours.client, &json!({ "name": "Revoked", "permissions": Permission::ALL })).await;
    let revoked = revoked.sign_in().await.unwrap();
    let path = format!("/v1/api-keys/{revoked_id}");
    assert_eq!(ours.client.request(Method::DELETE, &path, None, None).await.unwrap().status, 204);
    let old = ours.client.sign_in().await.unwrap();
    world.clock.advance(TimeDelta::minutes(16)).await.unwrap();
    let mut wrong = Vec::new();
    for asked in all.iter().filter(|asked| asked.needs_token) {
        for (who, token) in
            [("nobody", ""), ("nonsense", "eyJhbGciOiJub25lIn0.e30."), ("revoked", &revoked), ("old", &old)]
        {
            let (status, _, says_how) = asked.send(&http, &base, token, Some(&ours)).await;
            if (status, says_how) != (401, true) {
                wrong.push(format!("{} by {who}: {status}, says how to sign in: {says_how}", asked.id));
            }
        }
    }

    // The one permission opens it, and all others don't; that is found before anything is looked up.
    let mut tokens = BTreeMap::new();
    for permission in Permission::ALL {
        let others: Vec<_> = Permission::ALL.iter().filter(|other| *other != permission).collect();
        let (_, only) = key(&ours.client, &json!({ "name": "Only", "permissions": [permission] })).await;
        let (_, without) = key(&ours.client, &json!({ "name": "Without", "permissions": others })).await;
        tokens.insert(permission.to_string(), (only.sign_in().await.unwrap(), without.sign_in().await.unwrap()));
    }
    for asked in &all {
        let by = asked.by.as_str();
        let (only, without) = match (by, tokens.get(by)) {
            ("", _) => continue,
            // No key is a person.
            ("person", _) => (None, tokens.values().next().map(|(_, without)| without)),
            (_, Some((only, without))) => (Some(only), Some(without)),
            (_, None) => {
                wrong.push(format!("{}: the document says that it is for {by}", asked.id));
                continue;
            }
        };
        for (token, is_refused) in [(only, false), (without, true)] {
            let Some(token) = token else { continue };
            let (status, body, _) = asked.send(&http, &base, token, None).await;
            // Whoever may make keys and users makes none that may do more.
            let lacks_it = status == 403 && (body.contains(by) || by == "person");
            if lacks_it != is_refused || status == 401 || status >= 500 {
                wrong.push(format!("{}, which is for {by}: {status} {body}, refused: {is_refused}", asked.id));
            }
        }
    }

    // Another MSP, and somebody of ours who may see another company only: what isn't theirs does not exist.
    let theirs = world.another_msp("Heron Support").await.unwrap();
    theirs.create_tenant("Their company").await.unwrap();
    let mine = ours.client.create_tenant("Another company").await.unwrap();
    let elsewhere = json!({ "name": "Elsewhere", "permissions": Permission::ALL, "tenants": [mine] });
    let (_, elsewhere) = key(&ours.client, &elsewhere).await;
    for (who, client) in [("another MSP", &theirs), ("another tenant's", &elsewhere)] {
        let token = client.sign_in().await.unwrap();
        for asked in all.iter().filter(|asked| asked.needs_token && asked.text().contains("_019ab1c2")) {
            let (status, real, _) = asked.send(&http, &base, &token, Some(&ours)).await;
            let (absent_status, absent, _) = asked.send(&http, &base, &token, None).await;
            // Of several at once each is answered by itself: that one isn't there is told in the body.
            let is_answered = status < 400 && status != 207;
            if (status, without_names(&real)) != (absent_status, without_names(&absent)) || is_answered {
                wrong.push(format!("{} by {who}:\n  {status} {real}\n  {absent_status} {absent}", asked.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
