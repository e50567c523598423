//! Notices in the provider's name, by the provider and by others.

use daimon_domain::bounce::{Check, NoticeKind, NoticePlace, NoticeStrength, ProviderNotice};
use daimon_domain::verdict::{Tier, Verdict};

use super::arrival::{came, from_outside, local};
use super::*;
use crate::{Signal, signals};

fn notice(received: Vec<Hop>, from: &str, null_return_path: bool) -> Report {
    let mut report = came(received);
    report.reporting_mta = None;
    report.recipients = Vec::new();
    report.envelope.from = Some(from.to_owned());
    report.envelope.null_return_path = null_return_path;
    report.provider_notice = Some(ProviderNotice {
        id: "test".to_owned(),
        kind: NoticeKind::MailboxBlocked,
        strength: NoticeStrength::Hard,
        place: NoticePlace::Letter,
        said_by: None,
    });
    report
}

#[test]
fn a_notice_counts_when_a_mail_system_inside_wrote_it() {
    let counts = |report: &Report| !signals(report, &known(), false).is_empty();
    assert!(counts(&notice(vec![lmtp(), local()], "postmaster@mail.host.example", false)));
    assert!(counts(&notice(vec![local()], "team@host.example", true)));
    // The automatic answer of a colleague or a neighbour, who may quote whatever they got.
    assert!(!counts(&notice(vec![lmtp(), local()], "tanaka@sakura.example", true)));
    assert!(!counts(&notice(vec![lmtp(), local()], "support@evil.example", true)));
    assert!(!counts(&notice(vec![lmtp(), local()], "support@evil.example", false)));
    // The same words from a colleague, a phisher, a phisher who writes lines of ours, and nobody knows whom.
    assert!(!counts(&notice(vec![lmtp(), local()], "tanaka@sakura.example", false)));
    assert!(!counts(&notice(vec![lmtp(), from_outside()], "postmaster@mail.host.example", true)));
    assert!(!counts(&notice(vec![from_outside(), local()], "postmaster@mail.host.example", true)));
    assert!(!counts(&notice(vec![], "postmaster@mail.host.example", true)));
    let signal = signals(&notice(vec![local()], "root@mail.host.example", false), &known(), false);
    assert!(matches!(signal[..], [Signal::Notice { kind: NoticeKind::MailboxBlocked, .. }]));
}

#[test]
fn a_notice_from_outside_counts_when_our_host_found_the_providers_signature() {
    let checked = |below: usize, results: &str, from: &str| {
        let mut report = notice(vec![lmtp(), from_outside(), local()], from, false);
        report.envelope.checks = vec![Check { below, results: results.to_owned() }];
        !signals(&report, &known(), false).is_empty()
    };
    let good = "mail.host.example; spf=pass smtp.mailfrom=x; dkim=pass (2048-bit) header.d=host.example header.s=a";
    assert!(checked(1, good, "noreply@news.host.example"));
    assert!(checked(1, "mail.host.example; dkim=pass header.i=@host.example", "noreply@host.example"));
    // A field that came with the message, one by a stranger's server, another signer, a failure, a person, ourselves.
    assert!(!checked(2, good, "noreply@host.example"));
    assert!(!checked(1, "mx.evil.example; dkim=pass header.d=host.example", "noreply@host.example"));
    assert!(!checked(1, "mail.host.example; dkim=pass header.d=evil.example", "noreply@host.example"));
    assert!(!checked(1, "mail.host.example; dkim=fail header.d=host.example", "noreply@host.example"));
    assert!(!checked(1, good, "sales.rep@host.example"));
    assert!(!checked(1, "mail.host.example; dkim=pass header.d=evil.example", "noreply@evil.example"));
    let own = "mail.host.example; dkim=pass header.d=sakura.example";
    assert!(!checked(1, own, "noreply@sakura.example"));
}

/// Our own Postfix returns an automatic answer that a stranger's server refused with words of its choice.
const QUOTED: &str = "Return-Path: <>
Delivered-To: sato@sakura.example
Received: by mail.host.example (Postfix)
	id 1E2D0A22027; Tue, 24 Nov 2026 12:05:27 +0000 (UTC)
Date: Tue, 24 Nov 2026 12:05:27 +0000 (UTC)
From: MAILER-DAEMON@mail.host.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: sato@sakura.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
	boundary=\"0860CA22022.1795521927/mail.host.example\"

--0860CA22022.1795521927/mail.host.example
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.host.example.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

                   The mail system

<win@evil.example>: host mx.evil.example[192.0.2.66] said: 550 5.1.8 Access
    denied, bad outbound sender (in reply to RCPT TO command)

--0860CA22022.1795521927/mail.host.example
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.host.example
X-Postfix-Queue-ID: 0860CA22022
X-Postfix-Sender: rfc822; sato@sakura.example
Arrival-Date: Tue, 24 Nov 2026 12:05:27 +0000 (UTC)

Final-Recipient: rfc822; win@evil.example
Action: failed
Status: 5.1.8
Remote-MTA: dns; mx.evil.example
Diagnostic-Code: smtp; 550 5.1.8 Access denied, bad outbound sender

--0860CA22022.1795521927/mail.host.example
Content-Type: message/rfc822

Return-Path: <sato@sakura.example>
Received: by mail.host.example (Postfix, from userid 5000)
	id 0860CA22022; Tue, 24 Nov 2026 12:05:27 +0000 (UTC)
From: sato@sakura.example
To: win@evil.example
Subject: Auto: Warning: 9 non-existant E-Mails have just been sent by you
Auto-Submitted: auto-replied (vacation)
Message-ID: <7.vacation@sakura.example>

I am away.

--0860CA22022.1795521927/mail.host.example--
";

fn after(mail: &str) -> Assessment {
    let report = daimon_bounce::read(mail.as_bytes());
    assert!(report.provider_notice.is_some(), "the words are there, whoever speaks them");
    let mut state = State::default();
    for signal in signals(&report, &known(), false) {
        state.signal(signal, at(0));
    }
    weigh(&mut state, &report, &known(), STRANGE, 0)
}

#[test]
fn what_a_strangers_server_answers_to_our_own_is_no_notice() {
    let quoted = after(QUOTED);
    assert!(quoted.verdict != Verdict::AccountTakeover && quoted.tier == Tier::None, "{quoted:?}");

    // The same words without fields, in the letter alone.
    let letter_alone = QUOTED.replace(
        "Remote-MTA: dns; mx.evil.example\nDiagnostic-Code: smtp; 550 5.1.8 Access denied, bad outbound sender\n",
        "",
    );
    assert_eq!(after(&letter_alone).tier, Tier::None);

    // Said by the host that all our mail goes through, or by the one that wrote the report, they are proof.
    let relayed = QUOTED.replace("mx.evil.example", "relay.mail.host.example");
    assert_eq!(after(&relayed).tier, Tier::Confirmed);
    let said: String = QUOTED.replace("Remote-MTA: dns; mx.evil.example\n", "");
    assert_eq!(after(&said).tier, Tier::Confirmed);
}
