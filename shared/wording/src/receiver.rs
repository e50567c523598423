//! What receivers are called: people know Gmail, and not `gmail-smtp-in.l.google.com`. The names are data
//! (`data/receivers.toml`).

use std::sync::LazyLock;

use serde::Deserialize;

use crate::foreign;

/// Who receives mail for many domains.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// What people call it.
    pub name: String,
    hosts: Vec<String>,
    domains: Vec<String>,
    /// Where it tells senders how they stand.
    pub page: Option<String>,
}

#[derive(Deserialize)]
struct File {
    receiver: Vec<Receiver>,
}

/// A file that does not parse would leave hosts without names; a test makes sure that it does.
static RECEIVERS: LazyLock<Vec<Receiver>> = LazyLock::new(|| read().map(|file| file.receiver).unwrap_or_default());

fn read() -> Result<File, toml::de::Error> {
    toml::from_str(include_str!("../data/receivers.toml"))
}

/// Who answers under that name, or else for that domain; `None` when it is nobody whom people know.
pub fn known(host: Option<&str>, domain: &str) -> Option<&'static Receiver> {
    // Reports write "mx.shop.example (198.51.100.7)" and "mx.shop.example." too.
    let host = host.and_then(|host| host.split_whitespace().next()).map(|host| host.trim_end_matches('.'));
    let is_within = |zone: &String| {
        host.and_then(|host| host.strip_suffix(zone.as_str()))
            .is_some_and(|above| above.is_empty() || above.ends_with('.'))
    };
    let by_host = || RECEIVERS.iter().find(|one| one.hosts.iter().any(is_within));
    by_host().or_else(|| RECEIVERS.iter().find(|one| one.domains.iter().any(|known| known == domain)))
}

/// What to call who refused: its name, or the domain that was written to; `None` for what is no domain.
pub(crate) fn name(host: Option<&str>, domain: &str) -> Option<(String, Option<&'static str>)> {
    match known(host, domain) {
        Some(receiver) => Some((receiver.name.clone(), receiver.page.as_deref())),
        None => foreign::is_domain(domain).then(|| (domain.to_owned(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_receiver_has_a_name_and_hosts_that_no_other_has() {
        let all = read().unwrap().receiver;
        for receiver in &all {
            assert!(!receiver.name.is_empty() && !receiver.hosts.is_empty(), "{receiver:?}");
            for name in receiver.hosts.iter().chain(&receiver.domains) {
                assert!(foreign::is_domain(name) && *name == name.to_lowercase(), "{name}");
            }
            for host in &receiver.hosts {
                assert_eq!(known(Some(&format!("mx.{host}")), "shop.example").unwrap().name, receiver.name, "{host}");
            }
        }
    }

    #[test]
    fn the_host_tells_who_refused_and_otherwise_the_domain() {
        let name = |host, domain| name(host, domain).map(|(name, _)| name);
        let google = Some("Google (Gmail, Workspace)".to_owned());
        assert_eq!(name(Some("aspmx.l.google.com. (142.250.0.1)"), "shop.example"), google);
        assert_eq!(name(None, "gmail.com"), google);
        assert_eq!(name(Some("mx.evilgoogle.com"), "shop.example"), Some("shop.example".to_owned()));
        assert_eq!(name(None, "<script>"), None);
    }
}
