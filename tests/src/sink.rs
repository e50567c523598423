//! A receiver of thousands of webhooks: strict, forgetful of bodies, and cheap, because it shares the processors with what
//! is measured.
//!
//! It notes of each event how often it came and when first, and checks every signature with somebody else's implementation
//! of Standard Webhooks. Each of its endpoints is `/e/` and a name, and has manners of its own.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use daimon_domain::clock::{Clock as _, SystemClock};
use standardwebhooks::Webhook;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::authority::Authority;

/// What an endpoint does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Answers with this status.
    Answers(u16),
    /// Thinks for so long, then answers 204.
    Thinks(Duration),
    /// Takes the request and says nothing, until it has other manners.
    Holds,
    /// Answers with a byte a second.
    Drips,
    /// Takes an event and says at first that it did not.
    Lies,
    /// Leads elsewhere.
    Redirects(String),
    /// Takes the request and hangs up.
    HangsUp,
}

/// An event that came to an endpoint.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When first.
    pub at: DateTime<Utc>,
    /// How often.
    pub times: u32,
    /// How often it was answered with 2xx.
    pub accepted: u32,
    /// Its body, if bodies are kept.
    pub body: Vec<u8>,
    digest: u64,
}

/// A running receiver.
#[derive(Debug)]
pub struct Sink {
    base: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Endpoint {
    manner: Option<Manner>,
    secrets: Vec<Webhook>,
    arrived: HashMap<String, Arrival>,
}

struct Shared {
    keeps_bodies: bool,
    endpoints: Mutex<HashMap<String, Endpoint>>,
    /// What must not be: requests that nobody expects, or that are not signed as they should be.
    faults: Mutex<Vec<String>>,
    first_time: AtomicU64,
    requests: AtomicU64,
    changed: Notify,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "<what has arrived>")
    }
}

impl Sink {
    /// Starts one, over TLS or, without an authority, in clear on 127.0.0.1.
    pub async fn start(authority: Option<&Authority>, keeps_bodies: bool) -> anyhow::Result<Self> {
        let acceptor = authority.map(Authority::acceptor).transpose()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let scheme = if acceptor.is_some() { "https://hooks.psa.example" } else { "http://127.0.0.1" };
        let shared = Arc::new(Shared {
            keeps_bodies,
            endpoints: Mutex::default(),
            faults: Mutex::default(),
            first_time: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            changed: Notify::new(),
        });
        let of_task = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _from)) = listener.accept().await {
                let (acceptor, shared) = (acceptor.clone(), Arc::clone(&of_task));
                tokio::spawn(async move {
                    drop(stream.set_nodelay(true));
                    match acceptor {
                        Some(acceptor) => shared.serve(acceptor.accept(stream).await?).await,
                        None => shared.serve(stream).await,
                    }
                });
            }
        });
        Ok(Self { base: format!("{scheme}:{port}/e"), shared, task })
    }

    /// The address of one of its endpoints.
    pub fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    /// An endpoint signs with this secret.
    pub fn knows(&self, name: &str, secret: &str) -> anyhow::Result<()> {
        let secret = Webhook::new(secret).context("the secret is no whsec_")?;
        self.shared.endpoints().entry(name.to_owned()).or_default().secrets.push(secret);
        Ok(())
    }

    /// Changes an endpoint's manners, also those of requests that it holds. At first each answers 204.
    pub fn behaves(&self, name: &str, manner: Manner) {
        self.shared.endpoints().entry(name.to_owned()).or_default().manner = Some(manner);
        self.shared.changed.notify_waiters();
    }

    /// What came to an endpoint, by `webhook-id`.
    pub fn arrived(&self, name: &str) -> HashMap<String, Arrival> {
        self.shared.endpoints().get(name).map(|endpoint| endpoint.arrived.clone()).unwrap_or_default()
    }

    /// How many events came to an endpoint.
    pub fn count(&self, name: &str) -> usize {
        self.shared.endpoints().get(name).map_or(0, |endpoint| endpoint.arrived.len())
    }

    /// How many different events came, each endpoint's counted for itself.
    pub fn first_times(&self) -> u64 {
        self.shared.first_time.load(Ordering::Relaxed)
    }

    /// How many requests came.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// What was wrong with requests.
    pub fn faults(&self) -> Vec<String> {
        self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what came.
    pub fn forget(&self) {
        self.shared.endpoints().values_mut().for_each(|endpoint| endpoint.arrived.clear());
        self.shared.first_time.store(0, Ordering::Relaxed);
        self.shared.requests.store(0, Ordering::Relaxed);
    }

    /// Waits until an endpoint has that many events.
    pub async fn wait_for(&self, name: &str, count: usize, patience: Duration) -> anyhow::Result<()> {
        let wait = async {
            while self.count(name) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(patience, wait).await;
        waited.map_err(|_elapsed| {
            anyhow::anyhow!("{} of {count} events came to {name} within {patience:?}", self.count(name))
        })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// When an event was made, by its id, which is a `UUIDv7` (RFC 9562).
pub fn made_at(id: &str) -> Option<DateTime<Utc>> {
    let digits: String = id.rsplit('_').next()?.chars().filter(char::is_ascii_hexdigit).take(12).collect();
    DateTime::from_timestamp_millis(i64::from_str_radix(&digits, 16).ok()?)
}

impl Arrival {
    /// How long after the event was made it came first, in seconds.
    pub fn late_s(&self, id: &str) -> f64 {
        made_at(id).map_or(f64::NAN, |made| (self.at - made).as_seconds_f64())
    }
}

/// The parts of a request that matter.
#[derive(Default)]
struct Request {
    path: String,
    id: String,
    timestamp: i64,
    signatures: String,
    body: Vec<u8>,
}

impl Shared {
    fn endpoints(&self) -> MutexGuard<'_, HashMap<String, Endpoint>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, what: String) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        // The first ones tell enough.
        if faults.len() < 100 {
            faults.push(what);
        }
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> anyhow::Result<()> {
        let mut stream = BufReader::with_capacity(4_096, stream);
        while let Some(request) = read(&mut stream).await? {
            let at = SystemClock.now();
            self.requests.fetch_add(1, Ordering::Relaxed);
            let name = request.path.rsplit('/').next().unwrap_or_default().to_owned();
            let times = match self.note(&name, &request, at) {
                Ok(times) => times,
                Err(why) => {
                    self.fault(format!("{name}: {why:#}"));
                    0
                }
            };
            self.answer(&name, &request.id, times, &mut stream).await?;
            stream.flush().await?;
        }
        Ok(())
    }

    /// Notes a request; how often its event has come by now.
    fn note(&self, name: &str, request: &Request, at: DateTime<Utc>) -> anyhow::Result<u32> {
        let mut hasher = DefaultHasher::new();
        request.body.hash(&mut hasher);
        let digest = hasher.finish();
        let mut endpoints = self.endpoints();
        let endpoint = endpoints.get_mut(name).context("nobody was to be told here")?;
        let expected =
            endpoint.secrets.iter().filter_map(|one| one.sign(&request.id, request.timestamp, &request.body).ok());
        let is_signed = expected.into_iter().any(|expected| request.signatures.split(' ').any(|one| one == expected));
        ensure!(is_signed, "{} is not signed", request.id);
        if let Some(known) = endpoint.arrived.get_mut(&request.id) {
            ensure!(known.digest == digest, "{} has come with another body", request.id);
            known.times += 1;
            return Ok(known.times);
        }
        let body = if self.keeps_bodies { request.body.clone() } else { Vec::new() };
        endpoint.arrived.insert(request.id.clone(), Arrival { at, times: 1, accepted: 0, body, digest });
        self.first_time.fetch_add(1, Ordering::Relaxed);
        Ok(1)
    }

    async fn manner(&self, name: &str) -> Manner {
        loop {
            let changed = self.changed.notified();
            let manner = self.endpoints().get(name).and_then(|endpoint| endpoint.manner.clone());
            match manner {
                Some(Manner::Holds) => changed.await,
                known => return known.unwrap_or(Manner::Answers(204)),
            }
        }
    }

    async fn answer(&self, name: &str, id: &str, times: u32, to: &mut (impl AsyncWrite + Unpin)) -> anyhow::Result<()> {
        let mut location = String::new();
        let status = match self.manner(name).await {
            Manner::Answers(status) => status,
            Manner::Thinks(span) => {
                tokio::time::sleep(span).await;
                204
            }
            Manner::Lies if times == 1 => 500,
            Manner::Lies => 200,
            Manner::Redirects(to) => {
                location = format!("location: {to}\r\n");
                307
            }
            Manner::Drips => {
                for byte in
                    b"HTTP/1.1 200 OK\r\nx-patience: is a virtue that few programs have\r\ncontent-length: 0\r\n\r\n"
                {
                    to.write_all(&[*byte]).await?;
                    to.flush().await?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                return Ok(());
            }
            Manner::HangsUp | Manner::Holds => anyhow::bail!("it hangs up"),
        };
        let length = if status == 204 { "" } else { "content-length: 0\r\n" };
        to.write_all(format!("HTTP/1.1 {status} as told\r\n{location}{length}\r\n").as_bytes()).await?;
        to.flush().await?;
        if (200..300).contains(&status)
            && let Some(arrival) = self.endpoints().get_mut(name).and_then(|endpoint| endpoint.arrived.get_mut(id))
        {
            arrival.accepted += 1;
        }
        Ok(())
    }
}

/// One request; `None` when the other side is done.
async fn read(stream: &mut (impl AsyncBufReadExt + Unpin)) -> anyhow::Result<Option<Request>> {
    let mut request = Request::default();
    let (mut line, mut length) = (String::new(), 0);
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    line.split(' ').nth(1).unwrap_or_default().clone_into(&mut request.path);
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name {
            "content-length" => length = value.parse()?,
            "webhook-id" => value.clone_into(&mut request.id),
            "webhook-timestamp" => request.timestamp = value.parse()?,
            "webhook-signature" => value.clone_into(&mut request.signatures),
            _ => {}
        }
    }
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).await?;
    Ok(Some(request))
}
