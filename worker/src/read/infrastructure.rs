//! A mailbox's own servers, as the records of its domain name them: SPF and MX, asked of DNS once a day.
//!
//! The record names whoever may send for the domain, also those who send for everybody, and that a mail came from there says
//! nothing of this mailbox. Own are networks of the mailbox's provider, the domain's mail exchangers, and single servers that
//! the record spells out. Those of a newsletter service or a web server may be own or not: mail from there is neither
//! believed nor taken for a stranger's. Of Google, Microsoft, `SendGrid` and all who are known to carry strangers' mail
//! nothing is concluded, and nothing at all of a mailbox whose host has neighbours.

use daimon_posture::{Posture, SpfPart, SpfVia};
use daimon_verdict::{Known, hosts};

/// More networks or hosts than a company's mail has.
const MOST: usize = 64;
const MOST_EXCHANGERS: usize = 8;

/// Adds what the domain's records say to what is known.
pub(super) fn add(posture: &Posture, known: &mut Known) {
    let has_strangers = known.shares_hosts();
    for part in posture.spf.iter().flat_map(|spf| &spf.parts) {
        if part.name.as_deref().is_some_and(hosts::is_shared) {
            continue;
        }
        let is_own = !has_strangers && is_own(part, known);
        for (network, is_narrow) in part.networks() {
            let into = if is_own && is_narrow { &mut known.learnt_networks } else { &mut known.claimed_networks };
            if into.len() < MOST {
                into.push(network);
            }
        }
    }
    let exchangers = posture.mx.iter().flatten().filter(|host| !host.is_empty() && !hosts::is_shared(host));
    for host in exchangers.take(MOST_EXCHANGERS) {
        if !known.owns_host(host) {
            known.own_hosts.push(host.clone());
        }
    }
}

/// Whether whoever is named is the mailbox's own.
fn is_own(part: &SpfPart, known: &Known) -> bool {
    let name = part.name.as_deref().unwrap_or_default();
    let is_tenants = || known.own_domains.iter().any(|domain| hosts::is_at_or_below(name, domain));
    match part.via {
        SpfVia::Typed => true,
        SpfVia::Exchanger | SpfVia::Include => known.owns_host(name),
        // The domain's own name leads to its web server, where others may live.
        SpfVia::Host => known.owns_host(name) && !is_tenants(),
    }
}

#[cfg(test)]
mod tests {
    use daimon_posture::Spf;

    use super::*;

    fn part(via: SpfVia, name: &str, networks: &[&str]) -> SpfPart {
        let name = (!name.is_empty()).then(|| name.to_owned());
        SpfPart { via, name, networks: networks.iter().map(|one| one.parse().unwrap()).collect() }
    }

    fn known(posture: &Posture, has_neighbours: bool) -> Known {
        let mut known = Known {
            own_domains: vec!["clinic.example".to_owned()],
            own_hosts: vec!["host.example".to_owned(), "clinic.example".to_owned()],
            has_neighbours,
            ..Known::default()
        };
        add(posture, &mut known);
        known
    }

    fn clinic() -> Posture {
        let parts = vec![
            part(SpfVia::Typed, "", &["198.51.100.7/32", "192.0.2.0/24"]),
            part(SpfVia::Host, "clinic.example", &["198.51.100.80/32"]),
            part(SpfVia::Exchanger, "mx.host.example", &["203.0.113.25/32"]),
            part(SpfVia::Include, "_spf.host.example", &["203.0.113.128/25", "198.18.0.0/15"]),
            part(SpfVia::Include, "spf.newsletter.example", &["192.0.2.128/25"]),
            part(SpfVia::Include, "_spf.google.com", &["74.125.0.0/16"]),
            part(SpfVia::Include, "sendgrid.net", &["167.89.0.0/17"]),
            part(SpfVia::Include, "spf.protection.outlook.com", &["40.92.0.0/15"]),
        ];
        let mx = ["mx.host.example", "in.filter.example", "aspmx.l.google.com", ""].map(str::to_owned);
        Posture { spf: Some(Spf { parts, ..Spf::default() }), mx: Some(mx.to_vec()), ..Posture::default() }
    }

    fn texts<T: ToString>(networks: &[T]) -> Vec<String> {
        networks.iter().map(T::to_string).collect()
    }

    #[test]
    fn the_providers_networks_and_single_servers_are_own_and_everybodys_are_not() {
        let known = known(&clinic(), false);
        assert_eq!(texts(&known.learnt_networks), ["198.51.100.7/32", "203.0.113.25/32", "203.0.113.128/25"]);
        assert_eq!(
            texts(&known.claimed_networks),
            ["192.0.2.0/24", "198.51.100.80/32", "198.18.0.0/15", "192.0.2.128/25"]
        );
        assert_eq!(known.own_hosts, ["host.example", "clinic.example", "in.filter.example"]);
    }

    #[test]
    fn where_strangers_sign_in_at_the_same_hosts_no_network_is_own() {
        let known = known(&clinic(), true);
        assert!(known.learnt_networks.is_empty());
        assert!(texts(&known.claimed_networks).contains(&"203.0.113.128/25".to_owned()));
    }

    #[test]
    fn an_endless_record_is_not_taken_whole() {
        let networks: Vec<String> = (0..=255).map(|n| format!("203.0.{n}.1/32")).collect();
        let networks: Vec<&str> = networks.iter().map(String::as_str).collect();
        let spf = Spf { parts: vec![part(SpfVia::Typed, "", &networks)], ..Spf::default() };
        let posture = Posture { spf: Some(spf), ..Posture::default() };
        assert_eq!(known(&posture, false).learnt_networks.len(), MOST);
    }
}
