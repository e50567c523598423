//! What the document promises of every operation, and that the committed one is the one we serve.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::body::MessageBody as _;
use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use serde_json::Value;

use super::access::TABLE;
use super::problems;
use crate::code::Code;
use crate::path::IDEMPOTENCY_KEY;
use crate::routes::{app, document_json, test_sources};

fn document() -> Value {
    serde_json::from_str(&document_json().unwrap()).unwrap()
}

/// Every operation as (method, path, itself).
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    assert!(found.len() > 30, "{}", found.len());
    found
}

#[test]
fn the_committed_document_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == document_json().unwrap(),
        "openapi/openapi.json is not what the handlers say. If the change is meant, adopt it with: make openapi"
    );
}

#[test]
fn every_operation_says_what_it_does_and_who_may() {
    let document = document();
    let mut ids = BTreeSet::new();
    let known: BTreeMap<&str, &str> = TABLE.lines().filter_map(|line| line.split_once(' ')).collect();
    let tags: Vec<&str> = document["tags"].as_array().unwrap().iter().filter_map(|tag| tag["name"].as_str()).collect();
    for (method, path, operation) in operations(&document) {
        let name = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().expect(&name).to_owned()), "{name}: an id twice");
        assert!(tags.contains(&operation["tags"][0].as_str().expect(&name)), "{name}: an unknown tag");
        assert!(operation["summary"].as_str().expect(&name).len() > 5, "{name}");
        assert!(operation["description"].as_str().expect(&name).len() >= 40, "{name}: too short a description");
        assert!(operation["security"].is_array(), "{name}: nothing said about security");
        let by = known.get(operation["operationId"].as_str().expect(&name)).copied();
        assert_eq!(by.is_some(), operation["security"][0]["token"].is_array(), "{name}: a line in access.txt, or none");
        let said = operation["responses"]["403"]["x-permission"].as_str();
        let expected = by
            .filter(|by| !["any caller", "oneself"].contains(by))
            .map(|by| if by == "a person" { "person" } else { by });
        assert_eq!(said, expected, "{name}");
    }
    assert!(known.keys().all(|id| ids.contains(*id)), "access.txt names operations that there aren't");
}

#[test]
fn every_operation_shows_examples_and_problem_bodies() {
    let document = document();
    for (method, path, operation) in operations(&document) {
        let name = format!("{method} {path}");
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses {
            let name = format!("{name} {status}");
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}: no description");
            for header in ["X-Request-Id", "RateLimit-Policy", "RateLimit"] {
                assert!(response["headers"][header].is_object(), "{name}: no {header}");
            }
            if status.starts_with(['4', '5']) {
                let content = &response["content"]["application/problem+json"];
                assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{name}");
                assert_eq!(content["example"]["status"].to_string(), *status, "{name}");
            } else if status != "204" {
                let content = response["content"].as_object().expect(&name);
                let is_shown = |(kind, shown): (&String, &Value)| match kind.as_str() {
                    "application/json" => shown["example"].is_object(),
                    _text => shown["example"].is_string(),
                };
                assert!(!content.is_empty() && content.iter().all(is_shown), "{name}: no example");
            }
        }
        if operation["security"][0]["token"].is_array() {
            assert!(responses.contains_key("401"), "{name}");
            assert_eq!(
                responses.contains_key("403"),
                operation["operationId"] != "getMe",
                "{name}: who is nobody else is let in"
            );
        }
        if let Some(body) = operation["requestBody"]["content"].as_object() {
            assert!(body.values().all(|content| !content["example"].is_null()), "{name}: no example of a request");
            assert!(responses.contains_key("413") && responses.contains_key("415"), "{name}");
        }
        if path.contains('{') {
            assert!(responses.contains_key("404"), "{name}");
        }
    }
}

#[test]
fn what_is_refused_says_by_which_codes_and_whether_to_ask_again() {
    let document = document();
    for (method, path, operation) in operations(&document) {
        let takes_a_key = operation["parameters"]
            .as_array()
            .is_some_and(|parameters| parameters.iter().any(|parameter| parameter["name"] == IDEMPOTENCY_KEY));
        let mut named = BTreeSet::new();
        for (status, response) in operation["responses"].as_object().unwrap() {
            let name = format!("{method} {path} {status}");
            let codes: Vec<Code> = problems::codes(response["description"].as_str().unwrap()).collect();
            if ["403", "409", "422"].contains(&status.as_str()) {
                assert!(!codes.is_empty(), "{name}");
            }
            if let Some(first) = codes.first() {
                assert!(codes.iter().all(|code| code.status().as_str() == status), "{name}: {codes:?}");
                assert_eq!(
                    response["content"]["application/problem+json"]["example"]["code"],
                    first.as_str(),
                    "{name}"
                );
            }
            let is_named = |header: &str| response["headers"][header].is_object();
            let can_pass = ["429", "503"].contains(&status.as_str()) || codes.iter().any(|code| code.is_passing());
            assert_eq!(is_named("Retry-After"), can_pass, "{name}");
            assert_eq!(is_named("WWW-Authenticate"), status == "401", "{name}");
            named.extend(codes);
        }
        for code in [Code::IdempotencyKeyInUse, Code::IdempotencyKeyReused] {
            assert_eq!(named.contains(&code), takes_a_key, "{method} {path}: {code}");
        }
    }
}

#[test]
fn every_type_of_event_is_a_webhook_with_an_example() {
    let document = document();
    let webhooks = document["webhooks"].as_object().unwrap();
    let types: Vec<&str> = daimon_domain::event::EventType::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(webhooks.len(), types.len());
    for kind in types {
        let operation = &webhooks[kind]["post"];
        assert!(operation["description"].as_str().is_some_and(|text| text.len() >= 40), "{kind}");
        let content = &operation["requestBody"]["content"]["application/json"];
        assert_eq!(content["example"]["type"], kind);
        assert!(content["example"]["data"]["livemode"].is_boolean(), "{kind}");
        assert!(content["schema"]["properties"]["data"].is_object(), "{kind}");
        assert_eq!(operation["parameters"].as_array().map(Vec::len), Some(3), "{kind}: the three headers");
    }
}

#[test]
fn secrets_go_in_and_never_come_out() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap().iter();
    // What signing in is for.
    for (name, schema) in schemas.filter(|(name, _)| *name != "Token") {
        for secret in ["password", "client_secret", "refresh_token", "service_account_key", "totp", "new_password"] {
            if schema["properties"][secret].is_object() {
                assert_eq!(schema["properties"][secret]["writeOnly"], true, "{name}");
            }
        }
    }
    assert!(document["components"]["schemas"]["Mailbox"]["properties"]["password"].is_null());
    let shown = document["components"]["schemas"]["OAuthCredential"]["properties"].as_object().unwrap();
    let secret =
        |name: &String| ["secret", "token", "key"].iter().any(|word| name.split('_').any(|part| part == *word));
    assert_eq!(shown.keys().filter(|name| secret(name)).collect::<Vec<_>>(), ["token_url"]);
}

#[actix_web::test]
async fn whatever_is_refused_is_refused_as_a_problem() {
    let app = init_service(app(test_sources(), None)).await;
    for (method, path, status) in [
        (Method::GET, "/v1/nothing", 404),
        (Method::GET, "/v1/tenants/", 404),
        (Method::GET, "/v1//tenants", 404),
        (Method::GET, "/docs/nothing.js", 404),
        (Method::GET, "/v1/%ff", 404),
        (Method::DELETE, "/v1/tenants", 405),
        (Method::POST, "/v1/tenants/tnt_1", 405),
        (Method::GET, "/v1/tenants/onboard", 405),
        (Method::DELETE, "/v1/mailboxes/bulk", 405),
        (Method::POST, "/v1/bounces/export", 405),
        (Method::POST, "/openapi.json", 405),
        (Method::TRACE, "/v1/tenants", 405),
        (Method::POST, "/", 405),
    ] {
        let request = TestRequest::with_uri(path).method(method.clone()).insert_header(("X-Request-Id", "mine-1"));
        let response = call_service(&app, request.to_request()).await;
        let name = format!("{method} {path}");
        assert_eq!(response.status().as_u16(), status, "{name}");
        assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json", "{name}");
        assert_eq!(response.headers().get("x-request-id").unwrap(), "mine-1", "{name}");
        assert_eq!(response.headers().contains_key("allow"), status == 405, "{name}");
        let body: Value = serde_json::from_slice(&read_body(response).await).unwrap();
        assert_eq!(
            (body["status"].as_u64(), &body["request_id"]),
            (Some(status.into()), &Value::from("mine-1")),
            "{name}"
        );
        assert_eq!(body["instance"], path, "{name}");
    }
}

#[actix_web::test]
async fn head_is_answered_wherever_get_is_and_without_a_body() {
    let app = init_service(app(test_sources(), None)).await;
    let document = document();
    let items = document["paths"].as_object().unwrap().iter();
    let mut paths: Vec<(String, bool)> = items.map(|(path, item)| (path.clone(), item["get"].is_object())).collect();
    paths.extend(["/openapi.json", "/docs", "/docs/", "/docs/problems"].map(|path| (path.to_owned(), true)));
    assert!(paths.iter().any(|(_, has_get)| *has_get) && paths.iter().any(|(_, has_get)| !has_get));
    for (path, has_get) in paths {
        let path = path.replace(['{', '}'], "");
        let request = |method| TestRequest::with_uri(&path).method(method).insert_header(("X-Request-Id", "r1"));
        let get = call_service(&app, request(Method::GET).to_request()).await;
        let head = call_service(&app, request(Method::HEAD).to_request()).await;
        // Without a service behind it an operation answers 500; a path that isn't routed would answer 405.
        assert_eq!((head.status() == 405, head.status()), (!has_get, get.status()), "{path}");
        for name in ["content-type", "x-request-id", "etag", "location", "cache-control", "allow"] {
            assert_eq!(head.headers().get(name), get.headers().get(name), "{path}: {name}");
        }
        let allowed = head.headers().get("allow").map(|value| value.to_str().unwrap().contains("HEAD"));
        assert_eq!(allowed, (!has_get).then_some(false), "{path}");
        assert_eq!(head.response().body().size(), get.response().body().size(), "{path}");
        assert!(read_body(head).await.is_empty(), "{path}");
    }
}

#[actix_web::test]
async fn the_root_leads_to_pages_that_are_there() {
    let app = init_service(app(test_sources(), None)).await;
    let root: Value = actix_web::test::call_and_read_body_json(&app, TestRequest::get().uri("/").to_request()).await;
    let shown = &document()["components"]["schemas"]["Root"]["example"];
    for (name, path) in root.as_object().unwrap() {
        assert_eq!(shown[name], *path, "the document shows another {name}");
        if let Some(path) = path.as_str().filter(|path| path.starts_with('/')) {
            let response = call_service(&app, TestRequest::get().uri(path).to_request()).await;
            assert_eq!(response.status(), if name == "token" { 405 } else { 200 }, "{path}");
        }
    }
}

#[actix_web::test]
async fn a_request_without_a_name_is_given_one_and_an_odd_name_is_not_taken() {
    let app = init_service(app(test_sources(), None)).await;
    let mut seen = BTreeSet::new();
    for odd in ["", "a b", "a\tb", &"x".repeat(129)] {
        let request = TestRequest::get().uri("/openapi.json").insert_header(("X-Request-Id", odd)).to_request();
        let response = call_service(&app, request).await;
        let id = response.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();
        assert_eq!(id.len(), 36, "{id}");
        assert!(seen.insert(id));
    }
}

#[actix_web::test]
async fn a_handler_that_panics_answers_a_problem_and_the_next_request_is_served() {
    async fn broken() -> &'static str {
        panic!("on purpose")
    }
    let app = init_service(
        actix_web::App::new()
            .app_data(test_sources())
            .route("/broken", actix_web::web::get().to(broken))
            .wrap(actix_web::middleware::from_fn(crate::answer::finish)),
    )
    .await;
    for _twice in 0..2 {
        let request = TestRequest::get().uri("/broken").insert_header(("X-Request-Id", "r2")).to_request();
        let error = actix_web::dev::Service::call(&app, request).await.err().unwrap();
        let response = error.error_response();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&body["code"], &body["request_id"], &body["instance"]),
            (&"internal".into(), &"r2".into(), &"/broken".into())
        );
    }
}
