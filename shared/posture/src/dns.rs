//! What is asked of DNS, whoever answers.

use std::net::IpAddr;

/// DNS could not say: a time-out, a server's failure. That there is no such name or record is an answer, and empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("DNS did not answer for {0}")]
pub struct Unavailable(pub &'static str);

/// The look-ups. Names are without the last dot.
pub trait Dns: Sync {
    /// Its text records, each with its strings joined (RFC 7208 section 3.3).
    fn txt(&self, name: &str) -> impl Future<Output = Result<Vec<String>, Unavailable>> + Send;
    /// Its mail exchangers, best first; the null MX (RFC 7505) is an empty name.
    fn mx(&self, name: &str) -> impl Future<Output = Result<Vec<String>, Unavailable>> + Send;
    /// Its addresses, of both families.
    fn addresses(&self, name: &str) -> impl Future<Output = Result<Vec<IpAddr>, Unavailable>> + Send;
}

/// The value of a tag in a list of them (RFC 6376 section 3.2).
pub(crate) fn tag<'r>(record: &'r str, name: &str) -> Option<&'r str> {
    let tags = record.split(';').filter_map(|tag| tag.split_once('='));
    tags.map(|(tag, value)| (tag.trim(), value.trim())).find(|(tag, _)| *tag == name).map(|(_, value)| value)
}
