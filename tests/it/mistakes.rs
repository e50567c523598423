//! What a newcomer gets wrong: each mistake is refused where it is, in words that need no knowledge of our programs.
//!
//! The document says what there is to get wrong, so a new field is walked without being named here.

use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Map, Value, json};

/// What only somebody who reads our source would understand.
const INSIDE: [&str; 14] = [
    "invalid type",
    "expected",
    "struct",
    "u8",
    "u16",
    "u32",
    "u64",
    "i64",
    "usize",
    "sequence",
    "variant",
    "visitor",
    "EOF",
    "provided string",
];

struct Caller {
    base: String,
    token: String,
    http: reqwest::Client,
}

impl Caller {
    async fn of(world: &World) -> Self {
        let token = world.client.sign_in().await.unwrap();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { base: world.client.base.clone(), token, http }
    }

    fn request(&self, method: &Method, path: &str, with_token: bool) -> reqwest::RequestBuilder {
        let request = self.http.request(method.clone(), format!("{}{path}", self.base)).header("if-match", "\"1\"");
        if with_token { request.bearer_auth(&self.token) } else { request }
    }
}

async fn answered(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Each operation as its method, a path with ids that never were, whether it takes the token, and itself.
fn operations(document: &Value) -> Vec<(Method, String, bool, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        // Those of the examples never were.
        let mut real = path.clone();
        let parameters = item.as_object().unwrap().values().filter_map(|operation| operation["parameters"].as_array());
        for parameter in parameters.flatten().filter(|parameter| parameter["in"] == "path") {
            let shown = parameter.pointer("/schema/examples/0").or_else(|| parameter.get("example")).unwrap();
            real = real.replace(&format!("{{{}}}", parameter["name"].as_str().unwrap()), shown.as_str().unwrap());
        }
        assert!(!real.contains('{'), "no id is known for {path}");
        for (verb, operation) in item.as_object().unwrap() {
            let method = Method::from_bytes(verb.to_uppercase().as_bytes()).unwrap();
            let with_token = operation.pointer("/security/0/token").is_some();
            found.push((method, real.clone(), with_token, operation.clone()));
        }
    }
    found
}

/// A schema without references and without `null` among its alternatives.
fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return resolved(document, document.pointer(reference.trim_start_matches('#')).unwrap());
    }
    let mut alternatives = schema["oneOf"].as_array().into_iter().flatten();
    match alternatives.rfind(|one| one["type"] != "null") {
        Some(one) => resolved(document, one),
        None => schema,
    }
}

fn is(schema: &Value, name: &str) -> bool {
    schema["type"] == name || schema["type"].as_array().is_some_and(|types| types.contains(&name.into()))
}

/// A value that fits, with everything that there may be.
fn whole(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    let shown = schema["examples"].get(0).or(schema.get("example"));
    let Some(properties) = schema["properties"].as_object() else {
        return match shown {
            Some(shown) => shown.clone(),
            None if is(schema, "object") => json!({}),
            None if is(schema, "array") => json!([whole(document, &schema["items"])]),
            None if is(schema, "boolean") => json!(true),
            None if is(schema, "integer") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
            None if schema["format"] == "date-time" => json!("2026-11-24T07:00:00Z"),
            None if schema["format"] == "email" => json!("sato@sakura.example"),
            None if schema["format"] == "hostname" => json!("imap.sakura.example"),
            None => json!("text"),
        };
    };
    let mut object = shown.and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, property) in properties {
        object.entry(name.clone()).or_insert_with(|| whole(document, property));
    }
    for (name, value) in &mut object {
        let is_empty = value.as_object().map_or(value.is_null(), Map::is_empty);
        if let Some(property) = properties.get(name).filter(|it| is_empty && is(resolved(document, it), "object")) {
            *value = whole(document, property);
        }
    }
    Value::Object(object)
}

/// Every place of a body, with its schema.
fn places<'d>(document: &'d Value, schema: &'d Value, at: &str, found: &mut Vec<(String, &'d Value)>) {
    let schema = resolved(document, schema);
    found.push((at.to_owned(), schema));
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        places(document, property, &format!("{at}/{name}"), found);
    }
}

/// What was refused there, in words for people?
fn complaint(answer: &(u16, Value), place: &str, at: &str) -> Option<String> {
    let (status, body) = answer;
    let error = body.pointer("/errors/0").unwrap_or(&Value::Null);
    let detail = error["detail"].as_str().unwrap_or_default();
    let is_inside = INSIDE.iter().any(|word| detail.split(|c: char| !c.is_alphanumeric()).any(|one| one == *word))
        || INSIDE.iter().any(|word| word.contains(' ') && detail.contains(word));
    let is_right = *status == 422 && error[place] == at && detail.starts_with("must be ") && !is_inside;
    (!is_right).then(|| format!("{at}: {status} {body}"))
}

#[tokio::test]
async fn a_body_is_wrong_at_a_place_and_for_a_reason_that_people_understand() {
    let world = World::without_worker().await.unwrap();
    let caller = Caller::of(&world).await;
    let document = world.client.get("/openapi.json").await.unwrap().body;
    let (mut bodies, mut nested, mut wrong) = (0, 0, Vec::new());
    for (method, path, with_token, operation) in operations(&document) {
        let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") else { continue };
        bodies += 1;
        let fits = whole(&document, schema);
        let mut all = Vec::new();
        places(&document, schema, "", &mut all);
        for (at, schema) in all {
            let mut mistakes = Vec::new();
            if is(schema, "object") {
                // By position, as a structure would be filled by serde alone.
                let members = fits.pointer(&at).and_then(Value::as_object).cloned().unwrap_or_default();
                mistakes.extend([json!(members.values().collect::<Vec<_>>()), json!([]), json!(5), json!("text")]);
                nested += usize::from(!at.is_empty());
            } else if is(schema, "array") {
                mistakes.extend([json!({}), json!("text")]);
            } else if is(schema, "boolean") {
                mistakes.extend([json!("true"), json!(1)]);
            } else if is(schema, "integer") {
                mistakes.extend([json!("1"), json!(-1), json!(1.5), json!(true), json!(9_999_999_999_u64)]);
            } else {
                mistakes.extend([json!(5), json!([]), json!({})]);
            }
            for mistake in mistakes {
                let mut body = fits.clone();
                *body.pointer_mut(&at).unwrap() = mistake;
                let answer = answered(caller.request(&method, &path, with_token).json(&body)).await;
                wrong.extend(complaint(&answer, "pointer", &at).map(|it| format!("{method} {path} {it}")));
            }
        }
    }
    assert!(bodies >= 8 && nested >= 4, "{bodies} bodies, {nested} objects in them");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_parameter_is_wrong_by_its_name_and_a_path_to_nothing_is_no_path() {
    let world = World::without_worker().await.unwrap();
    let caller = Caller::of(&world).await;
    let document = world.client.get("/openapi.json").await.unwrap().body;
    let (mut walked, mut wrong) = (0, Vec::new());
    for (method, path, with_token, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (name, schema) = (parameter["name"].as_str().unwrap(), resolved(&document, &parameter["schema"]));
            let has_rule = ["enum", "pattern"].iter().any(|rule| schema.get(rule).is_some())
                || schema["format"] == "date-time"
                || ["integer", "boolean"].iter().any(|kind| is(schema, kind));
            if parameter["in"] == "query" && has_rule {
                for mistake in ["Non+sense", "-1", ""] {
                    // A group may be called so.
                    if (name, mistake) == ("group", "-1") {
                        continue;
                    }
                    let real = format!("{path}?{name}={mistake}");
                    let answer = answered(caller.request(&method, &real, with_token)).await;
                    wrong.extend(complaint(&answer, "parameter", name).map(|it| format!("{method} {real} {it}")));
                    walked += 1;
                }
            }
        }
        if let Some(id) = path.split('/').find(|part| part.len() > 32 && part.contains('_')) {
            let real = path.replace(id, "nonsense");
            let body = operation.pointer("/requestBody/content/application~1json/schema");
            let mut request = caller.request(&method, &real, with_token);
            if let Some(schema) = body {
                request = request.json(&whole(&document, schema));
            }
            let (status, body) = answered(request).await;
            if status != 404 || !body["detail"].as_str().unwrap_or_default().starts_with("There is no such ") {
                wrong.push(format!("{method} {real}: {status} {body}"));
            }
            walked += 1;
        }
    }
    assert!(walked >= 60, "{walked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn head_is_answered_like_get_over_the_wire() {
    let world = World::without_worker().await.unwrap();
    let caller = Caller::of(&world).await;
    world.client.create_tenant("Sakura Dental Clinic").await.unwrap();
    let document = world.client.get("/openapi.json").await.unwrap().body;
    let mut walked = 0;
    for (method, path, with_token, _operation) in operations(&document) {
        if method != Method::GET {
            continue;
        }
        for with_token in [with_token, false] {
            let ask = |method| caller.request(method, &path, with_token).header("x-request-id", "r1").send();
            let (get, head) = (ask(&Method::GET).await.unwrap(), ask(&Method::HEAD).await.unwrap());
            assert_eq!(head.status(), get.status(), "{path}");
            for name in ["content-type", "content-length", "etag", "www-authenticate"] {
                assert_eq!(head.headers().get(name), get.headers().get(name), "{path}: {name}");
            }
            assert!(head.bytes().await.unwrap().is_empty(), "{path}");
            walked += 1;
        }
    }
    assert!(walked >= 30, "{walked}");
}
