//! Who handed the returned mail in, and from where: what a technician asks first after a theft.
//!
//! It is read from the line that the own provider wrote, on bounces that the provider wrote. The same line in a foreign
//! bounce may be anybody's invention.

use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use daimon_domain::bounce::Report;
use daimon_domain::verdict::EvidenceLine;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::Clue;
use crate::known::Known;
use crate::{chain, site};

/// The item under which it stands among the evidence.
pub const ITEM: &str = "submission";

/// Most that are told apart; a botnet has thousands.
const KEPT: usize = 8;
/// Longer names are no one's.
const LONGEST: usize = 80;
/// A greeting is whatever the client writes; of a longer one the beginning is enough to know it by.
const LONGEST_GREETING: usize = 48;

/// How one mail was handed in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The name that signed in; `None` when the line does not say, and when it is none of the tenant's: other customers of
    /// the host are nobody's business here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signed_in_as: Option<String>,
    /// Whether anybody signed in.
    #[serde(default)]
    pub is_signed_in: bool,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ip: Option<IpAddr>,
    /// What the client called itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub helo: Option<String>,
}

impl Submission {
    /// The network of the client: an address changes within it without anybody moving.
    pub fn network(&self) -> Option<IpNet> {
        let ip = self.ip?;
        IpNet::new(ip, if ip.is_ipv4() { 24 } else { 48 }).ok().map(|net| net.trunc())
    }

    /// Reads what it wrote of itself among the evidence.
    pub fn read(value: &str) -> Self {
        let field = |name: &str| {
            let mut fields = value.split(' ').filter_map(|word| word.split_once('='));
            fields.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        Self {
            is_signed_in: field("signed_in").is_some(),
            signed_in_as: field("signed_in").filter(|name| *name != "?").map(str::to_owned),
            ip: field("from").and_then(|ip| ip.parse().ok()),
            helo: field("helo").map(str::to_owned),
        }
    }
}

/// How the returned mail was handed in at the own provider. `None` when the provider doesn't say.
pub fn submission(report: &Report, known: &Known) -> Option<Submission> {
    if site::site(report, known) != Clue::SiteOwn {
        return None;
    }
    let hop = chain::handed_in(report, Clue::SiteOwn, known)?;
    let found = Submission {
        signed_in_as: hop.authenticated_as.as_deref().filter(|name| known.is_tenants_login(name)).and_then(word),
        is_signed_in: hop.authenticated,
        ip: hop.from_ip,
        helo: hop.helo.as_deref().and_then(greeting),
    };
    (found.is_signed_in || found.ip.is_some()).then_some(found)
}

/// Whether the own provider's line names somebody who signed in and is not the tenant's: strangers share its hosts.
pub fn shows_neighbours(report: &Report, known: &Known) -> bool {
    site::site(report, known) == Clue::SiteOwn
        && chain::handed_in(report, Clue::SiteOwn, known).is_some_and(|hop| chain::is_neighbours(hop, known))
}

/// What of a greeting can stand in a host's name or address. It is the thief's text and is shown to people.
fn greeting(text: &str) -> Option<String> {
    let is_hosts = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    let kept: String = text.chars().filter(is_hosts).take(LONGEST_GREETING).collect();
    (!kept.is_empty()).then_some(kept)
}

/// What can be shown to people as it is.
fn word(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '@' | '+' | '=');
    (!text.is_empty() && text.len() <= LONGEST && text.chars().all(is_plain)).then(|| text.to_owned())
}

impl fmt::Display for Submission {
    /// `signed_in=sato@clinic.example from=203.0.113.7 helo=laptop`: fields for programs, sentences are made of them.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        if self.is_signed_in {
            write!(out, "signed_in={}", self.signed_in_as.as_deref().unwrap_or("?"))?;
            gap = " ";
        }
        if let Some(ip) = self.ip {
            write!(out, "{gap}from={ip}")?;
            gap = " ";
        }
        self.helo.as_deref().map_or(Ok(()), |helo| write!(out, "{gap}helo={helo}"))
    }
}

/// How unexpected mail was handed in, and how often.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Submissions(Vec<Used>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Used {
    submission: Submission,
    count: u32,
    last_at: DateTime<Utc>,
}

impl Submissions {
    pub(crate) fn note(&mut self, seen: &Submission, at: DateTime<Utc>) {
        let is_same = |used: &Used| {
            used.submission.ip == seen.ip
                && used.submission.signed_in_as == seen.signed_in_as
                && used.submission.is_signed_in == seen.is_signed_in
        };
        if let Some(used) = self.0.iter_mut().find(|used| is_same(used)) {
            used.count = used.count.saturating_add(1);
            used.last_at = at;
            return;
        }
        if self.0.len() >= KEPT {
            let rarest = self.0.iter().enumerate().min_by_key(|(_, used)| (used.count, used.last_at));
            if let Some(place) = rarest.map(|(place, _)| place) {
                self.0.remove(place);
            }
        }
        self.0.push(Used { submission: seen.clone(), count: 1, last_at: at });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The most frequent one, a sign-in before anything else: the head of the explanation.
    pub(crate) fn headline(&self) -> Option<EvidenceLine> {
        let most = self.0.iter().max_by_key(|used| (used.submission.is_signed_in, used.count, used.last_at))?;
        Some(EvidenceLine {
            item: ITEM.to_owned(),
            value: most.submission.to_string(),
            db: 0.0,
            count: most.count,
            against: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_is_a_hosts_name_and_no_message() {
        assert_eq!(greeting("laptop-7.lan").as_deref(), Some("laptop-7.lan"));
        assert_eq!(greeting("pc helo=x <a href=//evil>").as_deref(), Some("pcheloxahrefevil"));
        assert_eq!(greeting("<>"), None);
        assert_eq!(greeting(&"a".repeat(500)).map(|text| text.len()), Some(LONGEST_GREETING));
    }

    #[test]
    fn what_is_written_reads_back() {
        let ip = "203.0.113.7".parse().ok();
        let seen = Submission { signed_in_as: None, is_signed_in: true, ip, helo: Some("203.0.113.7".to_owned()) };
        assert_eq!(Submission::read(&seen.to_string()), seen);
        assert_eq!(Submission::read("from= =x"), Submission::default());
    }
}
