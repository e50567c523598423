//! Where the returned mail entered, read from Received lines.
//!
//! Each host writes its line on top of what it was given, so belief runs downwards and ends at the first hop that no
//! trusted line vouches for. Whatever stands below was written by the sender, who may well have written
//! "Authenticated sender: you".

use daimon_domain::bounce::{Recipient, Report};
use daimon_domain::origin::{Hop, Origin};
use daimon_domain::reason::{Fault, Reason};

use crate::Clue;
use crate::cloud;
use crate::hosts::organisation;
use crate::known::{Known, Provider, Whose, is_internal};

/// Where the returned mail entered: one of the `origin` clues.
pub fn origin(report: &Report, recipient: &Recipient, site: Clue, known: &Known) -> Clue {
    let returned = &report.origin;
    if !returned.returned {
        return Clue::OriginUntold;
    }
    // What Google returns without a line by which anybody handed it in was written in Google's own programs.
    if known.provider == Some(Provider::Gmail)
        && site == Clue::SiteOwn
        && cloud::is_googles(report)
        && returned.received.iter().all(|hop| hop.from_ip.is_none() && hop.helo.is_none())
    {
        return if returned.auto_submitted.is_some() { Clue::OriginAuto } else { Clue::OriginAuthenticated };
    }
    let is_local = is_at_own_provider(recipient, site, known);
    match entry(report, site, known) {
        Entry::SignedIn(hop) if known.provider == Some(Provider::Gmail) && cloud::is_googles_sign_in(hop) => {
            Clue::OriginAuthenticated
        }
        Entry::SignedIn(hop) => signed_in(hop.authenticated_as.as_deref(), known),
        // Exchange's own automatic answers are handed in the same way.
        Entry::Exchange if returned.auto_submitted.is_some() => Clue::OriginAuto,
        Entry::Exchange => Clue::OriginAuthenticated,
        // Answering machines on the host hand in as scripts do. What PHP has marked is no answering machine.
        Entry::HandedIn if is_answer(returned) => Clue::OriginAuto,
        Entry::HandedIn => Clue::OriginScript,
        Entry::Elsewhere => Clue::OriginForeign,
        // A mail host accepts strangers' mail for its own users only; to third parties it relays who has signed in.
        Entry::Stranger(_) if is_local => Clue::OriginForeign,
        // It may be a host of ours, or a stranger who greets with its name.
        Entry::Doubtful(_) if is_local => Clue::OriginUntold,
        Entry::Inside | Entry::Stranger(_) | Entry::Doubtful(_) if returned.auto_submitted.is_some() => {
            Clue::OriginAuto
        }
        Entry::Inside | Entry::Stranger(_) | Entry::Doubtful(_) if returned.script.is_some() => Clue::OriginScript,
        Entry::Inside | Entry::Stranger(_) | Entry::Doubtful(_) => Clue::OriginOwn,
        Entry::Untold if site == Clue::SiteOwn && returned.auto_submitted.is_some() => Clue::OriginAuto,
        Entry::Untold if site == Clue::SiteOwn && returned.script.is_some() => Clue::OriginScript,
        Entry::Untold => Clue::OriginUntold,
    }
}

/// The line by a host of ours that says from whom it took the returned mail, as far as it can be believed.
pub(crate) fn handed_in<'a>(report: &'a Report, site: Clue, known: &Known) -> Option<&'a Hop> {
    match entry(report, site, known) {
        Entry::SignedIn(hop) | Entry::Stranger(hop) | Entry::Doubtful(hop) => Some(hop),
        Entry::Exchange | Entry::HandedIn | Entry::Inside | Entry::Elsewhere | Entry::Untold => None,
    }
}

/// Whether it says that a machine answered with it (RFC 3834), and nobody says that a script wrote it.
fn is_answer(returned: &Origin) -> bool {
    returned.script.is_none() && returned.auto_submitted.as_deref().is_some_and(|how| how.starts_with("auto-replied"))
}

/// What a sign-in under that name says.
fn signed_in(name: Option<&str>, known: &Known) -> Clue {
    let Some(name) = name else {
        return if known.shares_hosts() { Clue::OriginShared } else { Clue::OriginAuthenticated };
    };
    match name.rsplit_once('@') {
        _ if known.is_own_login(name) => Clue::OriginAuthenticated,
        // Another customer of the same host wrote our address in: SPF passes, yet it is forged.
        Some((_, domain)) if !known.owns_domain(domain) => Clue::OriginForeign,
        // A colleague's mailbox.
        Some(_) => Clue::OriginOwn,
        // A login that nobody told us, of this mailbox or of another customer.
        None => Clue::OriginShared,
    }
}

/// Whether somebody who is not the tenant's signed in at the own provider.
pub(crate) fn is_neighbours(hop: &Hop, known: &Known) -> bool {
    hop.authenticated_as.as_deref().is_some_and(|name| !name.is_empty() && !known.is_tenants_login(name))
}

/// Whether the own provider is the recipient's too, so that it takes mail for the recipient from anybody. A foreign server that
/// delivers by itself is not ours; and the hosts with which Microsoft takes mail for other organisations are no more ours than
/// those are.
fn is_at_own_provider(recipient: &Recipient, site: Clue, known: &Known) -> bool {
    let domain = recipient.address.rsplit('@').next().unwrap_or_default();
    let delivers_itself = match recipient.remote_mta.as_deref() {
        Some(host) if known.provider == Some(Provider::M365) && cloud::is_exchanges_door(host) => false,
        Some(host) => known.owns_host(host),
        None => {
            site == Clue::SiteOwn
                && recipient.reason.fault() == Fault::Recipient
                && recipient.reason != Reason::Suppressed
        }
    };
    known.owns_domain(domain) || delivers_itself
}

/// Whether a host of ours had taken it from outside before: a rule sends on what came in. A script could write such a line,
/// and would be taken for the mailbox's own mail for it.
fn came_before(received: &[Hop], above: usize, known: &Known) -> bool {
    let is_from_outside =
        |hop: &Hop| hop.by.as_deref().is_some_and(|by| known.owns_host(by)) && known.client_of(hop) == Whose::Foreign;
    received.iter().skip(above + 1).any(is_from_outside)
}

/// Whether a mailbox handed it in at Microsoft's Exchange or at one of the company's own.
fn is_mapi(hop: &Hop, known: &Known) -> bool {
    match known.provider {
        Some(Provider::M365) => cloud::is_mapi(hop),
        Some(Provider::ImapHost) => hop.with.as_deref() == Some("MAPI") && known.is_own_machine(hop),
        Some(Provider::Gmail | Provider::PopOnly) | None => false,
    }
}

/// Whether the client was outside. A host takes mail for third parties from such a one only if it signs in, and no script on
/// the web server and no rule on the host is one. Google's hosts that take mail for its customers take no sign-in: what
/// came in there was sent on.
pub(crate) fn is_client_outside(report: &Report, recipient: &Recipient, site: Clue, known: &Known) -> bool {
    let takes_sign_ins = |hop: &Hop| {
        known.provider != Some(Provider::Gmail) || hop.by.as_deref().is_some_and(cloud::is_googles_submission)
    };
    site == Clue::SiteOwn
        && !is_at_own_provider(recipient, site, known)
        && matches!(entry(report, site, known), Entry::Stranger(hop) if takes_sign_ins(hop))
}

/// Whether it was written in a program of the provider's own, which files a copy whoever signs in: web mail, which hands in on
/// the host itself, or Outlook at Exchange. Where no line says how it was handed in, it may have been.
pub(crate) fn may_be_of_own_program(report: &Report, site: Clue, known: &Known) -> bool {
    match entry(report, site, known) {
        Entry::Exchange | Entry::Untold => true,
        Entry::SignedIn(hop) => hop.from_ip.is_some_and(is_internal),
        Entry::Inside => report.origin.received.iter().any(|hop| hop.from_ip.is_some_and(|ip| ip.is_loopback())),
        Entry::HandedIn | Entry::Stranger(_) | Entry::Doubtful(_) | Entry::Elsewhere => false,
    }
}

enum Entry<'a> {
    /// A host of ours took it from somebody who signed in.
    SignedIn(&'a Hop),
    /// Handed in at Exchange by the mailbox itself: it speaks MAPI with nobody else.
    Exchange,
    /// Handed in on the host itself.
    HandedIn,
    /// Began inside, nobody says with whom.
    Inside,
    /// A host of ours took it from outside without a sign-in.
    Stranger(&'a Hop),
    /// A host of ours took it without a sign-in from somebody who only says to be ours.
    Doubtful(&'a Hop),
    /// Never passed through a host of ours, as far as can be believed.
    Elsewhere,
    /// Nothing to go by.
    Untold,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    /// The line that follows was written by a host of ours.
    Vouched,
    /// Somebody says so.
    Claimed,
    /// It was not.
    Broken,
}

fn entry<'a>(report: &'a Report, site: Clue, known: &Known) -> Entry<'a> {
    let received = &report.origin.received;
    if known.own_hosts.is_empty() || received.is_empty() {
        return Entry::Untold;
    }
    // qmail's topmost line names nobody.
    let reporter =
        received.iter().find_map(|hop| hop.by.as_deref()).or(report.reporting_mta.as_deref()).map(organisation);
    let mut link = if site == Clue::SiteOwn { Link::Vouched } else { Link::Claimed };
    let mut passed_ours = false;
    for (above, hop) in received.iter().enumerate() {
        if hop.is_delivery() && link == Link::Vouched {
            // Into the mail store and out again, inside the provider: the next line is its mail server's.
            continue;
        }
        let is_ours = hop.by.as_deref().is_some_and(|by| known.owns_host(by));
        if is_ours && link == Link::Vouched {
            passed_ours = true;
            if hop.authenticated {
                return Entry::SignedIn(hop);
            }
            if site == Clue::SiteOwn && is_mapi(hop, known) {
                return if came_before(received, above, known) { Entry::Inside } else { Entry::Exchange };
            }
            if hop.local_submission {
                // A forward is handed in anew and has lines of ours below. But a script may have written those, so they
                // are not believed either.
                let mut below = received.iter().skip(above + 1).filter_map(|hop| hop.by.as_deref());
                let is_forward = report.origin.script.is_none() && below.any(|by| known.owns_host(by));
                return if is_forward { Entry::Untold } else { Entry::HandedIn };
            }
            match known.client_of(hop) {
                Whose::Ours => {}
                Whose::Claimed => return Entry::Doubtful(hop),
                Whose::Foreign => return Entry::Stranger(hop),
            }
        } else if is_ours && link == Link::Claimed {
            return Entry::Untold;
        } else if passed_ours {
            return Entry::Inside;
        } else if site == Clue::SiteOwn {
            // Our provider wrote the bounce, yet its top line is by a name we don't know: we know too little.
            return Entry::Untold;
        } else {
            // Lines of the server that refused the mail; its organisation's own are as good as the report itself.
            let is_reporters = hop.by.as_deref().map(organisation) == reporter || hop.by.is_none();
            link = match known.client_of(hop) {
                Whose::Ours if is_reporters => Link::Vouched,
                Whose::Claimed if is_reporters => Link::Claimed,
                Whose::Ours | Whose::Claimed | Whose::Foreign => Link::Broken,
            };
        }
    }
    match link {
        _ if passed_ours => Entry::Inside,
        Link::Broken => Entry::Elsewhere,
        Link::Vouched | Link::Claimed => Entry::Untold,
    }
}
