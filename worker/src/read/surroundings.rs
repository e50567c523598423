//! What is known of a mailbox before its mail is read: its IMAP host, its domain, and what was learnt.

use std::collections::BTreeSet;

use daimon_domain::mailbox::Mailbox;
use daimon_posture::Posture;
use daimon_verdict::{Known, Provider, hosts};

use super::infrastructure;
use crate::judge::Learned;

/// What there is of a mailbox's own mail.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Own {
    /// Copies in Sent.
    pub(crate) has_sent: bool,
    /// Somebody that it wrote to.
    pub(crate) has_correspondents: bool,
}

/// What is known of a mailbox before its bounces are read.
pub(crate) fn known(mailbox: &Mailbox, learned: &Learned, own: Own, posture: &Posture) -> Known {
    let host = mailbox.server.host.as_str();
    let provider = Provider::of_imap_host(host);
    let mut own_hosts: BTreeSet<String> = provider.usual_hosts().iter().map(|host| (*host).to_owned()).collect();
    own_hosts.insert(hosts::provider(host));
    // Of an access provider's domain every customer's line is called something.
    let domain = mailbox.address.domain();
    if !hosts::is_shared(domain) {
        own_hosts.insert(domain.to_owned());
    }
    own_hosts.extend(learned.delivering().cloned());
    let mut known = Known {
        address: mailbox.address.as_str().to_owned(),
        login_names: vec![mailbox.username.to_lowercase()],
        own_domains: vec![domain.to_owned()],
        own_hosts: own_hosts.into_iter().collect(),
        sent_coverage: learned.coverage(Some(provider)),
        // It may well be read over IMAP by us and fetched by POP by its owner.
        has_no_history: provider == Provider::ImapHost
            && !own.has_sent
            && !own.has_correspondents
            && learned.habits().is_empty(),
        provider: Some(provider),
        has_neighbours: learned.has_neighbours(),
        ..Known::default()
    };
    infrastructure::add(posture, &mut known);
    known
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use daimon_domain::bounce::{Envelope, Kind, Report};
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
            envelope: Envelope { null_return_path: true, received: vec![hop], ..Envelope::default() },
            notes: Vec::new(),
        }
    }

    fn mailbox(address: &str, host: &str) -> Mailbox {
        use daimon_domain::id::{MailboxId, TenantId};
        use daimon_domain::mailbox::{Connection, Idling, ImapServer, NewMail, Polling, TlsMode};
        let at = DateTime::UNIX_EPOCH;
        Mailbox {
            id: MailboxId::from_uuid(uuid::Uuid::from_u128(2)),
            tenant: TenantId::from_uuid(uuid::Uuid::from_u128(1)),
            address: address.parse().unwrap(),
            server: ImapServer { host: host.parse().unwrap(), port: 993, tls: TlsMode::Implicit },
            username: address.to_owned(),
            credential: None,
            polling: Polling::Active,
            connection: Connection::New,
            poll_interval_s: 300,
            new_mail: NewMail::Poll,
            idling: Idling::Starting,
            tidying: None,
            next_poll_at: at,
            last_polled_at: None,
            created_at: at,
            version: 1,
        }
    }

    fn hosts_of(address: &str, host: &str, learned: &Learned) -> Vec<String> {
        known(&mailbox(address, host), learned, Own::default(), &Posture::default()).own_hosts
    }

    #[test]
    fn who_delivers_to_the_mailbox_is_its_provider() {
        let mut learned = Learned::default();
        let mut report = delivered_by("mx7.mail.host.example");
        report
            .envelope
            .received
            .insert(0, Hop { by: Some("vm".to_owned()), with: Some("LMTP".to_owned()), ..Hop::default() });
        learned.delivered(&report);
        learned.delivered(&delivered_by("localhost"));
        assert_eq!(
            hosts_of("sato@sakura.example", "imap.host2.example", &learned),
            ["host2.example", "mail.host.example", "sakura.example"]
        );
    }

    #[test]
    fn a_neighbour_at_a_large_host_is_not_the_provider() {
        let mut learned = Learned::default();
        learned.delivered(&delivered_by("sv12.xserver.jp"));
        assert_eq!(hosts_of("sato@sakura.example", "sv12.xserver.jp", &learned), ["sakura.example", "sv12.xserver.jp"]);
        assert_eq!(hosts_of("sato@ocn.ne.jp", "imap.ocn.ne.jp", &Learned::default()), ["imap.ocn.ne.jp"]);
        let cloud = "ec2-192-0-2-1.compute-1.amazonaws.com";
        assert_eq!(hosts_of("sato@sakura.example", cloud, &Learned::default()), [cloud, "sakura.example"]);
        assert!(
            !hosts_of("sato@sakura.example", "outlook.office365.com", &learned).contains(&"outlook.com".to_owned())
        );
    }

    #[test]
    fn a_mailbox_of_which_only_bounces_are_seen_is_blind_until_anything_else_is() {
        let mailbox = mailbox("sato@sakura.example", "mail.host.example");
        let blind = |learned: &Learned, own| known(&mailbox, learned, own, &Posture::default()).is_blind();
        assert!(blind(&Learned::default(), Own::default()));
        assert!(!blind(&Learned::default(), Own { has_sent: true, ..Own::default() }));
        assert!(!blind(&Learned::default(), Own { has_correspondents: true, ..Own::default() }));

        // A line of the own provider says who signed in; the same line in a bounce from outside says nothing.
        let mut report = delivered_by("mail.host.example");
        report.reporting_mta = Some("mail.host.example".to_owned());
        report.origin.returned = true;
        report.origin.received =
            vec![Hop { by: Some("mail.host.example".to_owned()), authenticated: true, ..Hop::default() }];
        let known = known(&mailbox, &Learned::default(), Own::default(), &Posture::default());
        let mut learned = Learned::default();
        let mut forged = report.clone();
        forged.envelope.received[0].from_ip = "192.0.2.9".parse().ok();
        learned.shown(&forged, &known);
        assert!(blind(&learned, Own::default()));
        learned.shown(&report, &known);
        assert!(!blind(&learned, Own::default()));
    }
}
