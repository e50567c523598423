//! A receiver of webhooks: HTTPS, and as forgetful, slow or broken as a test wants it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::authority::Authority;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Caught {
    /// Its method.
    pub method: String,
    /// Where it was sent.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body, byte for byte.
    pub body: Vec<u8>,
}

impl Caught {
    /// A header's value; empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The body.
    pub fn json(&self) -> anyhow::Result<serde_json::Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// The event's type.
    pub fn kind(&self) -> String {
        self.json().ok().and_then(|body| Some(body.get("type")?.as_str()?.to_owned())).unwrap_or_default()
    }

    /// Checks the signature with somebody else's implementation of Standard Webhooks. The time stamp is checked against
    /// the machine's clock only when the programs follow it.
    pub fn verify(&self, secret: &str, clock_is_real: bool) -> anyhow::Result<()> {
        let judge = standardwebhooks::Webhook::new(secret).context("the secret is no whsec_")?;
        if clock_is_real {
            let mut headers = http_headers(&self.headers)?;
            headers.remove("content-type");
            return judge.verify(&self.body, &headers).context("the signature does not hold");
        }
        let timestamp: i64 = self.header("webhook-timestamp").parse().context("no webhook-timestamp")?;
        let expected = judge.sign(self.header("webhook-id"), timestamp, &self.body)?;
        ensure!(
            self.header("webhook-signature").split(' ').any(|given| given == expected),
            "the signature does not hold"
        );
        Ok(())
    }
}

fn http_headers(headers: &[(String, String)]) -> anyhow::Result<reqwest::header::HeaderMap> {
    let mut map = reqwest::header::HeaderMap::new();
    for (name, value) in headers {
        map.insert(reqwest::header::HeaderName::try_from(name)?, reqwest::header::HeaderValue::from_str(value)?);
    }
    Ok(map)
}

/// What the receiver does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Answers with this status.
    Status(u16),
    /// Answers 429 or 503 and says when to come again.
    Later(u16, u32),
    /// Takes the request and hangs up.
    HangUp,
    /// Takes the request and says nothing more.
    Silence,
    /// Leads elsewhere.
    Redirect(String),
    /// Answers as somebody who has read the request.
    Says(Speaker),
}

type Speaks = dyn Fn(&Caught) -> (u16, serde_json::Value) + Send + Sync;

/// Whoever reads requests: the status and the JSON of their answers.
#[derive(Clone)]
pub struct Speaker(Arc<Speaks>);

impl Speaker {
    /// Answers so.
    pub fn new(answers: impl Fn(&Caught) -> (u16, serde_json::Value) + Send + Sync + 'static) -> Self {
        Self(Arc::new(answers))
    }
}

impl std::fmt::Debug for Speaker {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Speaker")
    }
}

/// A running receiver.
#[derive(Debug)]
pub struct Catcher {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    caught: Mutex<Vec<Caught>>,
    answer: Mutex<Answer>,
    news: Notify,
}

impl Catcher {
    /// Starts one that answers 204.
    pub async fn start(authority: &Authority) -> anyhow::Result<Self> {
        let acceptor = authority.acceptor()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            caught: Mutex::new(Vec::new()),
            answer: Mutex::new(Answer::Status(204)),
            news: Notify::new(),
        });
        let of_task = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _from)) = listener.accept().await {
                let (acceptor, shared) = (acceptor.clone(), Arc::clone(&of_task));
                tokio::spawn(async move { drop(serve(acceptor, stream, &shared).await) });
            }
        });
        Ok(Self { port, shared, task })
    }

    /// The address to register.
    pub fn url(&self) -> String {
        format!("https://hooks.psa.example:{}/daimon", self.port)
    }

    /// Changes the answer, also midway.
    pub fn answer(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// What came, oldest first.
    pub fn caught(&self) -> Vec<Caught> {
        self.shared.caught.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what came.
    pub fn forget(&self) {
        self.shared.caught.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits until more than `known` requests came.
    pub async fn wait_for_more_than(&self, known: usize) {
        loop {
            let news = self.shared.news.notified();
            if self.caught().len() > known {
                return;
            }
            news.await;
        }
    }

    /// Waits for the first request that `wanted` likes.
    pub async fn wait_for(&self, patience: Duration, wanted: impl Fn(&Caught) -> bool) -> anyhow::Result<Caught> {
        let look = async {
            loop {
                let news = self.shared.news.notified();
                if let Some(found) = self.caught().into_iter().find(&wanted) {
                    return found;
                }
                news.await;
            }
        };
        match tokio::time::timeout(patience, look).await {
            Ok(found) => Ok(found),
            Err(_elapsed) => {
                bail!(
                    "no such webhook within {patience:?}; came: {:?}",
                    self.caught().iter().map(Caught::kind).collect::<Vec<_>>()
                )
            }
        }
    }
}

impl Drop for Catcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(acceptor: tokio_rustls::TlsAcceptor, stream: TcpStream, shared: &Shared) -> anyhow::Result<()> {
    let mut stream = BufReader::new(acceptor.accept(stream).await?);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let mut words = line.split(' ').map(ToOwned::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length =
            headers.iter().find(|(name, _)| name == "content-length").map_or(Ok(0), |(_, value)| value.parse())?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let caught = Caught { method, path, headers, body };
        shared.caught.lock().unwrap_or_else(PoisonError::into_inner).push(caught.clone());
        shared.news.notify_waiters();
        let answer = shared.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut said = String::new();
        let (status, extra) = match answer {
            Answer::Status(status) => (status, String::new()),
            Answer::Later(status, seconds) => (status, format!("retry-after: {seconds}\r\n")),
            Answer::Redirect(to) => (302, format!("location: {to}\r\n")),
            Answer::Says(Speaker(answers)) => {
                let (status, body) = answers(&caught);
                said = body.to_string();
                (status, "content-type: application/json\r\n".to_owned())
            }
            Answer::HangUp => return Ok(()),
            Answer::Silence => std::future::pending().await,
        };
        let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", said.len()) };
        stream.write_all(format!("HTTP/1.1 {status} as told\r\n{extra}{length}\r\n{said}").as_bytes()).await?;
        stream.flush().await?;
    }
}
