//! Bounces and notices in the provider's name, by the provider and by others.

use daimon_domain::bounce::{Check, NoticeKind, NoticeStrength, ProviderNotice};
use daimon_domain::verdict::Verdict;

use super::*;
use crate::site::{delivered_by, site};
use crate::{Clue, Signal, signals};

fn came(received: Vec<Hop>) -> Report {
    let mut report = own_bounce(1, Reason::UserUnknown, "Invoice");
    report.envelope.received = received;
    report
}

fn local() -> Hop {
    Hop { by: Some("mail.host.example".to_owned()), ..Hop::default() }
}

fn from_outside() -> Hop {
    Hop { from_host: None, ..foreign_hop("mail.host.example", "mail.host.example", "192.0.2.99") }
}

fn loopback() -> Hop {
    foreign_hop("mail.host.example", "localhost", "127.0.0.1")
}

#[test]
fn a_bounce_is_the_providers_only_if_it_began_inside() {
    let nat = Hop { from_host: None, ..foreign_hop("mx.host.example", "out", "10.1.2.3") };
    let colleague = Hop { authenticated: true, ..loopback() };
    let script = Hop { local_submission: true, ..local() };
    let exim = Hop { helo: Some("mailnull".to_owned()), ..script.clone() };
    let cyrus = Hop { with: Some("LMTPA".to_owned()), ..lmtp() };
    let dovecot = Hop { helo: Some("mx.far.example".to_owned()), by: Some("mail.host.example".to_owned()), ..lmtp() };
    let cases = [
        ("picked up on the host", vec![local()], Clue::SiteOwn),
        ("the same, delivered by LMTP", vec![lmtp(), local()], Clue::SiteOwn),
        ("by LMTPA, through a filter", vec![cyrus, loopback(), local()], Clue::SiteOwn),
        ("from a private address", vec![lmtp(), nat], Clue::SiteOwn),
        ("from the own network", vec![foreign_hop("mx.host.example", "x", "203.0.113.9")], Clue::SiteOwn),
        ("by Exim's own user", vec![lmtp(), exim], Clue::SiteOwn),
        ("no line at all", vec![], Clue::SiteOwn),
        ("from outside", vec![from_outside()], Clue::SiteForeign),
        ("from outside, delivered by LMTP", vec![lmtp(), from_outside()], Clue::SiteForeign),
        ("from outside, by a store with a known name", vec![dovecot, from_outside(), local()], Clue::SiteForeign),
        ("lines of ours at the sender's end", vec![lmtp(), from_outside(), local(), loopback()], Clue::SiteForeign),
        ("through a filter", vec![lmtp(), loopback(), from_outside(), local()], Clue::SiteForeign),
        ("by a customer in the web mail", vec![lmtp(), colleague], Clue::SiteForeign),
        ("by a neighbour's script", vec![lmtp(), script], Clue::SiteUnknown),
    ];
    for (how, received, expected) in cases {
        assert_eq!(site(&came(received), &known()), expected, "{how}");
    }
}

#[test]
fn a_flood_of_bounces_forged_in_the_providers_name_is_no_takeover() {
    for forged in [vec![lmtp(), from_outside(), local()], vec![from_outside()]] {
        let all = flood(&mut State::default(), &known(), STRANGE, 40, |number| {
            let mut report = own_bounce(number, Reason::UserUnknown, ["Invoice", "Parcel"][number % 2]);
            report.envelope.received.clone_from(&forged);
            report
        });
        assert!(all.iter().all(|a| a.verdict != Verdict::AccountTakeover), "{:?}", all.last());
        assert!(all.iter().flat_map(|a| &a.evidence).all(|line| line.value != "own_provider"));
    }
}

#[test]
fn a_stolen_mailbox_behind_lmtp_is_found() {
    let all = flood(&mut State::default(), &known(), STRANGE, 20, |number| {
        let mut report = own_bounce(number, Reason::UserUnknown, ["Invoice", "Parcel"][number % 2]);
        report.envelope.received.insert(0, lmtp());
        report
    });
    assert_eq!(all.last().unwrap().verdict, Verdict::AccountTakeover);
}

#[test]
fn a_host_of_the_provider_may_have_a_name_that_nobody_told_us() {
    let mut report = came(vec![lmtp(), Hop { by: Some("out7.internal".to_owned()), ..Hop::default() }]);
    report.reporting_mta = Some("OUT7.internal".to_owned());
    assert_eq!(site(&report, &known()), Clue::SiteOwn);
    report.reporting_mta = Some("out8.internal".to_owned());
    assert_eq!(site(&report, &known()), Clue::SiteUnknown);
}

#[test]
fn a_neighbour_on_a_large_host_is_neither_the_provider_nor_surely_a_stranger() {
    let known = Known { own_hosts: vec!["sv12.xserver.jp".to_owned()], own_networks: Vec::new(), ..known() };
    let by = |client: &str, ip: &str| {
        let mut report = came(vec![foreign_hop("sv12.xserver.jp", client, ip)]);
        report.reporting_mta = Some(client.to_owned());
        site(&report, &known)
    };
    assert_eq!(by("sv12.xserver.jp", "192.0.2.12"), Clue::SiteOwn);
    assert_eq!(by("sv13.xserver.jp", "192.0.2.13"), Clue::SiteUnknown);
    assert_eq!(by("mx.far.example", "192.0.2.14"), Clue::SiteForeign);
}

#[test]
fn who_only_greets_as_our_host_does_not_forge_mail_to_our_own_users() {
    let blind = Known { own_networks: Vec::new(), ..known() };
    let mut report = came(vec![lmtp(), local()]);
    report.recipients[0].address = "staff@sakura.example".to_owned();
    report.recipients[0].remote_mta = None;
    report.origin.received = vec![from_outside()];
    let seen = observe(&report, &report.recipients[0], &blind, &STRANGE, at(0)).unwrap();
    assert_eq!(seen.clues[1], Clue::OriginUntold);
}

#[test]
fn the_hosts_that_deliver_are_read_from_their_own_lines_alone() {
    let by = |received: Vec<Hop>| delivered_by(&received).map(str::to_owned).collect::<Vec<_>>();
    let forged = foreign_hop("mx.evil.example", "localhost", "127.0.0.1");
    assert_eq!(by(vec![lmtp(), from_outside(), forged.clone()]), ["vm", "mail.host.example"]);
    assert_eq!(by(vec![lmtp(), Hop { local_submission: true, ..local() }, forged]), ["vm", "mail.host.example"]);
    assert_eq!(by(vec![loopback(), from_outside()]), ["mail.host.example"; 2]);
}

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
    });
    report
}

#[test]
fn a_notice_counts_when_a_mail_system_inside_wrote_it() {
    let counts = |report: &Report| !signals(report, &known(), false).is_empty();
    assert!(counts(&notice(vec![lmtp(), local()], "postmaster@mail.host.example", false)));
    assert!(counts(&notice(vec![local()], "team@host.example", true)));
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
