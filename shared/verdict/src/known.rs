//! What we know of a mailbox's own infrastructure before we read a bounce.

use std::net::IpAddr;

use daimon_domain::origin::Hop;
use daimon_domain::words;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::cloud;
use crate::hosts::{self, is_at_or_below};

words! {
    /// How the mailbox is hosted, as far as it changes what can be seen.
    Provider {
        /// A mail host with IMAP.
        ImapHost = "imap_host",
        /// Google Workspace or Gmail.
        Gmail = "gmail",
        /// Microsoft 365.
        M365 = "m365",
        /// Its owner fetches by POP: there is no Sent folder, no history, and nothing that tells the owner from a thief.
        PopOnly = "pop_only",
    }
}

impl Provider {
    /// Whose IMAP host that is.
    pub fn of_imap_host(host: &str) -> Self {
        match hosts::organisation(host).as_str() {
            "gmail.com" | "google.com" | "googlemail.com" => Self::Gmail,
            "office365.com" | "outlook.com" => Self::M365,
            _other => Self::ImapHost,
        }
    }

    /// Whether it files a copy of whatever is submitted in Sent, unless somebody switched that off.
    pub const fn files_all(self) -> bool {
        matches!(self, Self::Gmail | Self::M365)
    }

    /// The hosts of those whose hosts are everybody's: as little of their names as their own mail systems need. What
    /// their customers run (`googleusercontent.com`, `cloudapp.azure.com`) is not among them.
    pub const fn usual_hosts(self) -> &'static [&'static str] {
        match self {
            Self::Gmail => &["google.com", "googlemail.com", "gmail.com"],
            Self::M365 => {
                &["prod.outlook.com", "protection.outlook.com", "outlook.office365.com", "smtp.office365.com"]
            }
            Self::ImapHost | Self::PopOnly => &[],
        }
    }

    fn is_usual_host(self, host: &str) -> bool {
        self.usual_hosts().iter().any(|usual| is_at_or_below(host.trim_end_matches('.'), usual))
    }
}

/// What is known of a mailbox before its bounces are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// Its address, in lower case.
    pub address: String,
    /// Other addresses that rightly send as it: aliases, colleagues. In lower case.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Names it signs in with, where they differ from the address. In lower case.
    #[serde(default)]
    pub login_names: Vec<String>,
    /// The tenant's domains.
    #[serde(default)]
    pub own_domains: Vec<String>,
    /// Hosts of its provider: `mail.host.example`; each stands for the names below it too. `*.host.example` is the same.
    #[serde(default)]
    pub own_hosts: Vec<String>,
    /// Networks of its provider.
    #[serde(default)]
    pub own_networks: Vec<IpNet>,
    /// Networks of its provider that were learnt: there may be others.
    #[serde(default)]
    pub learnt_networks: Vec<IpNet>,
    /// Networks that may send for its domain and of which nobody can say whether they are its provider's.
    #[serde(default)]
    pub claimed_networks: Vec<IpNet>,
    /// How it is hosted.
    #[serde(default)]
    pub provider: Option<Provider>,
    /// Which share of its mail is in Sent, 0 to 1; `None` when that could not be measured.
    #[serde(default)]
    pub sent_coverage: Option<f64>,
    /// Others than its tenant sign in at the same hosts.
    #[serde(default)]
    pub has_neighbours: bool,
    /// There is no copy of what it sent, nobody it is known to write to, no line that says who signed in and nothing of
    /// how it sends: it may be read over IMAP, its owner uses POP.
    #[serde(default)]
    pub has_no_history: bool,
}

/// Whether a line's client is a host of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// It is, or the message began here.
    Ours,
    /// It only says so (HELO).
    Claimed,
    /// It is not.
    Foreign,
}

impl Known {
    /// Below this share a missing copy in Sent means nothing.
    pub const LEAST_COVERAGE: f64 = 0.3;

    /// How much a missing copy in Sent counts, 0 to 1: the table is right for a folder that holds nine mails in ten.
    pub fn sent_weight(&self) -> f64 {
        match self.sent_coverage {
            Some(share) if share >= Self::LEAST_COVERAGE => (-(1.0 - share).max(0.1).log10()).clamp(0.0, 1.0),
            Some(_) | None => 0.0,
        }
    }

    /// Whether owner and thief look the same here, so that a takeover is never excluded.
    pub fn is_blind(&self) -> bool {
        self.provider == Some(Provider::PopOnly) || self.own_hosts.is_empty() || self.has_no_history
    }

    /// Whether strangers sign in at the same hosts, so that nobody knows whom an unnamed sign-in is of.
    pub fn shares_hosts(&self) -> bool {
        self.has_neighbours || self.own_hosts.iter().any(|own| hosts::is_shared(own.trim_start_matches("*.")))
    }

    /// Whether somebody who signs in under that name is the mailbox.
    pub(crate) fn is_own_login(&self, name: &str) -> bool {
        let own_local = self.address.split('@').next().unwrap_or_default();
        name == self.address
            || self.login_names.iter().any(|login| login == name)
            || self.aliases.iter().any(|alias| alias == name)
            // On a shared host another customer's login may be called like this mailbox.
            || (name == own_local && !self.shares_hosts())
    }

    /// Whether the name that signed in may be published: it is the mailbox's or one of the tenant's.
    pub(crate) fn is_tenants_login(&self, name: &str) -> bool {
        self.is_own_login(name) || name.rsplit_once('@').is_some_and(|(_, domain)| self.owns_domain(domain))
    }

    /// Whether the host belongs to the provider.
    pub fn owns_host(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        self.own_hosts.iter().any(|own| is_at_or_below(host, own.trim_start_matches("*.").trim_matches('.')))
    }

    /// Whether a host of ours took it from itself or from another of ours, over an address that strangers don't have.
    pub(crate) fn is_own_machine(&self, hop: &Hop) -> bool {
        let is_ours = hop.by.as_deref().is_some_and(|by| self.owns_host(by));
        is_ours && !hop.authenticated && hop.from_ip.is_some() && self.client_of(hop) == Whose::Ours
    }

    /// Whether the host may be the provider's: it has the same registered name, and no more is known.
    pub(crate) fn may_own(&self, host: &str) -> bool {
        let organisation = hosts::organisation(host);
        self.own_hosts.iter().any(|own| organisation == hosts::organisation(own))
    }

    /// Whether the address is the mailbox's.
    pub fn is_ours(&self, address: &str) -> bool {
        let names = std::iter::once(&self.address).chain(&self.aliases);
        names.into_iter().any(|own| own.eq_ignore_ascii_case(address))
    }

    /// Whether the domain is the tenant's.
    pub fn owns_domain(&self, domain: &str) -> bool {
        self.own_domains.iter().any(|own| own.eq_ignore_ascii_case(domain))
    }

    /// Whether a line's client is in a network of ours.
    pub(crate) fn is_in_own_networks(&self, hop: &Hop) -> bool {
        is_in(&self.own_networks, hop) || is_in(&self.learnt_networks, hop)
    }

    pub(crate) fn client_of(&self, hop: &Hop) -> Whose {
        if hop.from_ip.is_some_and(is_internal) || self.is_in_own_networks(hop) {
            return Whose::Ours;
        }
        if self.provider == Some(Provider::M365) && (cloud::is_within_exchange(hop) || cloud::is_from_frontend(hop)) {
            return Whose::Ours;
        }
        let name = hop.from_host.as_deref().or(hop.helo.as_deref());
        if hop.from_ip.is_none() && name.is_some_and(|name| name == "localhost" || name.starts_with("localhost.")) {
            return Whose::Ours;
        }
        let looked_up = hop.from_host.as_deref().filter(|host| *host != "unknown");
        match (looked_up, hop.helo.as_deref(), hop.from_ip) {
            (Some(host), _, _) if self.owns_host(host) => Whose::Ours,
            // Another machine of a large host: the provider's own, or a neighbour's.
            (Some(host), _, _) if self.may_own(host) => Whose::Claimed,
            (None, None, None) => Whose::Ours,
            // The networks that are known are not Google's and Microsoft's.
            (None, Some(helo), _) if self.provider.is_some_and(|provider| provider.is_usual_host(helo)) => {
                Whose::Claimed
            }
            (None, Some(helo), _) if self.own_networks.is_empty() && self.owns_host(helo) => Whose::Claimed,
            (None, Some(helo), None) if self.owns_host(helo) => Whose::Claimed,
            (Some(_) | None, _, _) if is_in(&self.claimed_networks, hop) => Whose::Claimed,
            (Some(_) | None, _, _) => Whose::Foreign,
        }
    }
}

fn is_in(networks: &[IpNet], hop: &Hop) -> bool {
    hop.from_ip.is_some_and(|ip| networks.iter().any(|network| network.contains(&ip)))
}

pub(crate) fn is_internal(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_stands_for_the_names_below_it_and_not_beside_it() {
        let known = Known { own_hosts: vec!["*.host.example".to_owned()], ..Known::default() };
        assert!(known.owns_host("out3.host.example."));
        assert!(known.owns_host("HOST.example"));
        assert!(!known.owns_host("ghost.example"));
        assert!(!known.owns_host("host.example.evil.test"));
    }

    #[test]
    fn what_may_send_for_the_domain_is_neither_ours_nor_a_strangers() {
        let networks = |text: &str| vec![text.parse().unwrap()];
        let known = Known {
            own_hosts: vec!["host.example".to_owned()],
            learnt_networks: networks("203.0.113.0/25"),
            claimed_networks: networks("192.0.2.0/24"),
            ..Known::default()
        };
        let client = |ip: &str| {
            let host = Some("out3.otherbrand.example".to_owned());
            known.client_of(&Hop { from_host: host, from_ip: ip.parse().ok(), ..Hop::default() })
        };
        assert_eq!(
            ["203.0.113.9", "192.0.2.9", "198.51.100.9"].map(client),
            [Whose::Ours, Whose::Claimed, Whose::Foreign]
        );
        // A greeting is no proof, but what was learnt does not say that there are no other hosts.
        let greeted =
            Hop { helo: Some("mx.host.example".to_owned()), from_ip: "198.51.100.9".parse().ok(), ..Hop::default() };
        assert_eq!(known.client_of(&greeted), Whose::Claimed);
    }

    #[test]
    fn a_thin_sent_folder_says_little_and_a_thinner_one_nothing() {
        let weight = |share| Known { sent_coverage: share, ..Known::default() }.sent_weight();
        assert!((weight(Some(0.9)) - 1.0).abs() < 1e-9);
        assert!(weight(Some(0.5)) < 0.35 && weight(Some(0.5)) > 0.25);
        assert!(weight(Some(0.29)).abs() < 1e-9);
        assert!(weight(None).abs() < 1e-9);
    }
}
