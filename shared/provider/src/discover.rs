//! Where the mailbox of an address is: what we know, what its domain says, what others know, and what is usual.
//!
//! Whoever owns the domain, or its DNS, decides what is found. That costs nobody a password: it is sent only after the server
//! has shown a certificate for the name that somebody agreed to.

use std::future::Future;

use daimon_domain::mailbox::{Address, HostName, ImapServer, TlsMode};
use futures_util::future::{join, join4};
use serde::Serialize;

use crate::autoconfig::{Named, servers};
use crate::{IMAPS, Provider, SignIn, of_domain, of_mx};

/// What is asked of the net. Whatever fails says nothing.
pub trait Net: Sync {
    /// A domain's mail exchangers, best first.
    fn mx(&self, domain: &str) -> impl Future<Output = Vec<String>> + Send;
    /// Hosts and ports of a service, best first.
    fn srv(&self, name: &str) -> impl Future<Output = Vec<(String, u16)>> + Send;
    /// A document at an https URL.
    fn get(&self, url: &str) -> impl Future<Output = Option<Vec<u8>>> + Send;
    /// Whether the name has an address.
    fn exists(&self, host: &str) -> impl Future<Output = bool> + Send;
}

/// Who says so, the most trustworthy first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Our own table of providers.
    Provider,
    /// The domain's own document for mail programs.
    Autoconfig,
    /// Mozilla's database of providers.
    Ispdb,
    /// The domain's service records (RFC 6186, RFC 8314).
    Srv,
    /// Nobody; hosts are often called so.
    Guess,
}

/// A server where the mailbox may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Who says so.
    pub source: Source,
    /// Whose server it is, if it is in our table.
    pub provider: Option<&'static Provider>,
    /// Where it is.
    pub server: ImapServer,
    /// The name to sign in with.
    pub username: String,
    /// What to sign in with, the best first.
    pub sign_in: Vec<SignIn>,
}

/// Nobody tries more.
const MOST: usize = 8;

/// Where the mailbox may be, the most trustworthy first; none: nobody knows.
pub async fn discover(address: &Address, net: &impl Net) -> Vec<Found> {
    let domain = address.domain();
    let own = format!("https://autoconfig.{domain}/mail/config-v1.1.xml?emailaddress={}", query(address));
    let well_known = format!("https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml");
    let ispdb = format!("https://autoconfig.thunderbird.net/v1.1/{domain}");
    let [implicit, plain] = ["_imaps._tcp", "_imap._tcp"].map(|service| format!("{service}.{domain}"));
    let guesses = ["imap", "mail"].map(|name| format!("{name}.{domain}"));
    let [first, second] = &guesses;
    let published = join4(net.mx(domain), net.get(&own), net.get(&well_known), net.get(&ispdb));
    let named = join4(net.srv(&implicit), net.srv(&plain), net.exists(first), net.exists(second));
    let ((mx, own, well_known, ispdb), (implicit, plain, is_first, is_second)) = join(published, named).await;
    let mut found = Vec::new();
    let mx = mx.first().map(String::as_str);
    let known = of_domain(domain).or_else(|| mx.and_then(of_mx)).and_then(|provider| provider.imap(mx));
    found.extend(known.and_then(|(host, port)| at(Source::Provider, &host, port, TlsMode::Implicit, address)));
    for (source, document) in [(Source::Autoconfig, own), (Source::Autoconfig, well_known), (Source::Ispdb, ispdb)] {
        let named = document.map(|document: Vec<u8>| servers(&document, address)).unwrap_or_default();
        found.extend(named.iter().filter_map(|named| named_at(source, named, address)));
    }
    for (tls, services) in [(TlsMode::Implicit, implicit), (TlsMode::StartTls, plain)] {
        found.extend(services.iter().filter_map(|(host, port)| at(Source::Srv, host, *port, tls, address)));
    }
    let there = guesses.iter().zip([is_first, is_second]).filter(|(_, is_there)| *is_there);
    found.extend(there.filter_map(|(host, _)| at(Source::Guess, host, IMAPS, TlsMode::Implicit, address)));
    let mut kept: Vec<Found> = Vec::new();
    for one in found {
        if kept.len() < MOST && !kept.iter().any(|known| known.server == one.server) {
            kept.push(one);
        }
    }
    kept
}

/// The address in a query (RFC 3986, 2.1).
fn query(address: &Address) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let escaped = address
        .as_str()
        .bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    escaped.collect()
}

fn at(source: Source, host: &str, port: u16, tls: TlsMode, address: &Address) -> Option<Found> {
    let host: HostName = host.to_ascii_lowercase().parse().ok()?;
    let provider = crate::of_host(host.as_str());
    Some(Found {
        source,
        provider,
        server: ImapServer { host, port, tls },
        username: address.as_str().to_owned(),
        sign_in: provider.map_or_else(|| vec![SignIn::Password], |provider| provider.sign_in.clone()),
    })
    .filter(|_| port > 0)
}

fn named_at(source: Source, named: &Named, address: &Address) -> Option<Found> {
    let mut found = at(source, &named.host, named.port, named.tls?, address)?;
    if !named.username.is_empty() {
        found.username.clone_from(&named.username);
    }
    if found.provider.is_none() && named.is_oauth2 {
        found.sign_in.insert(0, SignIn::Oauth2);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[derive(Default)]
    struct Written {
        mx: &'static [&'static str],
        srv: &'static [(&'static str, &'static str, u16)],
        documents: &'static [(&'static str, &'static str)],
        hosts: &'static [&'static str],
    }

    impl Net for Written {
        fn mx(&self, _domain: &str) -> impl Future<Output = Vec<String>> + Send {
            ready(self.mx.iter().map(ToString::to_string).collect())
        }

        fn srv(&self, name: &str) -> impl Future<Output = Vec<(String, u16)>> + Send {
            let services = self.srv.iter().filter(|(service, ..)| name.starts_with(service));
            ready(services.map(|(_, host, port)| (host.to_string(), *port)).collect())
        }

        fn get(&self, url: &str) -> impl Future<Output = Option<Vec<u8>>> + Send {
            let document = self.documents.iter().find(|(start, _)| url.starts_with(start));
            ready(document.map(|(_, document)| document.as_bytes().to_vec()))
        }

        fn exists(&self, host: &str) -> impl Future<Output = bool> + Send {
            ready(self.hosts.contains(&host))
        }
    }

    fn found(address: &str, net: &Written) -> Vec<(Source, String, u16)> {
        full(address, net).into_iter().map(|one| (one.source, one.server.host.to_string(), one.server.port)).collect()
    }

    fn full(address: &str, net: &Written) -> Vec<Found> {
        let address = address.parse().unwrap();
        let mut finding = pin!(discover(&address, net));
        match finding.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(found) => found,
            Poll::Pending => panic!("nothing here waits"),
        }
    }

    #[test]
    fn a_japanese_hosters_customer_is_found_by_mail_exchanger_though_no_database_knows_him() {
        let sakura = Written { mx: &["www1234.sakura.ne.jp."], ..Written::default() };
        let [one] = full("sato@clinic.example", &sakura).try_into().unwrap();
        assert_eq!(
            (one.source, one.server.host.as_str(), one.server.port),
            (Source::Provider, "www1234.sakura.ne.jp", 993)
        );
        assert_eq!(one.provider.map(|provider| provider.title.as_str()), Some("さくらのレンタルサーバ"));
        assert_eq!((one.username.as_str(), one.sign_in.as_slice()), ("sato@clinic.example", &[SignIn::Password][..]));
        let google = full("sato@gmail.com", &Written::default());
        assert_eq!(google[0].sign_in, [SignIn::Oauth2, SignIn::AppPassword]);
    }

    #[test]
    fn all_sources_are_asked_and_the_most_trustworthy_comes_first() {
        const OWN: &str = "<a><incomingServer type=\"imap\"><hostname>in.clinic.example</hostname><port>143</port>\
            <socketType>STARTTLS</socketType><username>%EMAILLOCALPART%</username></incomingServer></a>";
        const ISPDB: &str = "<a><incomingServer type=\"imap\"><hostname>imap.clinic.example</hostname><port>993</port>\
            <socketType>SSL</socketType></incomingServer></a>";
        let net = Written {
            mx: &["mx01.lolipop.jp"],
            srv: &[("_imaps", "srv.clinic.example", 993), ("_imaps", "", 0)],
            documents: &[("https://autoconfig.clinic.example/", OWN), ("https://autoconfig.thunderbird.net/", ISPDB)],
            hosts: &["imap.clinic.example", "mail.clinic.example"],
        };
        let all = [
            (Source::Provider, "imap.lolipop.jp".to_owned(), 993),
            (Source::Autoconfig, "in.clinic.example".to_owned(), 143),
            (Source::Ispdb, "imap.clinic.example".to_owned(), 993),
            (Source::Srv, "srv.clinic.example".to_owned(), 993),
            (Source::Guess, "mail.clinic.example".to_owned(), 993),
        ];
        assert_eq!(found("sato@clinic.example", &net), all, "each server once");
        assert_eq!(full("sato@clinic.example", &net)[1].username, "sato");
    }

    #[test]
    fn nobody_who_says_nothing_is_believed() {
        assert_eq!(found("sato@clinic.example", &Written::default()), []);
        let inside = Written { srv: &[("_imaps", "192.0.2.1", 993), ("_imaps", "a b", 993)], ..Written::default() };
        assert_eq!(found("sato@clinic.example", &inside), []);
        assert_eq!(query(&"a+b@c.example".parse().unwrap()), "a%2Bb%40c.example");
    }
}
