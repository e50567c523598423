//! Who wrote a report, read from how it came to the mailbox.
//!
//! A bounce is a mail like any other, and anybody can write one in the provider's name. A provider's bounces begin inside
//! and are a mail system's; a forged one shows the host that took it from outside. But other customers' mail begins
//! inside too, so at Google and Microsoft it takes what no customer can write.

use daimon_domain::bounce::{Check, NoticePlace, Report};
use daimon_domain::origin::Hop;

use crate::Clue;
use crate::arrival::{Arrival, arrival};
use crate::cloud;
use crate::hosts::organisation;
use crate::known::{Known, Provider};

/// Local parts that people don't have.
const MACHINES: &[&str] = &[
    "mailer-daemon",
    "mailerdaemon",
    "mail-daemon",
    "postmaster",
    "daemon",
    "root",
    "admin",
    "administrator",
    "abuse",
    "support",
    "noreply",
    "no-reply",
    "donotreply",
    "do-not-reply",
    "notification",
    "notifications",
    "alert",
    "cpanel",
    "diradmin",
];

/// Who wrote the bounce: [`Clue::SiteOwn`], [`Clue::SiteForeign`] or [`Clue::SiteUnknown`].
///
/// How the bounce itself came in outweighs what it says: anybody can write a Reporting-MTA field.
pub fn site(report: &Report, known: &Known) -> Clue {
    if known.own_hosts.is_empty() {
        return Clue::SiteUnknown;
    }
    let received = &report.envelope.received;
    let (arrival, _) = arrival(received, known);
    let reporter = report.reporting_mta.as_deref();
    let is_known = reporter.is_none_or(|host| known.owns_host(host) || is_written_by(received, host));
    match known.provider {
        Some(Provider::Gmail) if cloud::is_googles(report) && is_known => return Clue::SiteOwn,
        Some(Provider::M365) if cloud::is_own_exchanges(report) && is_known => return Clue::SiteOwn,
        // The same hosts carry their other customers' mail; but not the lines of a host of the tenant's beside them, which
        // is known by its address.
        Some(Provider::Gmail | Provider::M365)
            if matches!(arrival, Arrival::Inside | Arrival::Unseen) && !passes_own_network(received, known) =>
        {
            return Clue::SiteUnknown;
        }
        Some(Provider::Gmail | Provider::M365) => {}
        Some(Provider::ImapHost | Provider::PopOnly) | None => {
            if cloud::is_exchanges_own(report, |hop| known.is_own_machine(hop)) && is_known {
                return Clue::SiteOwn;
            }
        }
    }
    match (arrival, reporter) {
        (Arrival::Outside, _) => Clue::SiteForeign,
        (Arrival::Unseen, Some(host)) if known.owns_host(host) => Clue::SiteOwn,
        // A host of ours may have a name that nobody told us.
        (Arrival::Inside, _) if is_known && is_mail_systems(report, known) => Clue::SiteOwn,
        (Arrival::Unseen, Some(host)) if !known.may_own(host) => Clue::SiteForeign,
        (Arrival::Inside | Arrival::Doubtful | Arrival::Unseen, _) => Clue::SiteUnknown,
    }
}

/// Whether a mail system sent it: to nobody's address (RFC 3464, 2), or as a daemon of a host of ours.
fn is_mail_systems(report: &Report, known: &Known) -> bool {
    let envelope = &report.envelope;
    envelope.null_return_path || envelope.from.as_deref().is_some_and(|from| is_daemon(from, known))
}

/// Whether it is an address that people don't have, on a host of ours and not in the tenant's own domain.
fn is_daemon(address: &str, known: &Known) -> bool {
    let Some((local, host)) = address.rsplit_once('@') else { return false };
    MACHINES.contains(&local) && known.owns_host(host) && !known.owns_domain(host)
}

/// Whether a notice in a report is the own provider's: a mail system of its own says it, from inside or signed, and not
/// as another host's answer. A phisher can send the same words, and so can the thief, a neighbour, and whoever gets mail.
pub(crate) fn is_providers_word(report: &Report, known: &Known) -> bool {
    let Some(notice) = &report.provider_notice else { return false };
    let is_own_answer = |host: &str| match known.provider {
        Some(Provider::Gmail) => cloud::is_googles_submission(host),
        // Refusals of other tenants are worded by their administrators.
        Some(Provider::M365) => false,
        Some(Provider::ImapHost | Provider::PopOnly) | None => known.owns_host(host),
    };
    if notice.place == NoticePlace::Answer && !notice.said_by.as_deref().is_some_and(is_own_answer) {
        return false;
    }
    if matches!(known.provider, Some(Provider::Gmail | Provider::M365)) {
        return site(report, known) == Clue::SiteOwn;
    }
    let envelope = &report.envelope;
    let sender = envelope.from.as_deref().unwrap_or_default();
    let (local, domain) = sender.rsplit_once('@').unwrap_or((sender, ""));
    // A colleague's or a neighbour's automatic answer has no return path either.
    let is_of_ours = known.may_own(domain) && !known.owns_domain(domain) && envelope.null_return_path;
    let (arrival, believed) = arrival(&envelope.received, known);
    let is_from_inside = arrival == Arrival::Inside && site(report, known) == Clue::SiteOwn;
    let is_machines = envelope.null_return_path || MACHINES.contains(&local);
    (is_from_inside && (is_of_ours || is_daemon(sender, known)))
        || (is_machines && is_signed_by_provider(report, believed, known))
}

/// Whether a host at an address of the tenant's own handed it over.
fn passes_own_network(received: &[Hop], known: &Known) -> bool {
    let is_own = |hop: &Hop| hop.from_ip.is_some_and(|ip| known.own_networks.iter().any(|net| net.contains(&ip)));
    received.iter().any(is_own)
}

fn is_written_by(received: &[Hop], host: &str) -> bool {
    received.iter().any(|hop| hop.by.as_deref().is_some_and(|by| by.eq_ignore_ascii_case(host)))
}

/// Whether a host of ours found a signature of the provider's own domain, the sender's (RFC 8601).
///
/// A field in our host's name that came with the message proves nothing. Ours stands above the line with which our host
/// took the message.
fn is_signed_by_provider(report: &Report, believed: usize, known: &Known) -> bool {
    let Some((_, domain)) = report.envelope.from.as_deref().and_then(|from| from.rsplit_once('@')) else {
        return false;
    };
    let signer = organisation(domain);
    let is_providers = known.own_hosts.iter().any(|own| organisation(own) == signer) && !known.owns_domain(domain);
    let is_ours = |check: &&Check| {
        let checker = check.results.split([';', ' ', '\t']).next().unwrap_or_default();
        check.below < believed && known.owns_host(checker)
    };
    is_providers && report.envelope.checks.iter().filter(is_ours).any(|check| signs(&check.results, &signer))
}

/// Whether that domain's signature was found to be good.
pub(crate) fn signs(results: &str, signer: &str) -> bool {
    results.to_ascii_lowercase().split(';').filter(|method| method.trim_start().starts_with("dkim=pass")).any(
        |method| {
            let identity = |word: &str| {
                let value = word.strip_prefix("header.d=").or_else(|| word.strip_prefix("header.i="))?;
                Some(organisation(value.rsplit('@').next().unwrap_or_default()))
            };
            method.split_whitespace().filter_map(identity).any(|domain| domain == signer)
        },
    )
}
