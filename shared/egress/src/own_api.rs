//! Calls to an API of this program's own kind, at the URL that somebody typed.
//!
//! Whoever types a URL on his own machine may reach what he likes, so nothing is vetted here. What is sent are passwords: without TLS
//! they go to the same machine only.

use std::fmt;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, redirect};
use url::{Host, Url};

use crate::error::DialError;
use crate::post::from_reqwest;

/// As many rows as are sent at a time are done in a few seconds, and looking for servers takes 20.
const LIMIT: Duration = Duration::from_mins(2);

/// An API that is called.
pub struct OwnApi {
    base: Url,
    client: Client,
}

/// What it answered.
pub struct OwnAnswer {
    /// The HTTP status.
    pub status: u16,
    /// In so many seconds it wants to be asked again.
    pub retry_after_s: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for OwnAnswer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<{} and {} bytes>", self.status, self.body.len())
    }
}

/// The URL is not one that can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoOwnApi {
    /// Not a URL of the web.
    #[error("not a URL such as https://daimon.msp.example")]
    Malformed,
    /// Passwords would be readable on the way.
    #[error("must be https: without it passwords go to this machine only")]
    Plain,
}

impl OwnApi {
    /// An API at that URL.
    pub fn at(base: &str) -> Result<Self, NoOwnApi> {
        let base = Url::parse(base).map_err(|_malformed| NoOwnApi::Malformed)?;
        let is_here = match base.host().ok_or(NoOwnApi::Malformed)? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        };
        match base.scheme() {
            "https" => {}
            "http" if is_here => {}
            "http" => return Err(NoOwnApi::Plain),
            _other => return Err(NoOwnApi::Malformed),
        }
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(LIMIT)
            .user_agent(concat!("Daimon/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_no_tls| NoOwnApi::Malformed)?;
        Ok(Self { base, client })
    }

    /// Posts something to a path; `bearer` is a key or a token.
    pub async fn post(&self, path: &str, bearer: &str, media: &str, body: Vec<u8>) -> Result<OwnAnswer, DialError> {
        let mut url = self.base.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        let request = self.client.post(url).bearer_auth(bearer).header(CONTENT_TYPE, media).body(body);
        let response = request.send().await.map_err(from_reqwest)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after_s = retry_after.and_then(|value| value.parse().ok());
        Ok(OwnAnswer { status, retry_after_s, body: response.bytes().await.map_err(from_reqwest)?.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_leave_the_machine_over_tls_only() {
        for good in
            ["https://daimon.msp.example", "http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:8080"]
        {
            assert!(OwnApi::at(good).is_ok(), "{good}");
        }
        for plain in ["http://daimon.msp.example", "http://10.0.0.7:8080", "http://127.0.0.1.evil.example"] {
            assert_eq!(OwnApi::at(plain).err(), Some(NoOwnApi::Plain), "{plain}");
        }
        for odd in ["", "daimon.msp.example", "ftp://127.0.0.1", "unix:/run/daimon"] {
            assert_eq!(OwnApi::at(odd).err(), Some(NoOwnApi::Malformed), "{odd}");
        }
    }
}
