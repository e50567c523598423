//! A name's addresses: the development file first, then DNS. And what else DNS says of names.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use daimon_domain::mailbox::HostName;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, Record, RecordType};

use crate::error::{DialError, SettingsError, read};
use crate::guard::lines;

/// Records of one name that are looked at; who has more is up to no good.
const MOST_RECORDS: usize = 50;

/// DNS could not say: a time-out, a server's failure. That there is no such name or record is an answer, and empty.
#[derive(Debug, thiserror::Error)]
#[error("DNS did not answer")]
pub struct NoAnswer;

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
    /// A resolver that asks these DNS servers, or else the system's, after the file where there is one.
    pub fn new(resolve_file: Option<&Path>, servers: &[SocketAddr], development: bool) -> Result<Self, SettingsError> {
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
        let source = match dns(servers) {
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

    /// A name's text records, each with its strings joined.
    pub(crate) async fn txt(&self, name: &str) -> Result<Vec<String>, NoAnswer> {
        let text = |record: &Record| {
            let RData::TXT(txt) = &record.data else { return None };
            Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned())
        };
        Ok(self.records(name, RecordType::TXT).await?.iter().filter_map(text).collect())
    }

    /// A domain's mail exchangers, best first; the null MX is an empty name.
    pub(crate) async fn mx(&self, name: &str) -> Result<Vec<String>, NoAnswer> {
        let exchanger = |record: &Record| {
            let RData::MX(mx) = &record.data else { return None };
            Some((mx.preference, plain(&mx.exchange.to_ascii())))
        };
        let mut found: Vec<_> = self.records(name, RecordType::MX).await?.iter().filter_map(exchanger).collect();
        found.sort();
        Ok(found.into_iter().map(|(_, exchanger)| exchanger).collect())
    }

    /// Hosts and ports of a service (RFC 2782), best first; "decidedly not" is an empty name.
    pub(crate) async fn srv(&self, name: &str) -> Result<Vec<(String, u16)>, NoAnswer> {
        let service = |record: &Record| {
            let RData::SRV(srv) = &record.data else { return None };
            // Of equals the heavier first: that is what is wanted of one who asks once.
            Some((srv.priority, Reverse(srv.weight), plain(&srv.target.to_ascii()), srv.port))
        };
        let mut found: Vec<_> = self.records(name, RecordType::SRV).await?.iter().filter_map(service).collect();
        found.sort();
        Ok(found.into_iter().map(|(_, _, host, port)| (host, port)).collect())
    }

    /// A name's addresses, for what is only looked at and never dialled.
    pub(crate) async fn looked_at(&self, name: &str) -> Result<Vec<IpAddr>, NoAnswer> {
        let address = |record: &Record| record.data.ip_addr();
        let mut found: Vec<_> = self.records(name, RecordType::A).await?.iter().filter_map(address).collect();
        found.extend(self.records(name, RecordType::AAAA).await?.iter().filter_map(address));
        Ok(found)
    }

    async fn records(&self, name: &str, kind: RecordType) -> Result<Vec<Record>, NoAnswer> {
        let Source::Dns(dns) = &self.source else { return Err(NoAnswer) };
        match dns.lookup(format!("{}.", plain(name)), kind).await {
            Ok(answer) => Ok(answer.answers().iter().take(MOST_RECORDS).cloned().collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => {
                tracing::debug!(%error, "a name was not looked up");
                Err(NoAnswer)
            }
        }
    }

    /// A resolver whose DNS answers are written down.
    #[cfg(test)]
    pub(crate) fn scripted<const N: usize>(answers: [&[&str]; N]) -> Self {
        let answers = answers.iter().map(|answer| answer.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
        Self { known: HashMap::new(), source: Source::Script(std::sync::Mutex::new(answers)) }
    }
}

fn dns(servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = servers.iter().map(name_server).collect();
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    // Both families, since one forbidden answer among them is enough to refuse.
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = Duration::from_secs(3);
    options.attempts = 2;
    builder.build()
}

fn name_server(at: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = at.port();
        connection
    });
    NameServerConfig::new(at.ip(), true, connections.into())
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_owned()
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

    /// A name server on loopback that knows these lines, `NAME TYPE VALUE`, and fails for `broken.example`.
    async fn name_server(lines: &'static [(&'static str, &'static str, &'static str)]) -> SocketAddr {
        use hickory_resolver::proto::op::{Message, ResponseCode};
        use hickory_resolver::proto::rr::Name;
        use hickory_resolver::proto::rr::rdata::{MX, TXT};
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut bytes = [0; 1024];
            while let Ok((length, client)) = socket.recv_from(&mut bytes).await {
                let asked = Message::from_vec(&bytes[..length]).unwrap();
                let query = asked.queries[0].clone();
                let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
                answer.add_query(query.clone());
                let name = query.name().to_ascii();
                for (of, kind, value) in lines.iter().filter(|(of, _, _)| format!("{of}.") == name) {
                    let data = match *kind {
                        "A" => RData::A(value.parse().unwrap()),
                        "MX" => RData::MX(MX::new(10, Name::from_ascii(value).unwrap())),
                        _text => RData::TXT(TXT::new(value.split('|').map(str::to_owned).collect())),
                    };
                    if data.record_type() == query.query_type() {
                        answer.add_answer(Record::from_rdata(Name::from_ascii(format!("{of}.")).unwrap(), 60, data));
                    }
                }
                if name == "broken.example." {
                    answer.metadata.response_code = ResponseCode::ServFail;
                }
                socket.send_to(&answer.to_vec().unwrap(), client).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn records_are_asked_of_the_name_servers_that_the_operator_names() {
        let server = name_server(&[
            ("sakura.example", "TXT", "v=spf1 |-all"),
            ("sakura.example", "TXT", "other"),
            ("sakura.example", "MX", "mx.host.example."),
            ("sakura.example", "A", "192.0.2.1"),
            ("null.example", "MX", "."),
        ])
        .await;
        let resolver = Resolver::new(None, &[server], false).unwrap();
        assert_eq!(resolver.txt("sakura.example").await.unwrap(), ["v=spf1 -all", "other"]);
        assert_eq!(resolver.mx("sakura.example.").await.unwrap(), ["mx.host.example"]);
        assert_eq!(resolver.mx("null.example").await.unwrap(), [""]);
        assert_eq!(resolver.looked_at("sakura.example").await.unwrap(), ["192.0.2.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(resolver.txt("gone.example").await.unwrap(), [""; 0], "an answer, and empty");
        assert!(resolver.txt("broken.example").await.is_err(), "no answer");
    }

    #[test]
    fn a_resolve_file_is_refused_in_production() {
        let refused = Resolver::new(Some(Path::new("/etc/hosts")), &[], false);
        assert!(matches!(refused.err(), Some(SettingsError::ResolveFileInProduction)));
    }
}
