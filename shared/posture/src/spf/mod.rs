//! Who may send in a domain's name (RFC 7208): its networks, and what is wrong with the record.
//!
//! No message is checked here. The record is walked as a receiver would walk it, within a receiver's limits, because one
//! that receivers give up on protects nothing.

mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use daimon_domain::words;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use self::record::{Mechanism, Record, Widths};
use crate::dns::{Dns, Unavailable};

/// A receiver gives up after so many look-ups (section 4.6.4).
const MOST_LOOK_UPS: u32 = 10;
/// And after so many that find nothing.
const MOST_VOID: u32 = 2;
/// Addresses that are followed for one `mx`.
const MOST_EXCHANGERS: usize = 10;
/// More networks than a provider has.
const MOST_NETWORKS: usize = 500;

words! {
    /// What a record says of everybody it does not name.
    SpfAll {
        /// Refuse: `-all`.
        Fail = "fail",
        /// Doubt: `~all`.
        SoftFail = "softfail",
        /// No opinion: `?all`, or nothing at all.
        Neutral = "neutral",
        /// Let everybody: `+all`.
        Pass = "pass",
    }
}

words! {
    /// What is wrong with a domain's SPF.
    SpfFault {
        /// There is none.
        Missing = "missing",
        /// There are several, which counts as an error (section 4.5).
        Several = "several",
        /// It can't be read.
        Unreadable = "unreadable",
        /// It needs more look-ups than receivers make.
        TooManyLookUps = "too_many_look_ups",
        /// More of its names than receivers forgive lead nowhere.
        TooManyVoid = "too_many_void",
        /// It includes a domain without a record of its own.
        IncludeMissing = "include_missing",
        /// It names itself, or one it includes does.
        Circular = "circular",
        /// It lets everybody send.
        OpenToAll = "open_to_all",
        /// It refuses nobody.
        RefusesNobody = "refuses_nobody",
        /// It uses `ptr`, which receivers may ignore (section 5.5).
        Ptr = "ptr",
    }
}

words! {
    /// How a record names networks.
    SpfVia {
        /// By their addresses.
        Typed = "typed",
        /// By a host's name.
        Host = "host",
        /// As mail exchangers; the name is the exchanger's.
        Exchanger = "exchanger",
        /// By another domain's record: `include`, `redirect`. The name is the one that the domain itself wrote.
        Include = "include",
    }
}

/// Networks that may send, and how the record names them: who that is decides what it says of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpfPart {
    /// How.
    pub via: SpfVia,
    /// Whose they are, where a name is written.
    pub name: Option<String>,
    /// The networks.
    pub networks: Vec<IpNet>,
}

impl SpfPart {
    /// Its networks, and whether each is narrow: a server or two that a company spells out, what a provider has for its mail.
    pub fn networks(&self) -> impl Iterator<Item = (IpNet, bool)> {
        let (four, six) = if self.via == SpfVia::Include { (20, 32) } else { (28, 64) };
        self.networks.iter().map(move |network| {
            let least = if matches!(network, IpNet::V4(_)) { four } else { six };
            (*network, network.prefix_len() >= least)
        })
    }
}

/// What a domain's SPF record says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spf {
    /// The record.
    pub record: Option<String>,
    /// What it says of everybody else.
    pub all: Option<SpfAll>,
    /// Who may send.
    pub networks: Vec<IpNet>,
    /// The same, by who names them.
    #[serde(default)]
    pub parts: Vec<SpfPart>,
    /// The domains that it includes, which say whose servers these are.
    pub includes: Vec<String>,
    /// How many look-ups a receiver makes for it; more than 10 is too many.
    pub look_ups: u32,
    /// What is wrong with it.
    pub faults: Vec<SpfFault>,
}

struct Walk {
    spf: Spf,
    void: u32,
    faults: BTreeSet<SpfFault>,
    networks: BTreeSet<IpNet>,
    parts: BTreeMap<(SpfVia, Option<String>), BTreeSet<IpNet>>,
    seen: BTreeSet<String>,
    /// Included domains that are still to be walked, and through which that the domain itself names.
    next: Vec<(String, Option<String>)>,
}

impl Spf {
    /// Walks a domain's record.
    pub async fn of(domain: &str, dns: &impl Dns) -> Result<Self, Unavailable> {
        let mut walk = Walk {
            spf: Self::default(),
            void: 0,
            faults: BTreeSet::new(),
            networks: BTreeSet::new(),
            parts: BTreeMap::new(),
            seen: BTreeSet::new(),
            next: Vec::new(),
        };
        walk.start(domain, dns).await?;
        Ok(walk.finish())
    }
}

/// The SPF records among a name's text records (section 4.5).
async fn records(name: &str, dns: &impl Dns) -> Result<Vec<String>, Unavailable> {
    let is_spf = |text: &String| {
        let text = text.to_ascii_lowercase();
        text == "v=spf1" || text.starts_with("v=spf1 ")
    };
    Ok(dns.txt(name).await?.into_iter().filter(is_spf).collect())
}

impl Walk {
    async fn start(&mut self, domain: &str, dns: &impl Dns) -> Result<(), Unavailable> {
        let domain = domain.to_ascii_lowercase();
        let mut is_word_on_others = true;
        self.next.push((domain.clone(), None));
        while let Some((name, through)) = self.next.pop() {
            if !self.seen.insert(name.clone()) {
                if is_word_on_others {
                    self.faults.insert(SpfFault::Circular);
                }
                continue;
            }
            let Some(record) = self.record(&name, dns).await? else {
                if name != domain {
                    self.faults.insert(SpfFault::IncludeMissing);
                }
                continue;
            };
            let read = record::read(&record, &name);
            self.spf.record.get_or_insert(record);
            let Some(read) = read else {
                self.faults.insert(SpfFault::Unreadable);
                continue;
            };
            // A redirect replaces what is said of everybody else by another domain's word (section 6.1).
            let redirect = read.redirect.clone().flatten().filter(|_| read.all.is_none());
            if is_word_on_others {
                self.spf.all = read.all;
                is_word_on_others = redirect.is_some();
            }
            self.mechanisms(&read, through.as_deref(), dns).await?;
            if let Some(to) = redirect
                && self.may_look_up()
            {
                let through = through.unwrap_or_else(|| to.clone());
                self.next.push((to, Some(through)));
            }
        }
        Ok(())
    }

    async fn record(&mut self, name: &str, dns: &impl Dns) -> Result<Option<String>, Unavailable> {
        let mut found = records(name, dns).await?;
        if found.len() > 1 {
            self.faults.insert(SpfFault::Several);
        }
        if found.is_empty() { Ok(None) } else { Ok(Some(found.swap_remove(0))) }
    }

    async fn mechanisms(&mut self, read: &Record, through: Option<&str>, dns: &impl Dns) -> Result<(), Unavailable> {
        let named = |via: SpfVia, name: Option<&str>| match through {
            Some(through) => (SpfVia::Include, Some(through.to_owned())),
            None => (via, name.map(str::to_owned)),
        };
        for (mechanism, is_pass) in &read.mechanisms {
            if let Mechanism::Network(network) = mechanism {
                self.admit(Some(*network).filter(|_| *is_pass), named(SpfVia::Typed, None));
                continue;
            }
            if *mechanism == Mechanism::Ptr {
                self.faults.insert(SpfFault::Ptr);
            }
            if !self.may_look_up() {
                break;
            }
            match mechanism {
                Mechanism::Include(Some(included)) => {
                    self.spf.includes.push(included.clone());
                    let through = through.unwrap_or(included).to_owned();
                    self.next.push((included.clone(), Some(through)));
                }
                Mechanism::A(Some(host), widths) => {
                    let found = dns.addresses(host).await?;
                    self.is_void(found.is_empty());
                    self.admit_all(&found, *widths, *is_pass, &named(SpfVia::Host, Some(host)));
                }
                Mechanism::Mx(Some(host), widths) => {
                    let exchangers = dns.mx(host).await?;
                    self.is_void(exchangers.is_empty());
                    for exchanger in exchangers.iter().filter(|one| !one.is_empty()).take(MOST_EXCHANGERS) {
                        let found = dns.addresses(exchanger).await?;
                        let exchanger = exchanger.to_ascii_lowercase();
                        self.admit_all(&found, *widths, *is_pass, &named(SpfVia::Exchanger, Some(&exchanger)));
                    }
                }
                // Whom these let send depends on the mail.
                Mechanism::Include(None)
                | Mechanism::A(None, _)
                | Mechanism::Mx(None, _)
                | Mechanism::Exists
                | Mechanism::Ptr
                | Mechanism::Network(_) => {}
            }
        }
        Ok(())
    }

    /// Counts one look-up; whether a receiver would still make it.
    fn may_look_up(&mut self) -> bool {
        self.spf.look_ups += 1;
        let may = self.spf.look_ups <= MOST_LOOK_UPS;
        if !may {
            self.faults.insert(SpfFault::TooManyLookUps);
        }
        may
    }

    fn is_void(&mut self, is_void: bool) {
        self.void += u32::from(is_void);
        if self.void > MOST_VOID {
            self.faults.insert(SpfFault::TooManyVoid);
        }
    }

    fn admit_all(&mut self, addresses: &[IpAddr], widths: Widths, is_pass: bool, named: &(SpfVia, Option<String>)) {
        for ip in addresses {
            self.admit(network(*ip, widths).filter(|_| is_pass), named.clone());
        }
    }

    fn admit(&mut self, network: Option<IpNet>, named: (SpfVia, Option<String>)) {
        if self.networks.len() < MOST_NETWORKS
            && let Some(network) = network.map(|network| network.trunc())
        {
            self.networks.insert(network);
            self.parts.entry(named).or_default().insert(network);
        }
    }

    fn finish(mut self) -> Spf {
        match (&self.spf.record, self.spf.all) {
            (None, _) => {
                self.faults.insert(SpfFault::Missing);
            }
            (Some(_), Some(SpfAll::Pass)) => {
                self.faults.insert(SpfFault::OpenToAll);
            }
            (Some(_), Some(SpfAll::Neutral) | None) => {
                self.faults.insert(SpfFault::RefusesNobody);
            }
            (Some(_), Some(SpfAll::Fail | SpfAll::SoftFail)) => {}
        }
        let mut includes = std::mem::take(&mut self.spf.includes);
        includes.sort();
        includes.dedup();
        let part = |((via, name), networks): (_, BTreeSet<IpNet>)| SpfPart {
            via,
            name,
            networks: IpNet::aggregate(&networks.into_iter().collect()),
        };
        Spf {
            includes,
            parts: self.parts.into_iter().map(part).collect(),
            networks: IpNet::aggregate(&self.networks.into_iter().collect()),
            faults: self.faults.into_iter().collect(),
            ..self.spf
        }
    }
}

fn network(ip: IpAddr, widths: Widths) -> Option<IpNet> {
    IpNet::new(ip, if ip.is_ipv4() { widths.four } else { widths.six }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::{Zone, ready};

    fn spf(zone: &str) -> Spf {
        ready(Spf::of("Sakura.example", &Zone::of(zone))).unwrap()
    }

    fn nets(spf: &Spf) -> Vec<String> {
        spf.networks.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_network_that_may_send_is_found_through_includes_and_hosts() {
        let spf = spf("sakura.example TXT v=spf1 a mx:mx.example ip4:203.0.113.0/25 ip6:2001:db8::/64 include:_spf.host.example ?ip4:192.0.2.1 -all
            sakura.example A 198.51.100.7
            mx.example MX mx1.host.example
            mx1.host.example A 198.51.100.25
            _spf.host.example TXT v=spf1 ip4:203.0.113.128/25 include:%{d}._deep.host.example ~all
            _spf.host.example._deep.host.example TXT v=spf1 a:out.host.example/28 -all
            out.host.example A 198.51.100.100");
        assert_eq!(
            nets(&spf),
            ["198.51.100.7/32", "198.51.100.25/32", "198.51.100.96/28", "203.0.113.0/24", "2001:db8::/64"]
        );
        let parts: Vec<String> = spf
            .parts
            .iter()
            .map(|part| format!("{} {} {}", part.via, part.name.as_deref().unwrap_or("-"), part.networks.len()))
            .collect();
        // What is included deep down is still of whom the domain itself names.
        let expected =
            ["typed - 2", "host sakura.example 1", "exchanger mx1.host.example 1", "include _spf.host.example 2"];
        assert_eq!(parts, expected);
        assert_eq!(spf.includes, ["_spf.host.example", "_spf.host.example._deep.host.example"]);
        assert_eq!((spf.all, spf.look_ups, spf.faults), (Some(SpfAll::Fail), 5, vec![]));
    }

    #[test]
    fn what_is_wrong_with_a_record_is_said() {
        let cases: [(&str, &[SpfFault]); 11] = [
            ("", &[SpfFault::Missing]),
            ("sakura.example TXT v=spf10 -all", &[SpfFault::Missing]),
            ("sakura.example TXT v=spf1 ip4:300.1.1.1 -all", &[SpfFault::Unreadable, SpfFault::RefusesNobody]),
            ("sakura.example TXT v=spf1 -all\nsakura.example TXT v=spf1 ~all", &[SpfFault::Several]),
            ("sakura.example TXT v=spf1 +all", &[SpfFault::OpenToAll]),
            ("sakura.example TXT v=spf1 ?all", &[SpfFault::RefusesNobody]),
            ("sakura.example TXT v=spf1 ip4:192.0.2.1", &[SpfFault::RefusesNobody]),
            ("sakura.example TXT v=spf1 ptr -all", &[SpfFault::Ptr]),
            ("sakura.example TXT v=spf1 include:gone.example -all", &[SpfFault::IncludeMissing]),
            ("sakura.example TXT v=spf1 a:a.example a:b.example a:c.example -all", &[SpfFault::TooManyVoid]),
            ("sakura.example TXT v=spf1 redirect=sakura.example", &[SpfFault::Circular, SpfFault::RefusesNobody]),
        ];
        for (zone, faults) in cases {
            let spf = spf(zone);
            assert_eq!(spf.faults, faults, "{zone}: {spf:?}");
        }
    }

    #[test]
    fn a_redirect_speaks_for_the_domain() {
        let spf = spf("sakura.example TXT v=spf1 redirect=_spf.host.example
            _spf.host.example TXT v=spf1 ip4:203.0.113.9 -all");
        assert_eq!((spf.all, nets(&spf)), (Some(SpfAll::Fail), vec!["203.0.113.9/32".to_owned()]));
        assert_eq!(spf.record.as_deref(), Some("v=spf1 redirect=_spf.host.example"));
    }

    #[test]
    fn a_record_that_branches_without_end_ends_where_receivers_give_up() {
        let mut zone = String::from("sakura.example TXT v=spf1 include:n0.example -all\n");
        for n in 0..100 {
            use std::fmt::Write as _;
            let next = n + 1;
            writeln!(zone, "n{n}.example TXT v=spf1 include:n{next}.example include:m{next}.example -all").unwrap();
        }
        let zone = Zone::of(&zone);
        let spf = ready(Spf::of("sakura.example", &zone)).unwrap();
        assert!(spf.faults.contains(&SpfFault::TooManyLookUps), "{:?}", spf.faults);
        assert!(zone.asked() <= 12, "{}", zone.asked());
    }

    #[test]
    fn a_name_server_that_is_silent_is_no_verdict_on_the_record() {
        let silent = Zone::of("sakura.example TXT v=spf1 include:slow.example -all\nslow.example SILENT");
        assert_eq!(ready(Spf::of("sakura.example", &silent)), Err(Unavailable("TXT")));
    }
}
