//! When a returned mail was sent, and how far that can be believed.
//!
//! After a password change everything depends on it: mail from before goes on bouncing for days and is harmless, mail
//! from after means that the thief is still inside.

use chrono::{DateTime, Utc};
use daimon_domain::bounce::Report;
use daimon_domain::words;
use serde::{Deserialize, Serialize};

use crate::Clue;
use crate::known::{Known, Whose};

words! {
    /// Who says when a mail was sent, best first.
    TimeSource {
        /// A Received line of the own provider.
        OwnReceived = "own_received",
        /// The own provider's Arrival-Date.
        OwnArrival = "own_arrival",
        /// A foreign server: it was sent at that time or before.
        Foreign = "foreign",
        /// The Date field, which its author wrote.
        DateField = "date_field",
        /// Nobody.
        Nobody = "nobody",
    }
}

/// When a returned mail was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// When; `None` when nobody says.
    pub at: Option<DateTime<Utc>>,
    /// Who says so.
    pub source: TimeSource,
}

impl Submitted {
    /// The time, where a thief could not have written it and it is no mere upper bound.
    pub fn trusted(self) -> Option<DateTime<Utc>> {
        match self.source {
            TimeSource::OwnReceived | TimeSource::OwnArrival => self.at,
            TimeSource::Foreign | TimeSource::DateField | TimeSource::Nobody => None,
        }
    }
}

/// When the returned mail was sent. `site` is what [`crate::site::site`] says of the report.
pub fn submitted(report: &Report, site: Clue, known: &Known) -> Submitted {
    let own_received = own_received(report, site, known);
    let foreign = report.origin.received.iter().filter_map(|hop| hop.at).min();
    let own_arrival = report.arrival_date.filter(|_| site == Clue::SiteOwn);
    let candidates = [
        (own_received, TimeSource::OwnReceived),
        (own_arrival, TimeSource::OwnArrival),
        (report.arrival_date.or(foreign), TimeSource::Foreign),
        (report.origin.date, TimeSource::DateField),
    ];
    candidates
        .into_iter()
        .find(|(at, _)| at.is_some())
        .map_or(Submitted { at: None, source: TimeSource::Nobody }, |(at, source)| Submitted { at, source })
}

/// The oldest line of ours that is reached from the top through lines of ours alone.
fn own_received(report: &Report, site: Clue, known: &Known) -> Option<DateTime<Utc>> {
    if site != Clue::SiteOwn {
        return None;
    }
    let mut oldest = None;
    for hop in &report.origin.received {
        if hop.is_delivery() {
            continue;
        }
        if !hop.by.as_deref().is_some_and(|by| known.owns_host(by)) {
            break;
        }
        oldest = hop.at.or(oldest);
        if hop.authenticated || known.client_of(hop) != Whose::Ours {
            break;
        }
    }
    oldest
}
