//! What one mailbox's bounce says of systems that others depend on too: one that fails, and the own server on a block list.
//!
//! Only bounces that the own provider wrote count: whoever sends mail could write any other, and three of them would excuse a
//! theft. What is shared is a name of a system and the day, never of whom it was learnt.

use chrono::TimeDelta;
use daimon_domain::bounce::{Action, Recipient, Report};
use daimon_domain::reason::Reason;

use crate::hosts::{organisation, provider};
use crate::known::Known;
use crate::{Clue, Observation, Signal};

/// A trouble that may be others' too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// That organisation's mail system takes no mail.
    Failing(String),
    /// That server of the own provider is on a block list.
    Listed(String),
}

impl Trouble {
    /// The word that is stored.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Failing(_) => "failing",
            Self::Listed(_) => "listed",
        }
    }

    /// Which system.
    pub fn system(&self) -> &str {
        let (Self::Failing(system) | Self::Listed(system)) = self;
        system
    }

    /// How long it counts. A system that fails does so for everybody at once; an address stays listed for a day or more,
    /// and not everybody writes within the hour to somebody who asks that list.
    pub const fn lasts(&self) -> TimeDelta {
        match self {
            Self::Failing(_) => TimeDelta::hours(1),
            Self::Listed(_) => TimeDelta::hours(24),
        }
    }

    /// In how many companies it has to be seen, this one included. Two may share a typing mistake or a partner that has left;
    /// a refusal that names the server's address is no matter of theirs, so a second company is enough.
    pub const fn least_tenants(&self) -> usize {
        match self {
            Self::Failing(_) => 3,
            Self::Listed(_) => 2,
        }
    }

    /// What it is a sign of when so many have it.
    pub const fn signal(&self) -> Signal {
        match self {
            Self::Failing(_) => Signal::FleetOutage,
            Self::Listed(_) => Signal::FleetListed,
        }
    }
}

/// The trouble that a bounce tells of, if any.
pub fn trouble(report: &Report, recipient: &Recipient, seen: &Observation, known: &Known) -> Option<Trouble> {
    // A thief's list of addresses is full of systems that nobody else writes to and that have long been dead.
    if !seen.clues.contains(&Clue::SiteOwn) || seen.clues.contains(&Clue::SentMissing) {
        return None;
    }
    match recipient.reason {
        Reason::IpBlocked => {
            let server = report.reporting_mta.as_deref().filter(|host| known.owns_host(host));
            server.map(|host| Trouble::Listed(provider(host)))
        }
        Reason::NetworkError
        | Reason::HostNotAccepting
        | Reason::SystemError
        | Reason::TlsFailure
        | Reason::Expired => failing(recipient),
        // Late for a reason that nobody told.
        Reason::Undetermined if recipient.action == Action::Delayed => failing(recipient),
        Reason::UserUnknown
        | Reason::RecipientMoved
        | Reason::MailboxDisabled
        | Reason::HostUnknown
        | Reason::Suppressed
        | Reason::MailboxFull
        | Reason::SpamContent
        | Reason::Policy
        | Reason::Virus
        | Reason::AuthFailure
        | Reason::RecipientRefused
        | Reason::DomainBlocked
        | Reason::RateLimited
        | Reason::SenderRejected
        | Reason::RoutingLoop
        | Reason::RelayDenied
        | Reason::MessageTooLarge
        | Reason::FormatError
        | Reason::Undetermined => None,
    }
}

/// A server that cannot be reached has often no name in the report; the recipient's domain has one.
fn failing(recipient: &Recipient) -> Option<Trouble> {
    let domain = recipient.address.rsplit_once('@').map(|(_, domain)| domain);
    let system = recipient.remote_mta.as_deref().or(domain)?;
    Some(Trouble::Failing(organisation(system)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe;
    use crate::stories::{OWN, STRANGE, at, foreign_bounce, known, own_bounce};

    fn told(report: &Report, facts: crate::Facts<'_>) -> Option<Trouble> {
        let recipient = report.recipients.first().unwrap();
        let seen = observe(report, recipient, &known(), &facts, at(0)).unwrap();
        trouble(report, recipient, &seen, &known())
    }

    #[test]
    fn what_the_own_provider_says_of_others_systems_and_of_its_own_address_is_a_trouble() {
        let late = own_bounce(1, Reason::NetworkError, "Order");
        assert_eq!(told(&late, OWN), Some(Trouble::Failing("shop1.example".to_owned())));
        let mut unnamed = late.clone();
        unnamed.recipients[0].remote_mta = None;
        assert_eq!(told(&unnamed, OWN), Some(Trouble::Failing("shop1.example".to_owned())));
        let listed = own_bounce(1, Reason::IpBlocked, "Order");
        assert_eq!(told(&listed, OWN), Some(Trouble::Listed("host.example".to_owned())));
        assert_eq!(told(&own_bounce(1, Reason::UserUnknown, "Order"), OWN), None);
    }

    #[test]
    fn what_a_stranger_writes_and_what_a_thief_sends_to_is_nobodys_trouble() {
        let mut foreign = foreign_bounce(1);
        foreign.recipients[0].reason = Reason::NetworkError;
        assert_eq!(told(&foreign, OWN), None);
        assert_eq!(told(&own_bounce(1, Reason::NetworkError, "Invoice"), STRANGE), None);
    }
}
