//! A recipe, run by Python as it lies there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chrono::{DateTime, Utc};
use daimon_tests::keep::Kept;
use reqwest::StatusCode;
use serde_json::Value;

use super::desk::text;

const PATIENCE: Duration = Duration::from_secs(20);

/// With no setting but where programs are.
pub(super) fn python() -> Command {
    let mut command = Command::new("python3");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "*");
    command
}

/// A recipe and what was set for it.
pub(super) struct Recipe {
    pub(super) name: &'static str,
    /// Its endpoint's id.
    pub(super) endpoint: String,
    /// And its secret.
    pub(super) secret: String,
    url: String,
    state: PathBuf,
    settings: Vec<(String, String)>,
    kept: Option<Kept>,
    said: String,
    http: reqwest::Client,
}

impl Recipe {
    /// Listens there once it is started, and remembers in `folder`.
    pub(super) fn new(name: &'static str, url: &str, endpoint: &Value, folder: &Path, http: reqwest::Client) -> Self {
        let (endpoint, secret) = (text(endpoint, "/id"), text(endpoint, "/secret"));
        let state = folder.join(format!("{name}.sqlite"));
        let settings = [
            ("DAIMON_LISTEN", url.trim_start_matches("http://")),
            ("DAIMON_STATE", state.to_str().unwrap()),
            ("DAIMON_WEBHOOK_SECRET", secret.as_str()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { name, endpoint, secret, url: url.to_owned(), state, settings, kept: None, said: String::new(), http }
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Starts it, anew if it runs.
    pub(super) async fn start(&mut self) {
        self.end();
        let mut command = python();
        command.arg(format!("{}/../openapi/recipes/{}.py", env!("CARGO_MANIFEST_DIR"), self.name));
        command.envs(self.settings.clone());
        let name = self.name;
        let started = tokio::task::spawn_blocking(move || {
            let mut kept = Kept::start(name, command, "TERM", None)?;
            kept.ready_line(PATIENCE)?;
            anyhow::Ok(kept)
        });
        self.kept = Some(started.await.unwrap().unwrap());
    }

    fn end(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.said.push_str(&kept.output());
            kept.kill().unwrap();
        }
    }

    /// Starts it without what it has written down.
    pub(super) async fn forgets(&mut self) {
        self.end();
        std::fs::remove_file(&self.state).unwrap();
        self.start().await;
    }

    /// All that it has said.
    pub(super) fn said(&self) -> String {
        let now = self.kept.as_ref().map(Kept::output).unwrap_or_default();
        format!("{}{now}", self.said)
    }

    /// How often it has told the other side something.
    pub(super) fn told(&self) -> usize {
        self.said().lines().filter(|line| line.contains(": ticket ") || line.contains(", told ticket ")).count()
    }

    /// The settings that nobody but it may know.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let is_secret = |name: &str| ["SECRET", "KEY", "TOKEN", "PASSWORD"].iter().any(|word| name.contains(word));
        self.settings.iter().filter(move |(name, _)| is_secret(name)).map(|(_, value)| value.as_str())
    }

    /// Sends it an event as Daimon does at `at`; what it answers.
    pub(super) async fn hears(&self, webhook: &str, at: DateTime<Utc>, event: &Value) -> StatusCode {
        self.hears_from(&self.secret, webhook, at, event).await
    }

    /// The same from whoever has that secret.
    pub(super) async fn hears_from(&self, secret: &str, webhook: &str, at: DateTime<Utc>, event: &Value) -> StatusCode {
        let judge = standardwebhooks::Webhook::new(secret).unwrap();
        let signature = judge.sign(webhook, at.timestamp(), event.to_string().as_bytes()).unwrap();
        let request = self.http.post(&self.url).header("webhook-id", webhook).header("webhook-signature", signature);
        let request = request.header("webhook-timestamp", at.timestamp()).body(event.to_string());
        request.send().await.unwrap().status()
    }
}
