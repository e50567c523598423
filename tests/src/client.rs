//! What a user of the API does, by name.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, ensure};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A caller with an API key.
pub struct Client {
    /// Where the API is.
    pub base: String,
    key: String,
    token: Mutex<Option<String>>,
    http: reqwest::Client,
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<client of {}>", self.base)
    }
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its `ETag`, if any.
    pub etag: Option<String>,
    /// Its `Retry-After`, if any.
    pub retry_after: Option<String>,
    /// Its body; null when there is none.
    pub body: Value,
}

impl Answer {
    /// A text inside the body.
    pub fn text(&self, key: &str) -> anyhow::Result<String> {
        let found = self.body.get(key).and_then(Value::as_str);
        found.map(ToOwned::to_owned).with_context(|| format!("no {key} in {}", self.body))
    }

    /// The same, or nothing when it is absent.
    pub fn word(&self, key: &str) -> &str {
        self.body.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it says, as it should, that something is away and when to come again.
    pub fn is_honest_refusal(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE.as_u16()
            && self.retry_after.is_some()
            && self.word("code") == "unavailable"
    }

    /// The objects of a page.
    pub fn items(&self) -> Vec<Value> {
        let list = ["items", "data"].iter().find_map(|key| self.body.get(key)).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    }
}

impl Client {
    /// A caller of the API at `base`.
    pub fn new(base: &str, key: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(std::time::Duration::from_secs(30))
            // The API closes what has been idle for five seconds: a request that is just then sent on it is lost.
            .pool_idle_timeout(std::time::Duration::from_secs(3))
            .build()?;
        Ok(Self { base: base.to_owned(), key: key.to_owned(), token: Mutex::new(None), http })
    }

    /// The key, to print a ready `curl`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The same API, another key.
    pub fn with_key(&self, key: &str) -> anyhow::Result<Self> {
        Self::new(&self.base, key)
    }

    /// Any request, with a token: made of the key when there is none or the one we have has expired. Writes carry what
    /// the API wants: a fresh `Idempotency-Key` for POST, `If-Match` when given.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        if_match: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let known = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = known {
            let answer = self.send(&method, path, &token, if_match, body).await?;
            if answer.status != StatusCode::UNAUTHORIZED.as_u16() {
                return Ok(answer);
            }
        }
        let token = self.sign_in().await?;
        self.send(&method, path, &token, if_match, body).await
    }

    /// Makes a token of the key.
    pub async fn sign_in(&self) -> anyhow::Result<String> {
        let answer = self.send(&Method::POST, "/v1/auth/token", &self.key, None, None).await?;
        ensure!(answer.status == StatusCode::OK.as_u16(), "the key was refused: {} {}", answer.status, answer.body);
        let token = answer.text("access_token")?;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token)
    }

    /// Any request with this token, or with none when it is empty; whatever comes of it.
    pub async fn with_token(
        &self,
        token: &str,
        method: Method,
        path: &str,
        if_match: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        self.send(&method, path, token, if_match, body).await
    }

    /// Creates something under a key of the caller's own, so that it can be asked for again; whatever comes of it.
    pub async fn post_once(&self, path: &str, once: &str, body: &Value) -> anyhow::Result<Answer> {
        self.change_once(path, None, once, body).await
    }

    /// The same of what changes something that is there.
    pub async fn change_once(
        &self,
        path: &str,
        if_match: Option<&str>,
        once: &str,
        body: &Value,
    ) -> anyhow::Result<Answer> {
        let known = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let token = if let Some(token) = known { token } else { self.sign_in().await? };
        let answer = self.send_once(&Method::POST, path, &token, if_match, Some(body), once).await?;
        if answer.status != StatusCode::UNAUTHORIZED.as_u16() {
            return Ok(answer);
        }
        let token = self.sign_in().await?;
        self.send_once(&Method::POST, path, &token, if_match, Some(body), once).await
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        bearer: &str,
        if_match: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        use daimon_domain::clock::Entropy as _;
        let mut random = [0; 16];
        daimon_seal::SystemEntropy.fill(&mut random);
        let once: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        self.send_once(method, path, bearer, if_match, body, &once).await
    }

    async fn send_once(
        &self,
        method: &Method,
        path: &str,
        bearer: &str,
        if_match: Option<&str>,
        body: Option<&Value>,
        once: &str,
    ) -> anyhow::Result<Answer> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if !bearer.is_empty() {
            request = request.bearer_auth(bearer);
        }
        if *method == Method::POST {
            request = request.header("idempotency-key", once);
        }
        if let Some(etag) = if_match {
            request = request.header("if-match", etag);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let header =
            |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let (etag, retry_after) = (header("etag"), header("retry-after"));
        let bytes = answer.bytes().await?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, etag, retry_after, body })
    }

    /// Reads something.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let answer = self.request(Method::GET, path, None, None).await?;
        ensure!(answer.status == StatusCode::OK.as_u16(), "GET {path}: {} {}", answer.status, answer.body);
        Ok(answer)
    }

    /// Creates or does something.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let answer = self.request(Method::POST, path, None, Some(body)).await?;
        ensure!((200..300).contains(&answer.status), "POST {path}: {} {}", answer.status, answer.body);
        Ok(answer)
    }

    /// Sends a message as it came over SMTP, to be read; what it says.
    pub async fn classify(&self, message: Vec<u8>) -> anyhow::Result<Value> {
        let known = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let token = if let Some(token) = known { token } else { self.sign_in().await? };
        let request = self.http.post(format!("{}/v1/classify", self.base)).bearer_auth(token);
        let answer = request.header("content-type", "message/rfc822").body(message).send().await?;
        ensure!(answer.status() == StatusCode::OK, "the message was refused: {}", answer.status());
        Ok(serde_json::from_slice(&answer.bytes().await?)?)
    }

    /// Reads something that is written for people: the headers and the text.
    pub async fn read(&self, path: &str, accept: &str) -> anyhow::Result<(HeaderMap, String)> {
        let known = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let token = if let Some(token) = known { token } else { self.sign_in().await? };
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(token).header("accept", accept);
        let answer = request.send().await?;
        ensure!(answer.status() == StatusCode::OK, "GET {path}: {}", answer.status());
        Ok((answer.headers().clone(), answer.text().await?))
    }

    /// Asks for something that is written for people or spreadsheets and given by POST: the status and the text.
    pub async fn take(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let token = self.sign_in().await?;
        let answer = self.http.post(format!("{}{path}", self.base)).bearer_auth(token).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// Registers a client company; its id.
    pub async fn create_tenant(&self, name: &str) -> anyhow::Result<String> {
        self.post("/v1/tenants", &json!({ "name": name })).await?.text("id")
    }

    /// Onboards a mailbox on `host:port` with TLS from the first byte; its id.
    pub async fn create_mailbox(
        &self,
        tenant: &str,
        address: &str,
        password: &str,
        host: &str,
        port: u16,
    ) -> anyhow::Result<String> {
        let body = json!({
            "tenant_id": tenant,
            "address": address,
            "imap": { "host": host, "port": port, "tls": "implicit" },
            "password": password,
        });
        self.post("/v1/mailboxes", &body).await?.text("id")
    }

    /// One mailbox.
    pub async fn mailbox(&self, id: &str) -> anyhow::Result<Value> {
        Ok(self.get(&format!("/v1/mailboxes/{id}")).await?.body)
    }

    /// Asks for a mailbox to be read now.
    pub async fn poll_now(&self, id: &str) -> anyhow::Result<()> {
        let path = format!("/v1/mailboxes/{id}/poll-now");
        self.post(&path, &json!({})).await?;
        Ok(())
    }

    /// Registers a receiver of webhooks for every event; its id and its secret.
    pub async fn create_endpoint(&self, url: &str) -> anyhow::Result<(String, String)> {
        let answer = self.post("/v1/webhook-endpoints", &json!({ "url": url })).await?;
        Ok((answer.text("id")?, answer.text("secret")?))
    }

    /// The bounces of a mailbox, newest first.
    pub async fn bounces(&self, mailbox: &str) -> anyhow::Result<Vec<Value>> {
        Ok(self.get(&format!("/v1/bounces?mailbox_id={mailbox}&limit=200")).await?.items())
    }

    /// All incidents, newest first.
    pub async fn incidents(&self) -> anyhow::Result<Vec<Value>> {
        Ok(self.get("/v1/incidents?limit=200").await?.items())
    }

    /// One incident with evidence and playbook.
    pub async fn incident(&self, id: &str) -> anyhow::Result<Value> {
        Ok(self.get(&format!("/v1/incidents/{id}")).await?.body)
    }

    /// Asks something of an incident, such as `contain`; whatever comes of it.
    pub async fn ask(&self, incident: &str, what: &str, body: &Value) -> anyhow::Result<Answer> {
        self.request(Method::POST, &format!("/v1/incidents/{incident}/{what}"), None, Some(body)).await
    }

    /// Sets a step of an incident's playbook.
    pub async fn set_step(
        &self,
        incident: &str,
        step: &str,
        state: &str,
        note: Option<&str>,
    ) -> anyhow::Result<Answer> {
        let path = format!("/v1/incidents/{incident}/steps/{step}");
        let body = note.map_or(json!({ "state": state }), |note| json!({ "state": state, "note": note }));
        self.request(Method::PUT, &path, None, Some(&body)).await
    }

    /// Replaces a mailbox's password.
    pub async fn replace_password(&self, mailbox: &str, password: &str) -> anyhow::Result<()> {
        let path = format!("/v1/mailboxes/{mailbox}");
        let etag = self.get(&path).await?.etag.context("a mailbox without an ETag")?;
        let body = json!({ "password": password });
        let answer = self.request(Method::PUT, &format!("{path}/credential"), Some(&etag), Some(&body)).await?;
        ensure!(answer.status == StatusCode::OK.as_u16(), "the password was not taken: {}", answer.body);
        Ok(())
    }

    /// All events, oldest first.
    pub async fn events(&self) -> anyhow::Result<Vec<Value>> {
        Ok(self.get("/v1/events?limit=200").await?.items())
    }
}
