//! One webhook request.
//!
//! Each attempt resolves the name once, vets the answers, and hands reqwest a client that knows this name and these
//! addresses only. There is no shared client: a pooled connection would outlive what was vetted.

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, redirect, retry};
use tokio::time::timeout;

use crate::dial::Egress;
use crate::error::DialError;
use crate::guard::{WEBHOOK_PORTS, at};
use crate::url::{Target, WebhookUrl};

/// How long an attempt may take in all.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// How much of an answer is read.
const MAX_READ: usize = 16 * 1_024;
/// How much of an answer is kept.
const MAX_EXCERPT: usize = 1_024;

/// What the receiver said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` field as it came: seconds or a date (RFC 9110, 10.2.3).
    pub retry_after: Option<String>,
    /// The beginning of the body, at most 1 KiB; what is not UTF-8 is replaced, controls other than line breaks too.
    pub excerpt: String,
    /// From the look-up of the name to the last byte that was read.
    pub latency: Duration,
}

impl Egress {
    /// Sends one request and reads the beginning of the answer.
    pub async fn post(
        &self,
        url: &WebhookUrl,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Answer, DialError> {
        let began = Instant::now();
        let headers = header_map(headers)?;
        let exchange = async {
            let client = self.client(url).await?;
            let request = client.post(url.url().clone()).headers(headers).body(body);
            let response = request.send().await.map_err(from_reqwest)?;
            let status = response.status().as_u16();
            let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let retry_after = retry_after.filter(|value| value.len() <= 64).map(str::to_owned);
            let excerpt = excerpt(&beginning(response).await?);
            Ok(Answer { status, retry_after, excerpt, latency: began.elapsed() })
        };
        timeout(self.post_limit(), Box::pin(exchange)).await.unwrap_or(Err(DialError::TimedOut))
    }

    /// A client that can reach this URL's vetted addresses and nothing else.
    async fn client(&self, url: &WebhookUrl) -> Result<Client, DialError> {
        let addresses = match url.target().ok_or(DialError::Forbidden)? {
            Target::Name(name) => self.vetted(&name, url.port(), WEBHOOK_PORTS).await?,
            // Reqwest would dial a literal without asking any resolver.
            Target::Loopback(ip) => vec![at(ip, url.port())],
        };
        let permitted = |address: &SocketAddr| {
            self.guard().permits(*address, WEBHOOK_PORTS) && (!url.is_plain() || address.ip().is_loopback())
        };
        if !addresses.iter().all(permitted) {
            return Err(DialError::Forbidden);
        }
        Client::builder()
            .tls_backend_preconfigured(self.tls_config().as_ref().clone())
            .dns_resolver(Nobody)
            .resolve_to_addrs(url.host(), &addresses)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .http1_only()
            .referer(false)
            .user_agent(concat!("Daimon/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(from_reqwest)
    }
}

/// Answers nothing, so that a name which was not vetted can't be dialled by mistake.
struct Nobody;

impl reqwest::dns::Resolve for Nobody {
    fn resolve(&self, _name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async { Err(DialError::Forbidden.into()) })
    }
}

fn header_map(headers: &[(&'static str, String)]) -> Result<HeaderMap, DialError> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_str(value).map_err(|error| DialError::Unreachable(Box::new(error)))?;
            Ok((HeaderName::from_static(name), value))
        })
        .collect()
}

/// At most [`MAX_READ`] bytes; then the connection is dropped.
async fn beginning(mut response: Response) -> Result<Vec<u8>, DialError> {
    let mut read = Vec::new();
    while read.len() < MAX_READ
        && let Some(chunk) = response.chunk().await.map_err(from_reqwest)?
    {
        let room = MAX_READ.saturating_sub(read.len()).min(chunk.len());
        read.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
    }
    Ok(read)
}

fn excerpt(read: &[u8]) -> String {
    let start = read.get(..MAX_EXCERPT).unwrap_or(read);
    let text: String = String::from_utf8_lossy(start)
        .chars()
        .map(|letter| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter })
        .collect();
    // A replacement character has three bytes and may stand for one.
    text.get(..text.floor_char_boundary(MAX_EXCERPT)).unwrap_or_default().to_owned()
}

fn from_reqwest(error: reqwest::Error) -> DialError {
    // The URL may carry the receiver's secrets, and this error goes to a log.
    let error = error.without_url();
    if error.is_timeout() {
        return DialError::TimedOut;
    }
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<DialError>().is_some() {
            return DialError::Forbidden;
        }
        if is_tls(error) {
            return DialError::TlsFailed(Box::new(from_cause(error)));
        }
        cause = error.source();
    }
    DialError::Unreachable(Box::new(error))
}

/// rustls arrives inside an `io::Error`, which keeps it out of `source()`.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<rustls::Error>().is_some()
        || error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some())
}

fn from_cause(error: &(dyn Error + 'static)) -> std::io::Error {
    std::io::Error::other(error.to_string())
}
