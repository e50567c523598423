//! Whether an address or a domain stands on a DNS block list (RFC 5782).

use std::net::IpAddr;

use daimon_domain::words;
use serde::{Deserialize, Serialize};

use crate::dns::{Dns, Unavailable};

words! {
    /// What a list names.
    Of {
        /// Addresses.
        Address = "address",
        /// Domains.
        Domain = "domain",
    }
}

words! {
    /// What a list says.
    Standing {
        /// It names it.
        Listed = "listed",
        /// It doesn't.
        Clean = "clean",
        /// It did not answer, or not us: ask elsewhere.
        Unknown = "unknown",
    }
}

/// One list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocklist {
    /// What people call it.
    pub name: String,
    of: Of,
    zone: String,
    listed: Vec<IpAddr>,
    /// Answers that speak against nobody here.
    #[serde(default)]
    innocent: Vec<IpAddr>,
    /// Where people look it up, and ask to be taken off.
    pub page: String,
}

/// The lists that are asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocklists {
    list: Vec<Blocklist>,
}

/// The file is no list of block lists.
#[derive(Debug, thiserror::Error)]
#[error("is no list of block lists: {0}")]
pub struct MalformedBlocklists(#[from] toml::de::Error);

/// What one list says of one address or domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The list.
    pub list: String,
    /// The address or the domain.
    pub of: String,
    /// What it says.
    pub standing: Standing,
    /// Where people look it up.
    pub page: String,
}

impl Blocklists {
    /// Those that ship with Daimon.
    pub fn shipped() -> Result<Self, MalformedBlocklists> {
        Self::parse(include_str!("../data/blocklists.toml"))
    }

    /// Reads an operator's own.
    pub fn parse(text: &str) -> Result<Self, MalformedBlocklists> {
        Ok(toml::from_str(text)?)
    }

    /// What each list says of an address that mail leaves from.
    pub async fn of_address(&self, ip: IpAddr, dns: &impl Dns) -> Vec<Listing> {
        self.ask(Of::Address, &reversed(ip), &ip.to_string(), dns).await
    }

    /// What each list says of a domain.
    pub async fn of_domain(&self, domain: &str, dns: &impl Dns) -> Vec<Listing> {
        let domain = domain.to_ascii_lowercase();
        self.ask(Of::Domain, &domain, &domain, dns).await
    }

    async fn ask(&self, what: Of, name: &str, of: &str, dns: &impl Dns) -> Vec<Listing> {
        let lists = self.list.iter().filter(|list| list.of == what);
        let asked = lists.map(async |list| Listing {
            list: list.name.clone(),
            of: of.to_owned(),
            standing: list.standing(dns.addresses(&format!("{name}.{}", list.zone)).await),
            page: list.page.clone(),
        });
        futures_util::future::join_all(asked).await
    }
}

impl Blocklist {
    fn standing(&self, answer: Result<Vec<IpAddr>, Unavailable>) -> Standing {
        match answer {
            Ok(codes) if codes.iter().any(|code| self.listed.contains(code)) => Standing::Listed,
            Ok(codes) if codes.iter().all(|code| self.innocent.contains(code)) => Standing::Clean,
            Ok(_) | Err(_) => Standing::Unknown,
        }
    }
}

/// The address as a name: octets or nibbles, last first (section 2.1 and 2.4).
fn reversed(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets().iter().rev().map(u8::to_string).collect::<Vec<_>>().join("."),
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}")).collect::<Vec<_>>().join(".")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::{Zone, ready};

    fn standing(listings: &[Listing], list: &str) -> Standing {
        listings.iter().find(|one| one.list == list).unwrap().standing
    }

    #[test]
    fn a_listing_a_refusal_and_a_clean_answer_are_told_apart() {
        let lists = Blocklists::shipped().unwrap();
        let zone = Zone::of(
            "7.100.51.198.zen.spamhaus.org A 127.0.0.4
             7.100.51.198.bl.spamcop.net A 127.255.255.254
             7.100.51.198.psbl.surriel.com SILENT
             8.100.51.198.zen.spamhaus.org A 127.0.0.10",
        );
        let found = ready(lists.of_address("198.51.100.7".parse().unwrap(), &zone));
        assert_eq!(standing(&found, "Spamhaus ZEN"), Standing::Listed);
        assert_eq!(standing(&found, "SpamCop"), Standing::Unknown);
        assert_eq!(standing(&found, "PSBL"), Standing::Unknown);
        assert_eq!(standing(&found, "Barracuda"), Standing::Clean);
        assert!(found.iter().all(|one| one.list != "Spamhaus DBL" && one.of == "198.51.100.7"));
        let dial_up = ready(lists.of_address("198.51.100.8".parse().unwrap(), &zone));
        assert_eq!(standing(&dial_up, "Spamhaus ZEN"), Standing::Clean);
    }

    #[test]
    fn domains_are_asked_of_lists_of_domains_only() {
        let zone = Zone::of("sakura.example.dbl.spamhaus.org A 127.0.1.2");
        let found = ready(Blocklists::shipped().unwrap().of_domain("Sakura.example", &zone));
        assert_eq!(found.len(), 1);
        assert_eq!(standing(&found, "Spamhaus DBL"), Standing::Listed);
        assert_eq!(zone.asked(), 1);
    }

    #[test]
    fn an_address_is_asked_for_backwards() {
        assert_eq!(reversed("192.0.2.99".parse().unwrap()), "99.2.0.192");
        assert_eq!(reversed("::ffff:192.0.2.99".parse().unwrap()), "99.2.0.192");
        let six = reversed("2001:db8::567:89ab".parse().unwrap());
        assert_eq!(six, "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2");
    }

    #[test]
    fn an_operators_own_file_is_read_or_refused() {
        let own = "[[list]]\nname = \"Ours\"\nof = \"address\"\nzone = \"bl.msp.example\"\nlisted = [\"127.0.0.2\"]\npage = \"https://msp.example/\"\n";
        assert_eq!(Blocklists::parse(own).unwrap().list.len(), 1);
        let refused = Blocklists::parse(&own.replace("zone", "zones")).unwrap_err().to_string();
        assert!(refused.contains("zones"), "{refused}");
    }
}
