//! Who wrote a report, read from how it came to the mailbox.
//!
//! A bounce is a mail like any other, and anybody can write one in the provider's name. What nobody outside can write
//! are the topmost Received lines: each is by the host that took the message, so the one on top is the provider's own,
//! and the next is believed where the one above says that a host of ours handed it over. A provider's bounces begin
//! inside; a forged one shows the host that took it from outside.

use daimon_domain::bounce::{Check, Report};
use daimon_domain::origin::Hop;

use crate::Clue;
use crate::hosts::organisation;
use crate::known::{Known, Provider, Whose};

/// How a message came to the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    /// It began on a host of ours.
    Inside,
    /// A host of ours took it from outside, or from somebody who signed in.
    Outside,
    /// From a host that may be ours, or handed in by a program of whoever has an account there.
    Doubtful,
    /// No line but the mail store's own. Whoever takes mail from outside writes one (RFC 5321, 4.4).
    Unseen,
}

/// Users that mail systems run as: what they hand in on the host itself is their own.
const DAEMONS: &[&str] =
    &["mailnull", "mail", "mailer-daemon", "exim", "exim4", "debian-exim", "postfix", "qmails", "root", "<>"];

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
    match (arrival, reporter) {
        (Arrival::Outside, _) => Clue::SiteForeign,
        (Arrival::Inside | Arrival::Unseen, Some(host)) if known.owns_host(host) => Clue::SiteOwn,
        // A host of ours by a name that nobody told us.
        (Arrival::Inside, Some(host)) if is_written_by(received, host) => Clue::SiteOwn,
        (Arrival::Inside, None) => Clue::SiteOwn,
        (Arrival::Unseen, Some(host)) if !known.may_own(host) => Clue::SiteForeign,
        (Arrival::Inside | Arrival::Doubtful | Arrival::Unseen, _) => Clue::SiteUnknown,
    }
}

/// Whether the words of a report are the own provider's: it came from inside or is signed by the provider, and a mail
/// system sent it. A phisher can send the same words, and so can the thief.
pub(crate) fn is_providers_word(report: &Report, known: &Known) -> bool {
    let envelope = &report.envelope;
    let sender = envelope.from.as_deref().unwrap_or_default();
    let local = sender.split('@').next().unwrap_or_default();
    let is_machines = envelope.null_return_path || MACHINES.contains(&local) || local.starts_with("microsoftexchange");
    let (arrival, believed) = arrival(&envelope.received, known);
    let is_from_inside = arrival == Arrival::Inside && site(report, known) == Clue::SiteOwn;
    is_machines && (is_from_inside || is_signed_by_provider(report, believed, known))
}

/// The hosts that put a message into the mailbox, by their own lines: whatever they are called, they are the provider's.
pub fn delivered_by(received: &[Hop]) -> impl Iterator<Item = &str> {
    let mut is_believed = true;
    let lines = received.iter().take_while(move |hop| {
        let was_believed = is_believed;
        let is_inside = || Known::default().client_of(hop) == Whose::Ours && !hop.local_submission;
        is_believed = was_believed && (hop.is_delivery() || is_inside());
        was_believed
    });
    lines.filter_map(|hop| hop.by.as_deref())
}

/// Walks down the lines as far as they can be believed, and how many those are.
fn arrival(received: &[Hop], known: &Known) -> (Arrival, usize) {
    let mut arrival = Arrival::Unseen;
    for (above, hop) in received.iter().enumerate() {
        if hop.is_delivery() {
            continue;
        }
        let user = hop.helo.as_deref().unwrap_or_default();
        let found = match known.client_of(hop) {
            // Who signs in, from wherever, writes what they like.
            _ if hop.authenticated => Arrival::Outside,
            // A neighbour's script on a shared server.
            _ if hop.local_submission && !DAEMONS.contains(&user) => Arrival::Doubtful,
            _ if hop.local_submission => Arrival::Inside,
            Whose::Ours => Arrival::Inside,
            Whose::Claimed => Arrival::Doubtful,
            Whose::Foreign => Arrival::Outside,
        };
        if found != Arrival::Inside {
            return (found, above + 1);
        }
        arrival = found;
    }
    (arrival, received.len())
}

fn is_written_by(received: &[Hop], host: &str) -> bool {
    received.iter().any(|hop| hop.by.as_deref().is_some_and(|by| by.eq_ignore_ascii_case(host)))
}

/// Whether a host of ours found a signature of the provider's own domain, the sender's (RFC 8601).
///
/// A field in our host's name that came with the message proves nothing. Ours stands above the line with which our host
/// took the message; Google puts it below that line, and takes out those that were there.
fn is_signed_by_provider(report: &Report, believed: usize, known: &Known) -> bool {
    let Some((_, domain)) = report.envelope.from.as_deref().and_then(|from| from.rsplit_once('@')) else {
        return false;
    };
    let signer = organisation(domain);
    let is_providers = known.own_hosts.iter().any(|own| organisation(own) == signer) && !known.owns_domain(domain);
    let is_ours = |check: &&Check| {
        let checker = check.results.split([';', ' ', '\t']).next().unwrap_or_default();
        let is_in_place =
            check.below < believed || (known.provider == Some(Provider::Gmail) && check.below == believed);
        is_in_place && known.owns_host(checker)
    };
    is_providers && report.envelope.checks.iter().filter(is_ours).any(|check| signs(&check.results, &signer))
}

fn signs(results: &str, signer: &str) -> bool {
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
