//! Google's and Microsoft's hosts, which are everybody's.
//!
//! Mail of one customer to another never leaves them, so that a chain of their own lines says nothing of who wrote a
//! message. What says it is what their customers cannot write: Google signs its bounces, and Exchange notes for its own
//! organisation alone who handed a message in.

use std::net::{IpAddr, Ipv6Addr};

use daimon_domain::bounce::{Check, Report};
use daimon_domain::origin::Hop;

use crate::hosts::is_at_or_below;
use crate::site::signs;

/// The only senders of Google's bounces.
const GOOGLE_DAEMONS: [(&str, &str); 2] =
    [("mailer-daemon@googlemail.com", "googlemail.com"), ("mailer-daemon@google.com", "google.com")];

/// The sender of the bounces of every Exchange organisation, before the @.
const EXCHANGE_DAEMON: &str = "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e";

/// Where Exchange Online's hosts have their names.
const EXCHANGE_HOSTS: &str = "prod.outlook.com";

/// Where those of its hosts that take mail from outside have theirs.
const EXCHANGE_FRONTENDS: &str = "prod.protection.outlook.com";

/// Where Microsoft takes mail for whoever has it there.
const EXCHANGE_DOORS: &str = "protection.outlook.com";

/// Where Google hands on what its own customers submit, and so what it says of them itself.
const GOOGLE_SUBMISSION: [&str; 2] = ["smtp-relay.gmail.com", "smtp.gmail.com"];

/// Whether Google wrote it: in the name of its mail system, and signed by it or never handed from host to host.
pub(crate) fn is_googles(report: &Report) -> bool {
    let envelope = &report.envelope;
    let sender = envelope.from.as_deref().unwrap_or_default();
    let Some((_, domain)) = GOOGLE_DAEMONS.iter().find(|(daemon, _)| *daemon == sender) else { return false };
    let taken = envelope.received.iter().position(|hop| hop.helo.is_some() || hop.from_ip.is_some());
    let Some(taken) = taken else { return !envelope.received.is_empty() };
    // Google's own verdict stands below the line with which it took the message; a later one came with it.
    let is_googles_check = |check: &&Check| {
        let by = check.results.split([';', ' ', '\t']).next().unwrap_or_default();
        check.below == taken + 1 && by == "mx.google.com"
    };
    envelope.checks.first().filter(is_googles_check).is_some_and(|check| signs(&check.results, domain))
}

/// Whether a host of Google's speaks of what its own customer submits, not of what another one takes.
pub(crate) fn is_googles_submission(host: &str) -> bool {
    GOOGLE_SUBMISSION.contains(&host)
}

/// Whether the account that signed in there stands in the envelope. Google writes it in itself at `smtp.gmail.com`, unless the
/// address is another of the same account; its relay takes any.
pub(crate) fn is_googles_sign_in(hop: &Hop) -> bool {
    hop.by.as_deref() == Some("smtp.gmail.com")
}

/// Whether the mailbox's own Exchange organisation wrote it. Exchange takes the field out of what comes from others,
/// also of other tenants (header firewall), and writes it itself.
pub(crate) fn is_own_exchanges(report: &Report) -> bool {
    let envelope = &report.envelope;
    let local = envelope.from.as_deref().and_then(|from| from.split('@').next()).unwrap_or_default();
    let said = &envelope.exchange_authenticated_as;
    (local == EXCHANGE_DAEMON || local == "postmaster")
        && !said.is_empty()
        && said.iter().all(|how| how == "internal")
        && !envelope.received.is_empty()
        && envelope.received.iter().all(is_within_exchange)
}

/// Whether an Exchange server of the company's own wrote it: it notes what it said itself as internal, takes that note out
/// of what comes from others (header firewall), and hands its reports to itself over the loopback address.
pub(crate) fn is_exchanges_own(report: &Report, is_own: impl Fn(&Hop) -> bool) -> bool {
    let envelope = &report.envelope;
    let local = envelope.from.as_deref().and_then(|from| from.split('@').next()).unwrap_or_default();
    let said = &envelope.exchange_authenticated_as;
    (local == "postmaster" || local == EXCHANGE_DAEMON)
        && envelope.null_return_path
        && !said.is_empty()
        && said.iter().all(|how| how == "internal")
        && !envelope.received.is_empty()
        && envelope.received.iter().all(|hop| hop.with.as_deref() == Some("MICROSOFT") && is_own(hop))
}

/// Whether one host of Exchange Online took it from another. A client that signs in writes whatever greeting it likes,
/// so its address must be one of Microsoft's own mail hosts.
pub(crate) fn is_within_exchange(hop: &Hop) -> bool {
    let is_exchange = |host: &Option<String>| host.as_deref().is_some_and(|host| is_at_or_below(host, EXCHANGE_HOSTS));
    let client = hop.from_host.clone().or_else(|| hop.helo.clone());
    is_exchange(&hop.by) && is_exchange(&client) && hop.from_ip.is_none_or(is_exchange_address) && !hop.authenticated
}

/// Whether a host of Exchange Online took it from one of those that stand before it and take mail from outside.
pub(crate) fn is_from_frontend(hop: &Hop) -> bool {
    let is_frontend = hop.helo.as_deref().is_some_and(|helo| is_at_or_below(helo, EXCHANGE_FRONTENDS));
    let is_exchange = hop.by.as_deref().is_some_and(|by| is_at_or_below(by, EXCHANGE_HOSTS));
    is_frontend && is_exchange && hop.from_ip.is_some_and(is_exchange_address) && !hop.authenticated
}

/// Whether Exchange Online takes mail there from outside, for any organisation.
pub(crate) fn is_exchanges_door(host: &str) -> bool {
    is_at_or_below(host, EXCHANGE_DOORS)
}

/// Whether a mailbox handed it in, by Outlook or on the web.
pub(crate) fn is_mapi(hop: &Hop) -> bool {
    hop.with.as_deref() == Some("MAPI") && is_within_exchange(hop)
}

/// Exchange Online's mail hosts speak to each other from the upper half of `2603:1000::/24` (what Azure rents out is in the
/// lower), from `2a01:111:f400::/46`, or from link-local and private addresses.
fn is_exchange_address(ip: IpAddr) -> bool {
    let is_in = |ip: Ipv6Addr, net: Ipv6Addr, bits: u32| (ip.to_bits() ^ net.to_bits()) >> (128 - bits) == 0;
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback(),
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local()
                || ip.is_loopback()
                || is_in(ip, Ipv6Addr::new(0x2603, 0x1080, 0, 0, 0, 0, 0, 0), 25)
                || is_in(ip, Ipv6Addr::new(0x2a01, 0x111, 0xf400, 0, 0, 0, 0, 0), 46)
        }
    }
}
