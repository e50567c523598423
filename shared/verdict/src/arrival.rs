//! How a message came to the mailbox, read from its Received lines.
//!
//! What nobody outside can write are the topmost lines: each is by the host that took the message, so the one on top is
//! the provider's own, and the next is believed where the one above says that a host of ours handed it over.

use std::net::IpAddr;

use daimon_domain::origin::Hop;

use crate::hosts::is_shared;
use crate::known::{Known, Whose};

/// How a message came to the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
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

/// Walks down the lines as far as they can be believed, and how many those are.
pub(crate) fn arrival(received: &[Hop], known: &Known) -> (Arrival, usize) {
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
        arrival = if is_web_mail(hop) { Arrival::Doubtful } else { found };
    }
    (arrival, received.len())
}

/// Whether a program on the host itself handed it over by SMTP: a mail filter, or web mail in which any customer may have
/// written it. Below a filter's line stands the one with which the mail system took it; below web mail's there is none.
fn is_web_mail(hop: &Hop) -> bool {
    hop.from_ip.is_some_and(|ip| match ip {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    })
}

/// The hosts of ours that handed it from one to the next, by the names that those wrote who took it from a network of ours.
pub fn relays<'a>(received: &'a [Hop], known: &'a Known) -> impl Iterator<Item = &'a str> {
    let (_, believed) = arrival(received, known);
    let from_ours = received.iter().take(believed).filter(|hop| known.is_in_own_networks(hop));
    // As looked up: a greeting is whatever the machine writes.
    let names = from_ours.filter_map(|hop| hop.from_host.as_deref());
    names.filter(|name| name.contains('.') && name.parse::<IpAddr>().is_err() && !is_shared(name))
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
