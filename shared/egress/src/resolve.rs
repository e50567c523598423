//! A name's addresses: the development file first, then DNS.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use daimon_domain::mailbox::HostName;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;

use crate::error::{DialError, SettingsError, read};
use crate::guard::lines;

/// Looks names up.
pub struct Resolver {
    /// Names that need no DNS.
    known: HashMap<HostName, Vec<IpAddr>>,
    source: Source,
}

enum Source {
    Dns(Box<TokioResolver>),
    /// Development on a machine without DNS.
    Nothing,
    /// What DNS answers, one look-up after the other.
    #[cfg(test)]
    Script(std::sync::Mutex<std::collections::VecDeque<Vec<IpAddr>>>),
}

impl Resolver {
    /// A resolver that asks the system's DNS servers, after the file where there is one.
    pub fn new(resolve_file: Option<&Path>, development: bool) -> Result<Self, SettingsError> {
        if resolve_file.is_some() && !development {
            return Err(SettingsError::ResolveFileInProduction);
        }
        let known = match resolve_file {
            None => HashMap::new(),
            Some(path) => parse(&read(path)?).map_err(|line| SettingsError::Malformed {
                path: path.to_owned(),
                line,
                expected: "an address and a name",
            })?,
        };
        let source = match dns() {
            Ok(resolver) => Source::Dns(Box::new(resolver)),
            Err(error) if development => {
                tracing::warn!(%error, "no DNS: only the resolve file is known");
                Source::Nothing
            }
            Err(error) => return Err(SettingsError::Dns(Box::new(error))),
        };
        Ok(Self { known, source })
    }

    /// Every address of that name, IPv4 first.
    pub(crate) async fn addresses(&self, name: &HostName) -> Result<Vec<IpAddr>, DialError> {
        if let Some(addresses) = self.known.get(name) {
            return Ok(addresses.clone());
        }
        let addresses = match &self.source {
            Source::Nothing => Vec::new(),
            // The trailing dot: the name as it is, without the system's search domains.
            Source::Dns(dns) => match dns.lookup_ip(format!("{name}.")).await {
                Ok(answer) => answer.iter().collect(),
                Err(error) => {
                    tracing::debug!(%error, "a name did not resolve");
                    Vec::new()
                }
            },
            #[cfg(test)]
            Source::Script(script) => script.lock().unwrap().pop_front().unwrap_or_default(),
        };
        if addresses.is_empty() { Err(DialError::HostNotFound) } else { Ok(addresses) }
    }

    /// A resolver whose DNS answers are written down.
    #[cfg(test)]
    pub(crate) fn scripted<const N: usize>(answers: [&[&str]; N]) -> Self {
        let answers = answers.iter().map(|answer| answer.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
        Self { known: HashMap::new(), source: Source::Script(std::sync::Mutex::new(answers)) }
    }
}

fn dns() -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    let options = builder.options_mut();
    // Both families, since one forbidden answer among them is enough to refuse.
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = Duration::from_secs(3);
    options.attempts = 2;
    builder.build()
}

/// Lines as in a hosts file; `Err` has the number of the first line that is none.
fn parse(text: &str) -> Result<HashMap<HostName, Vec<IpAddr>>, usize> {
    let mut known: HashMap<HostName, Vec<IpAddr>> = HashMap::new();
    for (number, line) in lines(text) {
        let mut words = line.split_whitespace();
        let ip: IpAddr = words.next().and_then(|word| word.parse().ok()).ok_or(number)?;
        let names: Vec<HostName> = words.map(str::parse).collect::<Result<_, _>>().map_err(|_not_a_name| number)?;
        if names.is_empty() {
            return Err(number);
        }
        for name in names {
            known.entry(name).or_default().push(ip);
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_is_read_as_usual() {
        let known = parse("127.0.0.1 imap.sakura.example hooks.example # ours\n::1 hooks.example\n").unwrap();
        assert_eq!(known[&"imap.sakura.example".parse().unwrap()].len(), 1);
        assert_eq!(known[&"hooks.example".parse().unwrap()].len(), 2);
        for text in ["127.0.0.1", "localhost 127.0.0.1", "127.0.0.1 a..b", "127.0.0.1 1.2.3.4"] {
            assert_eq!(parse(text).err(), Some(1), "{text}");
        }
    }

    #[test]
    fn a_resolve_file_is_refused_in_production() {
        let refused = Resolver::new(Some(Path::new("/etc/hosts")), false);
        assert!(matches!(refused.err(), Some(SettingsError::ResolveFileInProduction)));
    }
}
