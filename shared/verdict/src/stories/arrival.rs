//! Bounces in the provider's name, by the provider and by others.

use daimon_domain::verdict::Verdict;

use super::*;
use crate::Clue;
use crate::arrival::{delivered_by, relays};
use crate::site::site;

pub(super) fn came(received: Vec<Hop>) -> Report {
    let mut report = own_bounce(1, Reason::UserUnknown, "Invoice");
    report.envelope.received = received;
    report
}

pub(super) fn local() -> Hop {
    Hop { by: Some("mail.host.example".to_owned()), ..Hop::default() }
}

pub(super) fn from_outside() -> Hop {
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
        ("by web mail of any customer", vec![lmtp(), loopback()], Clue::SiteUnknown),
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
fn who_has_an_address_and_gets_answers_is_no_mail_system() {
    let sent_by = |from: &str, null_return_path: bool| {
        let mut report = came(vec![lmtp(), local()]);
        report.envelope.from = Some(from.to_owned());
        report.envelope.null_return_path = null_return_path;
        site(&report, &known())
    };
    assert_eq!(sent_by("mailer-daemon@mail.host.example", false), Clue::SiteOwn);
    assert_eq!(sent_by("mailer-daemon@evil.example", true), Clue::SiteOwn, "to nobody's address");
    for forged in ["support@evil.example", "mailer-daemon@evil.example", "postmaster@sakura.example", "support"] {
        assert_eq!(sent_by(forged, false), Clue::SiteUnknown, "{forged}");
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
        let mut report = stolen(number);
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

#[test]
fn a_relay_in_a_network_of_ours_is_known_by_the_name_that_our_host_looked_up() {
    let known = Known { learnt_networks: vec!["198.51.100.7/32".parse().unwrap()], ..known() };
    let relayed = foreign_hop("mail.host.example", "out3.otherbrand.example", "198.51.100.7");
    let names = |received: &[Hop]| relays(received, &known).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(&[lmtp(), relayed.clone()]), ["out3.otherbrand.example"]);
    // Below a line by a stranger stands whatever the stranger writes.
    assert!(names(&[from_outside(), relayed.clone()]).is_empty());
    let clouds = Hop { from_host: Some("mail-1.google.com".to_owned()), ..relayed.clone() };
    let unnamed = Hop { from_host: None, ..relayed };
    assert!(names(&[clouds]).is_empty() && names(&[unnamed]).is_empty());
}
