#![doc = include_str!("../README.md")]

mod autoconfig;
mod discover;

use std::sync::LazyLock;
use std::time::Duration;

pub use discover::{Found, Net, Source, discover};
use serde::{Deserialize, Serialize};

/// The port of IMAP with TLS from the first byte (RFC 8314, 7.1).
const IMAPS: u16 = 993;
/// Stands for the mail exchanger's own name.
const THE_MX: &str = "{mx}";

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// By which we call it.
    pub name: String,
    /// What people call it.
    pub title: String,
    hosts: Vec<String>,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    mx: Vec<String>,
    imap: Option<Imap>,
    connections: Option<u16>,
    logins_a_minute: Option<u16>,
    least_interval_s: Option<u32>,
    /// Whether it puts a copy of everything that is sent into Sent by itself, whatever sends it.
    #[serde(default)]
    pub files_sent: bool,
    /// What its customers sign in with, the best first.
    pub sign_in: Vec<SignIn>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Imap {
    host: String,
    port: Option<u16>,
}

/// What a mail program is given to sign in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignIn {
    /// The mailbox's password.
    Password,
    /// A password made for one program.
    AppPassword,
    /// A token of an OAuth 2.0 server.
    Oauth2,
}

/// How much of us an IMAP server bears, from all workers and all tenants together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Sessions at a time; `None`: it counts for each mailbox.
    pub connections: Option<u16>,
    /// Sign-ins a minute.
    pub logins_a_minute: u16,
    /// No mailbox there is read again sooner.
    pub least_interval: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    provider: Vec<Provider>,
}

const TABLE: &str = include_str!("../data/providers.toml");

// A table that did not parse would be empty; a test keeps it from shipping.
static PROVIDERS: LazyLock<Vec<Provider>> =
    LazyLock::new(|| toml::from_str::<Table>(TABLE).map(|table| table.provider).unwrap_or_default());

/// Whether a host's name is one of those, or ends so.
fn is_one(name: &str, known: &[String]) -> bool {
    let name = name.trim_end_matches('.');
    known.iter().any(|known| {
        let end = name.len().checked_sub(known.len()).and_then(|at| name.get(at..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(known)) && (known.starts_with('.') || known.len() == name.len())
    })
}

/// The provider that we call so.
pub fn named(name: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.name == name)
}

/// The provider whose IMAP server has that name.
pub fn of_host(host: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| is_one(host, &provider.hosts))
}

/// The provider all of whose mailboxes have addresses in that domain.
pub fn of_domain(domain: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| is_one(domain, &provider.domains))
}

/// The provider that takes the mail of domains whose mail exchanger has that name.
pub fn of_mx(mx: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| is_one(mx, &provider.mx))
}

impl Provider {
    /// Name and port of the IMAP server, with TLS from the first byte, of a mailbox whose domain has that mail exchanger.
    pub fn imap(&self, mx: Option<&str>) -> Option<(String, u16)> {
        let imap = self.imap.as_ref()?;
        let host = if imap.host == THE_MX { mx?.trim_end_matches('.').to_ascii_lowercase() } else { imap.host.clone() };
        Some((host, imap.port.unwrap_or(IMAPS)))
    }
}

impl Budget {
    /// What the server of that name bears; `usual` is for one that nobody knows.
    pub fn of_host(host: &str, usual: Self) -> Self {
        let Some(provider) = of_host(host) else { return usual };
        Self {
            connections: match provider.connections {
                Some(0) => None,
                Some(most) => Some(most),
                None => usual.connections,
            },
            logins_a_minute: provider.logins_a_minute.unwrap_or(usual.logins_a_minute),
            least_interval: provider
                .least_interval_s
                .map_or(usual.least_interval, |least| Duration::from_secs(least.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const USUAL: Budget = Budget { connections: Some(10), logins_a_minute: 120, least_interval: Duration::ZERO };

    #[test]
    fn every_line_of_the_table_can_be_true() {
        let table: Table = toml::from_str(TABLE).unwrap();
        let mut names = HashSet::new();
        for provider in &table.provider {
            let name = &provider.name;
            assert!(names.insert(name), "{name} is there twice");
            assert!(!provider.hosts.is_empty() && !provider.sign_in.is_empty(), "{name}");
            let hosts = provider.hosts.iter().chain(&provider.domains).chain(&provider.mx);
            for host in hosts {
                let labels = host.strip_prefix('.').unwrap_or(host).split('.');
                let is_label = |label: &str| {
                    !label.is_empty()
                        && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                };
                assert!(labels.clone().count() > 1 && labels.clone().all(is_label), "{name}: {host}");
            }
            // Whoever is found by mail exchanger is known by its server as well.
            let exchanger = provider.mx.first().map(|end| format!("mx1{end}"));
            if let Some((host, _)) = provider.imap(exchanger.as_deref()) {
                assert_eq!(of_host(&host).map(|found| &found.name), Some(name), "{host}");
            }
            assert!(
                provider.least_interval_s.is_none_or(|least| least <= 900),
                "{name}: nobody could be read as rarely"
            );
        }
    }

    #[test]
    fn a_provider_is_known_by_the_whole_name_or_by_its_end() {
        let name = |found: Option<&Provider>| found.map(|provider| provider.name.clone());
        assert_eq!(name(of_host("IMAP.gmail.com")).as_deref(), Some("google"));
        assert_eq!(name(of_host("sv12.xserver.jp.")).as_deref(), Some("xserver"));
        assert_eq!(name(of_mx("sakura-co-jp.mail.protection.outlook.com")).as_deref(), Some("microsoft"));
        assert_eq!(name(of_domain("gmail.com")).as_deref(), Some("google"));
        for stranger in ["imap.gmail.com.evil.example", "evilimap.gmail.com", "xserver.jp.example", "xserver.jp", ""] {
            assert_eq!(name(of_host(stranger)), None, "{stranger}");
        }
        assert_eq!(name(of_domain("mail.gmail.com")), None);
    }

    #[test]
    fn a_customers_server_may_be_called_as_the_mail_exchanger_is() {
        let sakura = of_mx("www1234.sakura.ne.jp").unwrap();
        assert_eq!(sakura.imap(Some("WWW1234.sakura.ne.jp.")), Some(("www1234.sakura.ne.jp".to_owned(), 993)));
        assert_eq!(sakura.imap(None), None);
        assert_eq!(of_mx("mx01.lolipop.jp").unwrap().imap(None), Some(("imap.lolipop.jp".to_owned(), 993)));
    }

    #[test]
    fn a_server_bears_what_the_table_says_and_else_what_is_usual() {
        assert_eq!(Budget::of_host("imap.host.example", USUAL), USUAL);
        assert_eq!(Budget::of_host("imap.gmail.com", USUAL).connections, None);
        let sakura = Budget::of_host("www1.sakura.ne.jp", USUAL);
        assert_eq!((sakura.connections, sakura.logins_a_minute), (Some(4), 60));
        assert_eq!(Budget::of_host("x.zenlogic.jp", USUAL).least_interval, Duration::from_mins(10));
    }
}
