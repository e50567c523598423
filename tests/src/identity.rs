//! An identity provider: it gives access tokens as a script says, and tells Dovecot which of them hold.
//!
//! Tokens are asked for over TLS (RFC 6749). Dovecot asks about them in clear on loopback (RFC 7662), because its own client
//! would want our authority in its configuration.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::authority::Authority;

/// The name of its certificate.
pub const HOST: &str = "login.identity.example";
/// What an application shows.
pub const CLIENT_SECRET: &str = "canary-client-secret";
/// What a user consented to, at first.
pub const REFRESH_TOKEN: &str = "canary-refresh-0";

/// A question as it came: the fields of its form.
pub type Asked = BTreeMap<String, String>;

/// An answer in place of a token.
#[derive(Clone, Debug)]
pub struct Scripted {
    /// Its status.
    pub status: u16,
    /// Seconds to stay away.
    pub retry_after: Option<u32>,
    /// Its body.
    pub body: Value,
}

impl Scripted {
    /// Asks to come later.
    pub fn later(status: u16, seconds: u32) -> Self {
        // A throttling provider judges nobody, whatever it writes.
        Self { status, retry_after: Some(seconds), body: json!({ "error": "invalid_grant" }) }
    }

    /// Refuses.
    pub fn refusal(error: &str) -> Self {
        Self { status: 400, retry_after: None, body: json!({ "error": error, "error_description": "as told" }) }
    }
}

/// A running provider.
#[derive(Debug)]
pub struct Identity {
    port: u16,
    introspection: u16,
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    news: Notify,
    opened: Notify,
}

#[derive(Debug)]
struct State {
    /// Whom a token names that names no mailbox.
    user: String,
    /// How long a token holds, in seconds.
    expires_in: u64,
    /// Tokens that hold, with whom they name.
    tokens: BTreeMap<String, String>,
    given: u64,
    /// The refresh token that holds; none once it was revoked.
    refresh_token: Option<String>,
    used: BTreeSet<String>,
    reused: usize,
    asked: Vec<Asked>,
    script: VecDeque<Scripted>,
    /// Answers wait until it is opened.
    is_shut: bool,
    /// The public key of a service account.
    trusted: Option<Vec<u8>>,
    /// Whom a service account may act for.
    users: BTreeSet<String>,
}

impl Identity {
    /// Starts one whose tokens name `user`.
    pub async fn start(authority: &Authority, user: &str) -> anyhow::Result<Self> {
        let acceptor = authority.acceptor()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                user: user.to_owned(),
                expires_in: 3_600,
                tokens: BTreeMap::new(),
                given: 0,
                refresh_token: Some(REFRESH_TOKEN.to_owned()),
                used: BTreeSet::new(),
                reused: 0,
                asked: Vec::new(),
                script: VecDeque::new(),
                is_shut: false,
                trusted: None,
                users: BTreeSet::new(),
            }),
            news: Notify::new(),
            opened: Notify::new(),
        });
        let (tokens, introspection) =
            (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let ports = (tokens.local_addr()?.port(), introspection.local_addr()?.port());
        let of_task = Arc::clone(&shared);
        let giving = tokio::spawn(async move {
            while let Ok((stream, _from)) = tokens.accept().await {
                let (acceptor, shared) = (acceptor.clone(), Arc::clone(&of_task));
                tokio::spawn(async move { drop(shared.give(acceptor, stream).await) });
            }
        });
        let of_task = Arc::clone(&shared);
        let telling = tokio::spawn(async move {
            while let Ok((stream, _from)) = introspection.accept().await {
                let shared = Arc::clone(&of_task);
                tokio::spawn(async move { drop(shared.tell(stream).await) });
            }
        });
        Ok(Self { port: ports.0, introspection: ports.1, shared, tasks: [giving, telling] })
    }

    /// Where tokens are asked for.
    pub fn token_url(&self) -> String {
        format!("https://{HOST}:{}/token", self.port)
    }

    /// The same as Google's.
    pub fn google_token_url(&self) -> String {
        format!("https://oauth2.googleapis.com:{}/token", self.port)
    }

    /// Where Dovecot asks about them.
    pub fn introspection_url(&self) -> String {
        format!("http://127.0.0.1:{}/introspect", self.introspection)
    }

    /// What was asked, oldest first.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.lock().asked.clone()
    }

    /// How often a refresh token was shown that had been used before.
    pub fn reused(&self) -> usize {
        self.shared.lock().reused
    }

    /// Waits until more than `known` questions came.
    pub async fn wait_for_more_than(&self, known: usize) {
        loop {
            let news = self.shared.news.notified();
            if self.asked().len() > known {
                return;
            }
            news.await;
        }
    }

    /// What to answer next, in place of a token.
    pub fn say(&self, answers: impl IntoIterator<Item = Scripted>) {
        self.shared.lock().script.extend(answers);
    }

    /// Lets answers wait until [`Identity::open`].
    pub fn shut(&self) {
        self.shared.lock().is_shut = true;
    }

    /// Answers what waits, and what comes.
    pub fn open(&self) {
        self.shared.lock().is_shut = false;
        self.shared.opened.notify_waiters();
    }

    /// Tokens hold for so many seconds from now on.
    pub fn gives_for(&self, seconds: u64) {
        self.shared.lock().expires_in = seconds;
    }

    /// No token that was given holds any more: time has passed, or an administrator has ended all sessions.
    pub fn end_tokens(&self) {
        self.shared.lock().tokens.clear();
    }

    /// A user consents again; what to ask with from now on.
    pub fn consent_again(&self) -> String {
        let mut state = self.shared.lock();
        state.given += 1;
        let token = format!("canary-refresh-{}", state.given);
        state.refresh_token = Some(token.clone());
        token
    }

    /// The user takes the consent back.
    pub fn revoke(&self) {
        self.shared.lock().refresh_token = None;
    }

    /// Trusts a service account, for these users.
    pub fn trust(&self, public_key: Vec<u8>, users: &[String]) {
        let mut state = self.shared.lock();
        state.trusted = Some(public_key);
        state.users = users.iter().cloned().collect();
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn give(&self, acceptor: tokio_rustls::TlsAcceptor, stream: TcpStream) -> anyhow::Result<()> {
        let mut stream = BufReader::new(acceptor.accept(stream).await?);
        let form = request(&mut stream).await?;
        let answer = self.token(form).await;
        respond(&mut stream, &answer).await
    }

    async fn tell(&self, stream: TcpStream) -> anyhow::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let body = self.introspect(&request(&mut stream).await?);
            respond(&mut stream, &Scripted { status: 200, retry_after: None, body }).await?;
        }
    }

    async fn token(&self, form: Asked) -> Scripted {
        self.lock().asked.push(form.clone());
        self.news.notify_waiters();
        loop {
            let opened = self.opened.notified();
            if !self.lock().is_shut {
                break;
            }
            opened.await;
        }
        let mut state = self.lock();
        if let Some(scripted) = state.script.pop_front() {
            return scripted;
        }
        state.answer(&form)
    }

    fn introspect(&self, form: &Asked) -> Value {
        let state = self.lock();
        match form.get("token").and_then(|token| state.tokens.get(token)) {
            Some(user) => json!({ "active": true, "username": user, "scope": "imap" }),
            None => json!({ "active": false }),
        }
    }
}

impl State {
    fn answer(&mut self, form: &Asked) -> Scripted {
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let mut rotated = None;
        let user = match field("grant_type") {
            _ if form.contains_key("client_secret") && field("client_secret") != CLIENT_SECRET => {
                return Scripted::refusal("invalid_client");
            }
            "client_credentials" => self.user.clone(),
            "refresh_token" => {
                let shown = field("refresh_token").to_owned();
                if self.used.contains(&shown) {
                    // Somebody has stolen it, as far as a strict provider can tell (RFC 9700, 4.14.2).
                    self.reused += 1;
                    self.refresh_token = None;
                }
                if self.refresh_token.as_ref() != Some(&shown) {
                    return Scripted::refusal("invalid_grant");
                }
                self.used.insert(shown);
                let next = format!("canary-refresh-{}", self.used.len() + 1_000);
                self.refresh_token = Some(next.clone());
                rotated = Some(next);
                self.user.clone()
            }
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => match self.asserted(field("assertion")) {
                Ok(user) if self.users.contains(&user) => user,
                Ok(_nobody) => return Scripted::refusal("invalid_grant"),
                Err(_forged) => return Scripted::refusal("unauthorized_client"),
            },
            _ => return Scripted::refusal("unsupported_grant_type"),
        };
        self.given += 1;
        let token = format!("canary-access-{}", self.given);
        self.tokens.insert(token.clone(), user);
        let mut body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": self.expires_in });
        if let Some((rotated, body)) = rotated.zip(body.as_object_mut()) {
            body.insert("refresh_token".to_owned(), json!(rotated));
        }
        Scripted { status: 200, retry_after: None, body }
    }

    /// For whom an assertion asks, if it is the trusted one's.
    fn asserted(&self, assertion: &str) -> anyhow::Result<String> {
        let key = self.trusted.as_ref().context("nobody is trusted")?;
        let (signed, signature) = assertion.rsplit_once('.').context("no signature")?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature)?;
        let algorithm = &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(algorithm, key);
        ensure!(key.verify(signed.as_bytes(), &signature).is_ok(), "another signature");
        let claims = signed.split('.').nth(1).context("no claims")?;
        let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims)?)?;
        Ok(claims.get("sub").and_then(Value::as_str).context("no sub")?.to_owned())
    }
}

/// A form as it came over HTTP.
async fn request<S>(stream: &mut BufReader<S>) -> anyhow::Result<Asked>
where
    S: AsyncRead + Unpin,
{
    let mut line = String::new();
    ensure!(stream.read_line(&mut line).await? > 0, "it hung up");
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(url::form_urlencoded::parse(&body).into_owned().collect())
}

async fn respond<S>(stream: &mut BufReader<S>, answer: &Scripted) -> anyhow::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let body = answer.body.to_string();
    let retry_after = answer.retry_after.map_or_else(String::new, |seconds| format!("retry-after: {seconds}\r\n"));
    let head = format!(
        "HTTP/1.1 {} as told\r\ncontent-type: application/json\r\n{retry_after}content-length: {}\r\n\r\n",
        answer.status,
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    Ok(stream.flush().await?)
}
