//! What a mailbox's own servers are called, learnt and not asked for.
//!
//! Its IMAP host and its domain are known. The rest is read from the topmost Received line of mail that lies in the
//! mailbox: the server that delivered it wrote that line last, so nobody outside can have.

use std::collections::BTreeSet;

use daimon_domain::bounce::Report;
use daimon_domain::mailbox::Mailbox;
use daimon_verdict::known::organisation;
use daimon_verdict::{Known, Provider};
use serde::{Deserialize, Serialize};

/// More hosts than a provider needs mean that something is misread.
const MOST_HOSTS: usize = 8;
/// A share of fewer quoted messages says nothing.
const LEAST_QUOTED: u32 = 10;

/// What was learnt so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Learned {
    /// Organisations whose servers deliver to the mailbox.
    hosts: BTreeSet<String>,
    /// Own Message-IDs that incoming mail quoted.
    quoted: u32,
    /// Those of them that are in Sent.
    quoted_and_sent: u32,
}

impl Learned {
    /// Learns who delivered a message to the mailbox.
    pub(crate) fn delivered(&mut self, report: &Report) {
        let by = report.envelope.received.first().and_then(|hop| hop.by.as_deref());
        if let Some(by) = by.filter(|by| by.contains('.') && self.hosts.len() < MOST_HOSTS) {
            self.hosts.insert(organisation(by));
        }
    }

    /// Learns how complete Sent is: the mailbox's own messages that others answer are there, or not.
    pub(crate) fn quoted(&mut self, all: u32, sent: u32) {
        self.quoted = self.quoted.saturating_add(all);
        self.quoted_and_sent = self.quoted_and_sent.saturating_add(sent);
        // Old answers fade, so that a change of mail program shows within a few hundred.
        if self.quoted > 400 {
            self.quoted /= 2;
            self.quoted_and_sent /= 2;
        }
    }

    /// Which share of the mailbox's mail is in Sent.
    fn coverage(&self, provider: Provider) -> Option<f64> {
        match provider {
            _ if self.quoted >= LEAST_QUOTED => Some(f64::from(self.quoted_and_sent) / f64::from(self.quoted)),
            // They file what is submitted by themselves.
            Provider::Gmail | Provider::M365 => Some(0.9),
            Provider::ImapHost | Provider::PopOnly => None,
        }
    }
}

/// What is known of a mailbox before its bounces are read.
pub(crate) fn known(mailbox: &Mailbox, learned: &Learned) -> Known {
    let host = mailbox.server.host.as_str();
    let provider = provider(host);
    let usual: &[&str] = match provider {
        Provider::Gmail => &["google.com", "gmail.com", "googlemail.com"],
        Provider::M365 => &["outlook.com", "office365.com", "microsoft.com"],
        Provider::ImapHost | Provider::PopOnly => &[],
    };
    let mut own_hosts: BTreeSet<String> = usual.iter().map(|host| (*host).to_owned()).collect();
    own_hosts.insert(organisation(host));
    own_hosts.insert(mailbox.address.domain().to_owned());
    own_hosts.extend(learned.hosts.iter().cloned());
    Known {
        address: mailbox.address.as_str().to_owned(),
        login_names: vec![mailbox.username.to_lowercase()],
        own_domains: vec![mailbox.address.domain().to_owned()],
        own_hosts: own_hosts.into_iter().collect(),
        provider: Some(provider),
        sent_coverage: learned.coverage(provider),
        ..Known::default()
    }
}

fn provider(host: &str) -> Provider {
    match organisation(host).as_str() {
        "gmail.com" | "google.com" | "googlemail.com" => Provider::Gmail,
        "office365.com" | "outlook.com" => Provider::M365,
        _other => Provider::ImapHost,
    }
}

#[cfg(test)]
mod tests {
    use daimon_domain::bounce::{Envelope, Kind};
    use daimon_domain::origin::{Hop, Origin};

    use super::*;

    fn delivered_by(host: &str) -> Report {
        let hop = Hop { by: Some(host.to_owned()), ..Hop::default() };
        Report {
            kind: Kind::Bounce,
            reporting_mta: None,
            arrival_date: None,
            received_from_mta: None,
            original_envelope_id: None,
            feedback_type: None,
            provider_notice: None,
            recipients: Vec::new(),
            origin: Origin::default(),
            envelope: Envelope { received: vec![hop], ..Envelope::default() },
            notes: Vec::new(),
        }
    }

    #[test]
    fn who_delivers_to_the_mailbox_is_its_provider() {
        let mut learned = Learned::default();
        learned.delivered(&delivered_by("mx7.mail.host.example"));
        learned.delivered(&delivered_by("localhost"));
        assert_eq!(learned.hosts.into_iter().collect::<Vec<_>>(), ["host.example"]);
    }

    #[test]
    fn how_complete_sent_is_shows_after_ten_answers() {
        let mut learned = Learned::default();
        learned.quoted(9, 9);
        assert_eq!(learned.coverage(Provider::ImapHost), None);
        learned.quoted(1, 0);
        assert_eq!(learned.coverage(Provider::ImapHost), Some(0.9));
        assert_eq!(Learned::default().coverage(Provider::Gmail), Some(0.9));
    }
}
