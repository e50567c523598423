//! One request: a webhook, or a question to a token endpoint.
//!
//! Each attempt resolves the name once, vets the answers, and hands reqwest a client that knows this name and these
//! addresses only. There is no shared client: a pooled connection would outlive what was vetted.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, redirect, retry};
use tokio::time::timeout_at;

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
/// How long the body of an answer is waited for whose status is there.
const BODY_LIMIT: Duration = Duration::from_secs(2);
/// All addresses of a name have to be tried in this time.
const CONNECT_LIMIT: Duration = Duration::from_secs(8);

/// What the receiver said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` field as it came: seconds or a date (RFC 9110, 10.2.3).
    pub retry_after: Option<String>,
    /// The beginning of the body, at most 1 KiB; what is not UTF-8 is replaced, controls other than line breaks too.
    pub excerpt: String,
    /// From the look-up of the name to the last byte that was waited for.
    pub latency: Duration,
}

/// An answer of which the body is still to come.
struct Head {
    status: u16,
    retry_after: Option<String>,
    response: Response,
}

/// What a token endpoint said. Its body may hold tokens, so nothing shows it.
pub struct TokenAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` field as it came.
    pub retry_after: Option<String>,
    /// The body, at most 16 KiB.
    pub body: Vec<u8>,
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<{} and {} bytes>", self.status, self.body.len())
    }
}

impl Egress {
    /// Sends one request and reads the beginning of the answer. What counts is its status: a body that breaks off or comes too
    /// slowly takes nothing back.
    pub async fn post(
        &self,
        url: &WebhookUrl,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Answer, DialError> {
        let began = Instant::now();
        let (mut head, last) = self.ask(url, headers, body).await?;
        let last = last.min(tokio::time::Instant::now() + BODY_LIMIT);
        let mut read = Vec::new();
        let reading = timeout_at(last, read_into(&mut read, &mut head.response)).await;
        if !matches!(reading, Ok(Ok(()))) {
            tracing::debug!(status = head.status, "the body of an answer has not come whole");
        }
        Ok(Answer {
            status: head.status,
            retry_after: head.retry_after,
            excerpt: excerpt(&read),
            latency: began.elapsed(),
        })
    }

    /// Asks a token endpoint (RFC 6749, 3.2): the same way out as a webhook's, with the same bounds, because customers name
    /// the URL here too.
    pub async fn ask_for_token(&self, url: &WebhookUrl, form: Vec<u8>) -> Result<TokenAnswer, DialError> {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("accept", "application/json".to_owned()),
        ];
        let (mut head, last) = self.ask(url, &headers, form).await?;
        let mut body = Vec::new();
        timeout_at(last, read_into(&mut body, &mut head.response)).await.unwrap_or(Err(DialError::TimedOut))?;
        Ok(TokenAnswer { status: head.status, retry_after: head.retry_after, body })
    }

    /// Sends a request and reads the head of the answer; and until when all of it has to be there.
    async fn ask(
        &self,
        url: &WebhookUrl,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<(Head, tokio::time::Instant), DialError> {
        let headers = header_map(headers)?;
        let last = tokio::time::Instant::now() + self.post_limit();
        let exchange = async {
            let client = self.client(url).await?;
            let request = client.post(url.url().clone()).headers(headers).body(body);
            let response = request.send().await.map_err(from_reqwest)?;
            let status = response.status().as_u16();
            let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let retry_after = retry_after.filter(|value| value.len() <= 64).map(str::to_owned);
            Ok(Head { status, retry_after, response })
        };
        let head = timeout_at(last, Box::pin(exchange)).await.unwrap_or(Err(DialError::TimedOut))?;
        Ok((head, last))
    }

    /// A client that can reach this URL's vetted addresses and nothing else.
    pub(crate) async fn client(&self, url: &WebhookUrl) -> Result<Client, DialError> {
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
            // All addresses share it, so that a silent one leaves time for the next.
            .connect_timeout(CONNECT_LIMIT)
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
pub(crate) async fn read_into(read: &mut Vec<u8>, response: &mut Response) -> Result<(), DialError> {
    while read.len() < MAX_READ
        && let Some(chunk) = response.chunk().await.map_err(from_reqwest)?
    {
        let room = MAX_READ.saturating_sub(read.len()).min(chunk.len());
        read.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
    }
    Ok(())
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

pub(crate) fn from_reqwest(error: reqwest::Error) -> DialError {
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

/// rustls arrives inside an `io::Error` inside another; `source()` steps over what such an error wraps.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<rustls::Error>().is_some()
        || error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref).is_some_and(|inner| is_tls(inner))
}

fn from_cause(error: &(dyn Error + 'static)) -> std::io::Error {
    std::io::Error::other(error.to_string())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::stub::{Authority, Proof, Stub};

    const OPEN: &str = "127.0.0.0/8:*";
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    async fn post(egress: &Egress, url: &str) -> Result<Answer, DialError> {
        let url = WebhookUrl::parse(url, egress.guard()).unwrap();
        egress.post(&url, &[("webhook-id", "evt_1".to_owned())], b"{}".to_vec()).await
    }

    #[tokio::test]
    async fn a_request_arrives_with_its_headers_under_the_name_that_was_asked_for() {
        let authority = Authority::new();
        let stub = Stub::start(Proof::Name(&authority, "hooks.example"), Some(OK.to_vec())).await;
        let egress = authority.egress(OPEN, [&["127.0.0.1"]]);
        let port = stub.address.port();
        let answer = post(&egress, &format!("https://hooks.example:{port}/in?a=b")).await.unwrap();
        assert_eq!((answer.status, answer.excerpt.as_str(), answer.retry_after), (200, "ok", None));
        let request = stub.request();
        assert!(request.starts_with("POST /in?a=b HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("host: hooks.example:{port}\r\n")), "{request}");
        assert!(request.contains("webhook-id: evt_1\r\n"), "{request}");
        assert!(request.ends_with("\r\n\r\n{}"), "{request}");
    }

    #[tokio::test]
    async fn a_name_that_moves_inside_is_refused_at_the_next_attempt() {
        let authority = Authority::new();
        let stub = Stub::start(Proof::Name(&authority, "hooks.example"), Some(OK.to_vec())).await;
        // Only one loopback address is open: it plays the public one.
        let egress = authority.egress("127.0.0.1/32:*", [&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.1", "10.0.0.1"]]);
        let url = format!("https://hooks.example:{}/", stub.address.port());
        assert!(post(&egress, &url).await.is_ok());
        assert!(matches!(post(&egress, &url).await, Err(DialError::Forbidden)), "moved");
        assert!(matches!(post(&egress, &url).await, Err(DialError::Forbidden)), "mixed");
        assert!(matches!(post(&egress, &url).await, Err(DialError::HostNotFound)), "vanished");
        assert_eq!(stub.connections(), 1);
    }

    #[tokio::test]
    async fn loopback_gets_no_connection_unless_it_was_opened() {
        let authority = Authority::new();
        let stub = Stub::start(Proof::Name(&authority, "hooks.example"), Some(OK.to_vec())).await;
        let port = stub.address.port();
        for inside in ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "169.254.169.254"] {
            let egress = authority.egress(&format!("8.8.8.8/32:{port}"), [&[inside]]);
            let refused = post(&egress, &format!("https://hooks.example:{port}/")).await;
            assert!(matches!(refused, Err(DialError::Forbidden)), "{inside}");
        }
        assert_eq!(stub.connections(), 0);
    }

    #[tokio::test]
    async fn a_token_endpoint_is_asked_with_a_form_and_its_answer_is_not_shown() {
        let authority = Authority::new();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n{\"access_token\":\"s3\"}".to_vec();
        let stub = Stub::start(Proof::Name(&authority, "login.example"), Some(answer)).await;
        let egress = authority.egress(OPEN, [&["127.0.0.1"]]);
        let url = format!("https://login.example:{}/token", stub.address.port());
        let url = WebhookUrl::parse(&url, egress.guard()).unwrap();
        let answer = egress.ask_for_token(&url, b"grant_type=any&state={}".to_vec()).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"{\"access_token\":\"s3\"}".as_slice()));
        assert_eq!(format!("{answer:?}"), "<200 and 21 bytes>");
        let request = stub.request().to_lowercase();
        assert!(request.contains("content-type: application/x-www-form-urlencoded\r\n"), "{request}");
        assert!(request.ends_with("\r\n\r\ngrant_type=any&state={}"), "{request}");
    }

    #[tokio::test]
    async fn redirects_are_answers_like_any_other() {
        let authority = Authority::new();
        let inner = Stub::start(Proof::None, Some(OK.to_vec())).await;
        let redirect = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{}/\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
            inner.address.port()
        );
        let outer = Stub::start(Proof::None, Some(redirect.into_bytes())).await;
        let egress = authority.egress(OPEN, []);
        let answer = post(&egress, &format!("http://127.0.0.1:{}/", outer.address.port())).await.unwrap();
        assert_eq!((answer.status, answer.retry_after.as_deref()), (307, Some("7")));
        assert_eq!(inner.connections(), 0);
    }

    #[tokio::test]
    async fn certificates_that_do_not_hold_are_refused() {
        let (authority, stranger) = (Authority::new(), Authority::new());
        for (what, proof) in [
            ("another name", Proof::Name(&authority, "other.example")),
            ("another authority", Proof::Name(&stranger, "hooks.example")),
            ("expired", Proof::Expired(&authority, "hooks.example")),
            ("no TLS at all", Proof::None),
        ] {
            let stub = Stub::start(proof, Some(OK.to_vec())).await;
            let egress = authority.egress(OPEN, [&["127.0.0.1"]]);
            let refused = post(&egress, &format!("https://hooks.example:{}/", stub.address.port())).await;
            // A server without TLS waits for our request, as we wait for its half of the handshake.
            let expected = matches!(
                (what, &refused),
                ("no TLS at all", Err(DialError::TimedOut | DialError::TlsFailed(_)))
                    | (_, Err(DialError::TlsFailed(_)))
            );
            assert!(expected, "{what}: {refused:?}");
            assert_eq!(stub.request(), "", "{what}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_read_to_a_limit() {
        let authority = Authority::new();
        let mut endless = b"HTTP/1.1 500 Oops\r\ncontent-length: 999999999\r\n\r\n\x1b[31m".to_vec();
        endless.resize(endless.len() + MAX_READ, b'x');
        let stub = Stub::start(Proof::None, Some(endless)).await;
        let egress = authority.egress(OPEN, []);
        let answer = post(&egress, &format!("http://127.0.0.1:{}/", stub.address.port())).await.unwrap();
        assert_eq!((answer.status, answer.excerpt.len()), (500, MAX_EXCERPT));
        assert!(answer.excerpt.starts_with("\u{fffd}[31mxxx"), "{:?}", answer.excerpt);
    }

    #[tokio::test]
    async fn a_status_counts_whatever_becomes_of_the_body() {
        let authority = Authority::new();
        let egress = authority.egress(OPEN, []);
        let broken = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok".to_vec();
        let stub = Stub::start(Proof::None, Some(broken)).await;
        let url = format!("http://127.0.0.1:{}/", stub.address.port());
        let answer = post(&egress, &url).await.unwrap();
        assert_eq!((answer.status, answer.excerpt.as_str()), (200, "ok"));
        // Half of a token is none.
        let url = WebhookUrl::parse(&url, egress.guard()).unwrap();
        let refused = egress.ask_for_token(&url, Vec::new()).await;
        assert!(matches!(refused, Err(DialError::Unreachable(_) | DialError::TimedOut)), "{refused:?}");

        let slow = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}/", slow.local_addr().unwrap().port());
        let never_done = async {
            let (mut stream, _) = slow.accept().await.unwrap();
            assert!(stream.read(&mut [0; 2_048]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 503 Later\r\ncontent-length: 9\r\n\r\nwait").await.unwrap();
            std::future::pending::<()>().await;
        };
        let answer = tokio::select! {
            answer = post(&egress, &url) => answer.unwrap(),
            () = never_done => panic!("it is never done"),
        };
        assert_eq!((answer.status, answer.excerpt.as_str()), (503, "wait"));
    }

    #[tokio::test]
    async fn silence_and_closed_ports_are_told_apart() {
        let authority = Authority::new();
        let stub = Stub::start(Proof::None, None).await;
        let egress = authority.egress(OPEN, []);
        let url = format!("http://127.0.0.1:{}/", stub.address.port());
        assert!(matches!(post(&egress, &url).await, Err(DialError::TimedOut)));
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let refused = post(&egress, &format!("http://{closed}/path-with-a-secret")).await.unwrap_err();
        assert!(matches!(refused, DialError::Unreachable(_)));
        assert!(!format!("{refused:?}").contains("secret"), "{refused:?}");
    }

    #[test]
    fn an_excerpt_ends_at_a_letter() {
        let text = "あ".repeat(400);
        let kept = excerpt(text.as_bytes());
        assert!(kept.len() <= MAX_EXCERPT && kept.len() > MAX_EXCERPT - 4, "{}", kept.len());
        assert_eq!(excerpt(b"a\0b\r\n\xff"), "a\u{fffd}b\u{fffd}\n\u{fffd}");
        assert!(excerpt(&[0xff; 5_000]).len() <= MAX_EXCERPT);
    }
}
