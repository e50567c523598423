//! How a domain stands, as a whole.

use std::net::IpAddr;

use futures_util::future::join_all;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::blocklists::{Blocklists, Listing, Standing};
use crate::dkim::Dkim;
use crate::dmarc::Dmarc;
use crate::dns::Dns;
use crate::finding::Finding;
use crate::spf::Spf;

/// Mail exchangers that are remembered.
const MOST_EXCHANGERS: usize = 10;
/// Addresses that block lists are asked for.
const MOST_ADDRESSES: usize = 8;
/// An SPF network of so many addresses at most is a server or two; a larger one is a provider's, with many customers.
const A_SERVER: u32 = 2;

/// How a domain stands. What DNS could not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Posture {
    /// Who may send in its name.
    pub spf: Option<Spf>,
    /// Who takes its mail, best first.
    pub mx: Option<Vec<String>>,
    /// What receivers do with forgeries.
    pub dmarc: Option<Dmarc>,
    /// What its mail can be checked with.
    pub dkim: Option<Dkim>,
    /// What block lists say of it and of the servers that are its own alone.
    pub listings: Vec<Listing>,
}

impl Posture {
    /// Asks. `selectors`: those that its own mail is signed with.
    pub async fn of(domain: &str, selectors: &[String], lists: &Blocklists, dns: &impl Dns) -> Self {
        let (spf, dmarc, mx) =
            futures_util::future::join3(Spf::of(domain, dns), Dmarc::of(domain, dns), dns.mx(domain)).await;
        let mx =
            mx.ok().map(|hosts| hosts.iter().take(MOST_EXCHANGERS).map(|host| host.to_ascii_lowercase()).collect());
        let (dkim, named) =
            futures_util::future::join(Dkim::of(domain, selectors, dns), lists.of_domain(domain, dns)).await;
        let servers = spf.iter().flat_map(|spf| spf.networks.iter().filter_map(server)).take(MOST_ADDRESSES);
        let asked = join_all(servers.map(|ip| lists.of_address(ip, dns))).await;
        let listings = asked.into_iter().flatten().chain(named).collect();
        Self { spf: spf.ok(), mx, dmarc: dmarc.ok(), dkim: dkim.ok(), listings }
    }

    /// What DNS or a block list did not answer: `spf`, `dmarc`, `dkim`, or the name of a list.
    pub fn unanswered(&self) -> Vec<String> {
        let answered = [("spf", self.spf.is_some()), ("dmarc", self.dmarc.is_some()), ("dkim", self.dkim.is_some())];
        let records = answered.into_iter().filter(|(_, is_known)| !is_known).map(|(what, _)| what.to_owned());
        let silent = self.listings.iter().filter(|one| one.standing == Standing::Unknown);
        let mut unanswered: Vec<_> = records.chain(silent.map(|one| one.list.clone())).collect();
        unanswered.dedup();
        unanswered
    }

    /// What is wrong, the worst first.
    pub fn findings(&self) -> Vec<Finding> {
        let listed = self.listings.iter().filter(|one| one.standing == Standing::Listed);
        let listed = listed.map(|one| Finding::Listed { list: one.list.clone(), of: one.of.clone() });
        let spf = self.spf.iter().flat_map(|spf| spf.faults.iter().copied().map(Finding::Spf));
        let dmarc = self.dmarc.iter().flat_map(|dmarc| dmarc.faults.iter().copied().map(Finding::Dmarc));
        let dkim = self.dkim.iter().flat_map(|dkim| dkim.faults.iter().copied().map(Finding::Dkim));
        listed.chain(spf).chain(dmarc).chain(dkim).collect()
    }
}

fn server(network: &IpNet) -> Option<IpAddr> {
    let bits = u32::from(network.max_prefix_len() - network.prefix_len());
    (2_u32.checked_pow(bits).is_some_and(|addresses| addresses <= A_SERVER)).then(|| network.addr())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::{Zone, ready};

    #[test]
    fn a_domain_is_told_what_is_wrong_and_its_providers_networks_are_not_asked_for() {
        let zone = Zone::of(
            "sakura.example TXT v=spf1 ip4:198.51.100.7 ip4:203.0.113.0/24 ~all
             _dmarc.sakura.example TXT v=DMARC1; p=none; rua=mailto:d@sakura.example
             7.100.51.198.zen.spamhaus.org A 127.0.0.2",
        );
        let posture = ready(Posture::of("sakura.example", &[], &Blocklists::shipped().unwrap(), &zone));
        let codes: Vec<String> = posture.findings().iter().map(Finding::code).collect();
        assert_eq!(codes, ["blocklist.listed", "dmarc.only_watches", "dkim.none_found"]);
        assert!(posture.listings.iter().all(|one| one.of == "198.51.100.7" || one.of == "sakura.example"));
    }

    #[test]
    fn what_dns_could_not_say_is_no_finding() {
        let zone =
            Zone::of("sakura.example SILENT\n_dmarc.sakura.example TXT v=DMARC1; p=reject; rua=mailto:d@x.example");
        let posture = ready(Posture::of("sakura.example", &[], &Blocklists::shipped().unwrap(), &zone));
        assert_eq!(posture.spf, None);
        assert!(posture.findings().iter().all(|one| !one.code().starts_with("spf.")));
    }
}
