//! Receivers verify with the reference libraries of their languages, in the words of the front page, while a secret rotates too.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::TimeDelta;
use daimon_tests::catcher::Caught;
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt;

/// What stands before the front page's lines: the request as a web framework would hand it over.
const PYTHON: &str = r#"
import base64, json, sys
came = json.load(sys.stdin)
class request: body = base64.b64decode(came["body"]); headers = came["headers"]
def ticket(key, kind): print("ticket", key, kind)
"#;
const JAVASCRIPT: &str = r#"
import { readFileSync } from "node:fs";
const came = JSON.parse(readFileSync(0, "utf8"));
const rawBody = Buffer.from(came.body, "base64").toString(), headers = came.headers;
const ticket = (key, kind) => console.log("ticket", key, kind);
"#;
/// A language, and where its library was put by `tests/deps.sh verify`.
struct Language {
    name: &'static str,
    program: &'static str,
    before: &'static str,
    file: &'static str,
}

const LANGUAGES: [Language; 2] = [
    Language { name: "python", program: "python3", before: PYTHON, file: "verify.py" },
    Language { name: "javascript", program: "node", before: JAVASCRIPT, file: "verify.mjs" },
];

fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.daimon/verify");
    assert!(folder.exists(), "the reference libraries are missing: `tests/deps.sh verify` fetches them");
    folder.canonicalize().unwrap()
}

/// The front page's lines in that language.
fn lines(language: &str) -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

impl Language {
    /// Whether a receiver that has this secret believes it; it says what ticket it made.
    async fn believes(&self, caught: &Caught, secret: &str) -> Option<String> {
        let folder = installed().join(self.name);
        let lines = lines(self.name);
        assert!(lines.contains("whsec_…") && lines.lines().count() <= 4, "{lines}");
        let code = format!("{}{}", self.before, lines.replace("whsec_…", secret));
        let name = format!("{}-{}", std::process::id(), self.file);
        std::fs::write(folder.join(&name), code).unwrap();
        let mut child = tokio::process::Command::new(self.program)
            .arg(&name)
            .current_dir(&folder)
            .env("PYTHONPATH", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context(self.program)
            .unwrap();
        let headers: serde_json::Map<_, _> =
            caught.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let came = json!({ "body": BASE64_STANDARD.encode(&caught.body), "headers": headers });
        child.stdin.take().unwrap().write_all(came.to_string().as_bytes()).await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        std::fs::remove_file(folder.join(&name)).unwrap();
        let (said, complaint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        let is_refusal = complaint.contains("Verification") || complaint.contains("signature");
        assert!(output.status.success() || is_refusal, "{} could not judge: {complaint}", self.name);
        output.status.success().then_some(said)
    }
}

/// The front page's lines in Rust, but for the secret and what is done with the event.
fn rust_believes(caught: &Caught, secret: &str) -> anyhow::Result<serde_json::Value> {
    let mut headers = reqwest::header::HeaderMap::new();
    for (name, value) in &caught.headers {
        headers.insert(reqwest::header::HeaderName::try_from(name)?, value.parse()?);
    }
    let body = &caught.body;
    let webhook = standardwebhooks::Webhook::new(secret)?;
    webhook.verify(body, &headers)?;
    Ok(serde_json::from_slice(body)?)
}

#[tokio::test]
async fn receivers_in_three_languages_believe_what_we_send_during_and_after_a_rotation() {
    let world = World::start().await.unwrap();
    let (client, catcher) = (&world.client, world.catcher().await.unwrap());
    let (id, old) = client.create_endpoint(&catcher.url()).await.unwrap();
    let path = format!("/v1/webhook-endpoints/{id}");
    let test = async || {
        client.post(&format!("{path}/test"), &json!({ "type": "incident.opened" })).await.unwrap();
        world.drain().await.unwrap();
        catcher.caught().pop().unwrap()
    };
    let before = test().await;
    let etag = client.get(&path).await.unwrap().etag.unwrap();
    let rotation = json!({ "overlap_s": 60 });
    let rotated =
        client.request(Method::POST, &format!("{path}/rotate-secret"), Some(&etag), Some(&rotation)).await.unwrap();
    let new = rotated.text("secret").unwrap();
    let during = test().await;
    world.pass(TimeDelta::seconds(60)).await.unwrap();
    let after = test().await;

    let cases = [
        (&before, &old, true),
        (&before, &new, false),
        (&during, &old, true),
        (&during, &new, true),
        (&after, &old, false),
        (&after, &new, true),
    ];
    let key = before.json().unwrap()["data"]["dedup_key"].as_str().unwrap().to_owned();
    for language in LANGUAGES {
        for (place, (caught, secret, is_believed)) in cases.iter().enumerate() {
            let said = language.believes(caught, secret).await;
            let made = is_believed.then(|| format!("ticket {key} incident.opened\n"));
            assert_eq!(said, made, "{}, case {place}", language.name);
        }
        let forged = Caught { body: b"{}".to_vec(), ..before.clone() };
        assert_eq!(language.believes(&forged, &old).await, None, "{}: forged", language.name);
    }
    for (place, (caught, secret, is_believed)) in cases.iter().enumerate() {
        assert_eq!(rust_believes(caught, secret).is_ok(), *is_believed, "rust, case {place}");
    }
    // What the front page says in Rust is what was run here.
    let page = lines("rust");
    let own = include_str!("verify.rs");
    for call in ["standardwebhooks::Webhook::new(", "webhook.verify(", "serde_json::from_slice("] {
        assert!(page.contains(call) && own.contains(call), "{call}: {page}");
    }
}
