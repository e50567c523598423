//! Whole floods through the engine, told as sentences.

mod arrival;
mod clouds;
mod containment;
mod floods;
mod notices;
mod received;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::bounce::{Action, Envelope, Kind, Recipient, Report};
use daimon_domain::incident::{Incident, IncidentState, Life};
use daimon_domain::origin::{Hop, Origin};
use daimon_domain::reason::{Permanence, Reason};
use daimon_domain::verdict::{Severity, Tier, Verdict};

use crate::{Assessment, Facts, Known, Provider, State, observe};

pub(crate) const SATO: &str = "sato@sakura.example";

pub(crate) fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_785_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
}

pub(crate) fn known() -> Known {
    Known {
        address: SATO.to_owned(),
        own_domains: vec!["sakura.example".to_owned()],
        own_hosts: vec!["mail.host.example".to_owned()],
        own_networks: vec!["203.0.113.0/24".parse().unwrap()],
        provider: Some(Provider::ImapHost),
        sent_coverage: Some(0.95),
        ..Known::default()
    }
}

pub(crate) fn pop_only() -> Known {
    Known { provider: Some(Provider::PopOnly), sent_coverage: None, ..known() }
}

/// A line by the own host: mail taken from that address, signed in under that name or not at all.
pub(crate) fn submission(ip: &str, signed_in_as: Option<&str>, minutes: i64) -> Hop {
    Hop {
        helo: Some("laptop".to_owned()),
        from_ip: Some(ip.parse().unwrap()),
        by: Some("mail.host.example".to_owned()),
        with: Some("ESMTPSA".to_owned()),
        authenticated: signed_in_as.is_some(),
        authenticated_as: signed_in_as.filter(|name| !name.is_empty()).map(str::to_owned),
        at: Some(at(minutes)),
        ..Hop::default()
    }
}

/// A line by a foreign host.
pub(crate) fn foreign_hop(by: &str, from: &str, ip: &str) -> Hop {
    Hop {
        helo: Some(from.to_owned()),
        from_host: Some(from.to_owned()),
        from_ip: Some(ip.parse().unwrap()),
        by: Some(by.to_owned()),
        ..Hop::default()
    }
}

/// The line of a mail store that got it over a unix socket, by a name nobody knows.
pub(crate) fn lmtp() -> Hop {
    Hop {
        helo: Some("mail.host.example".to_owned()),
        by: Some("vm".to_owned()),
        with: Some("LMTP".to_owned()),
        ..Hop::default()
    }
}

/// A bounce that the own host wrote about mail it had taken from somebody signed in as Sato.
pub(crate) fn own_bounce(number: usize, reason: Reason, subject: &str) -> Report {
    Report {
        kind: Kind::Bounce,
        reporting_mta: Some("mail.host.example".to_owned()),
        arrival_date: None,
        received_from_mta: None,
        original_envelope_id: None,
        feedback_type: None,
        provider_notice: None,
        recipients: vec![Recipient {
            address: format!("victim{number}@shop{number}.example"),
            original_address: None,
            reason,
            status: None,
            reply: Some(550),
            action: Action::Failed,
            permanence: Permanence::Permanent,
            fault: reason.fault(),
            diagnostic: None,
            remote_mta: Some(format!("mx.shop{number}.example")),
            will_retry_until: None,
            rule: "test".to_owned(),
        }],
        origin: Origin {
            returned: true,
            message_id: Some(format!("{number}.abc@sakura.example")),
            from: Some(SATO.to_owned()),
            envelope_from: Some(SATO.to_owned()),
            subject: Some(subject.to_owned()),
            received: vec![submission("198.51.100.66", Some(SATO), 0)],
            ..Origin::default()
        },
        envelope: Envelope {
            from: Some("mailer-daemon@mail.host.example".to_owned()),
            null_return_path: true,
            received: vec![Hop { by: Some("mail.host.example".to_owned()), ..Hop::default() }],
            ..Envelope::default()
        },
        notes: Vec::new(),
    }
}

/// Why a thief's mail comes back: it is also refused for what it says. What is not could be a mailing to an old list.
pub(crate) const MIXED: [Reason; 5] =
    [Reason::UserUnknown, Reason::SpamContent, Reason::UserUnknown, Reason::MailboxFull, Reason::Policy];

/// A bounce of a thief's mail.
pub(crate) fn stolen(number: usize) -> Report {
    own_bounce(number, MIXED[number % MIXED.len()], ["Invoice 7", "Your parcel"][number % 2])
}

/// A bounce that the recipient's server wrote about mail it was given by a stranger.
pub(crate) fn foreign_bounce(number: usize) -> Report {
    let mx = format!("mx.shop{number}.example");
    let mut report = own_bounce(number, Reason::UserUnknown, "You won");
    report.envelope.received = vec![foreign_hop("mail.host.example", &mx, "192.0.2.7")];
    report.origin.received = vec![foreign_hop(&mx, "botnet.example", "192.0.2.99")];
    report.reporting_mta = Some(mx);
    report
}

/// An incident of that cause.
pub(crate) fn incident(verdict: Verdict) -> Incident {
    let mailbox: daimon_domain::id::MailboxId = "mbx_01985aa0000070008000000000000001".parse().unwrap();
    Incident {
        id: "inc_01985aa0000070008000000000000001".parse().unwrap(),
        tenant: "tnt_01985aa0000070008000000000000001".parse().unwrap(),
        mailbox,
        drill: None,
        verdict,
        tier: Tier::Probable,
        severity: Severity::High,
        state: IncidentState::Open,
        score_db: 52.0,
        bounces: 9,
        unexpected_recipients: 9,
        evidence: Vec::new(),
        dedup_key: crate::dedup_key(&mailbox, verdict),
        sequence: 1,
        opened_at: at(0),
        updated_at: at(0),
        first_bounce_at: at(0),
        last_bounce_at: at(0),
        contained_at: None,
        life: Life::default(),
    }
}

/// What a mailbox with a Sent folder says of mail it never wrote.
pub(crate) const STRANGE: Facts<'static> = Facts {
    recipient_key: "",
    sent_copy: Some(false),
    recipient_known: Some(false),
    fingerprint_seen: None,
    campaign: false,
    is_usual: false,
    new_language: false,
};

/// What a mailbox without history says of anything.
pub(crate) const NO_HISTORY: Facts<'static> = Facts { sent_copy: None, recipient_known: None, ..STRANGE };

/// Of mail that its owner wrote.
pub(crate) const OWN: Facts<'static> = Facts {
    recipient_key: "",
    sent_copy: Some(true),
    recipient_known: Some(true),
    fingerprint_seen: None,
    campaign: false,
    is_usual: false,
    new_language: false,
};

pub(crate) fn weigh(state: &mut State, report: &Report, known: &Known, facts: Facts<'_>, minutes: i64) -> Assessment {
    for recipient in &report.recipients {
        let facts = Facts { recipient_key: &recipient.address, ..facts };
        if let Some(seen) = observe(report, recipient, known, &facts, at(minutes)) {
            state.weigh(&seen);
        }
    }
    state.assess(at(minutes))
}

/// `count` bounces, one every three minutes.
pub(crate) fn flood(
    state: &mut State,
    known: &Known,
    facts: Facts<'_>,
    count: usize,
    report: impl Fn(usize) -> Report,
) -> Vec<Assessment> {
    (0..count).map(|number| weigh(state, &report(number), known, facts, 3 * i64::try_from(number).unwrap())).collect()
}
