use daimon_domain::reason::Reason;
use daimon_domain::verdict::{Tier, Verdict};

use super::*;
use crate::Clue;

fn clues(report: &Report, known: &Known) -> (Clue, Clue) {
    let seen = observe(report, &report.recipients[0], known, &STRANGE, at(0)).unwrap();
    (seen.clues[0], seen.clues[1])
}

#[test]
fn a_sign_in_counts_only_as_this_mailbox() {
    let cases = [
        (Some(SATO), (Clue::SiteOwn, Clue::OriginAuthenticated)),
        (Some("sato"), (Clue::SiteOwn, Clue::OriginAuthenticated)),
        // The line does not say who: it may well be us.
        (Some(""), (Clue::SiteOwn, Clue::OriginAuthenticated)),
        // A colleague's password.
        (Some("suzuki@sakura.example"), (Clue::SiteOwn, Clue::OriginOwn)),
        // A login name nobody told us.
        (Some("w0123456"), (Clue::SiteUnknown, Clue::OriginShared)),
        // Another customer of the host.
        (Some("mallory@other.example"), (Clue::SiteUnknown, Clue::OriginForeign)),
        (None, (Clue::SiteOwn, Clue::OriginOwn)),
    ];
    for (name, expected) in cases {
        let mut report = own_bounce(1, Reason::UserUnknown, "x");
        report.origin.received = vec![submission("198.51.100.66", name, 0)];
        assert_eq!(clues(&report, &known()), expected, "{name:?}");
    }
}

#[test]
fn on_a_shared_host_nobody_knows_whom_an_unnamed_sign_in_is_of() {
    let neighbours = Known { has_neighbours: true, ..known() };
    let xserver = Known { own_hosts: vec!["sv12.xserver.jp".to_owned(), "mail.host.example".to_owned()], ..known() };
    for known in [neighbours, xserver] {
        let seen = |name: &str| {
            let mut report = own_bounce(1, Reason::UserUnknown, "x");
            report.origin.received = vec![submission("198.51.100.66", Some(name), 0)];
            clues(&report, &known)
        };
        assert_eq!(seen(SATO), (Clue::SiteOwn, Clue::OriginAuthenticated));
        for name in ["", "bobscorp", "sato"] {
            assert_eq!(seen(name), (Clue::SiteUnknown, Clue::OriginShared), "{name}");
        }
    }
}

#[test]
fn another_customers_plain_login_convicts_nobody_and_is_not_told() {
    let forged = |number: usize| {
        let mut report = own_bounce(number, Reason::UserUnknown, "Invoice");
        report.origin.received = vec![submission("198.51.100.66", Some("bobscorp"), 0)];
        report
    };
    assert!(crate::shows_neighbours(&forged(1), &known()));
    let seen = observe(&forged(1), &forged(1).recipients[0], &known(), &STRANGE, at(0)).unwrap();
    let told = seen.submission.unwrap();
    assert_eq!((told.signed_in_as, told.is_signed_in), (None, true));
    let all = flood(&mut State::default(), &known(), STRANGE, 60, forged);
    assert!(all.iter().all(|a| a.tier < Tier::Suspected), "{:?}", all.last());
}

#[test]
fn a_forged_sign_in_at_the_bottom_of_a_foreign_chain_counts_nothing() {
    let mut report = foreign_bounce(1);
    let without = clues(&report, &known());
    report.origin.received.push(submission("198.51.100.66", Some(SATO), 0));
    assert_eq!(clues(&report, &known()), without);
    assert_eq!(without, (Clue::SiteForeign, Clue::OriginForeign));

    // The sender's own server may claim to have got it from our host's address; that is his line too.
    let claim = Hop { from_ip: "203.0.113.5".parse().ok(), by: Some("botnet.example".to_owned()), ..Hop::default() };
    report.origin.received.insert(1, claim);
    assert_eq!(clues(&report, &known()), without);
}

#[test]
fn a_greeting_that_claims_to_be_our_host_proves_nothing_either_way() {
    let mut report = foreign_bounce(1);
    let hop = &mut report.origin.received[0];
    (hop.helo, hop.from_host) = (Some("mail.host.example".to_owned()), None);
    let blind = Known { own_networks: Vec::new(), ..known() };
    report.origin.received.push(submission("198.51.100.66", Some(SATO), 0));
    assert_eq!(clues(&report, &blind).1, Clue::OriginUntold);
}

#[test]
fn a_foreign_server_that_got_the_mail_from_our_host_returns_our_sign_in() {
    let mut report = foreign_bounce(1);
    report.origin.received = vec![
        foreign_hop("store.shop1.example", "mx.shop1.example", "192.0.2.8"),
        foreign_hop("mx.shop1.example", "mail.host.example", "203.0.113.5"),
        submission("198.51.100.66", Some(SATO), 0),
    ];
    assert_eq!(clues(&report, &known()), (Clue::SiteForeign, Clue::OriginAuthenticated));
    // qmail writes a line of its own above, which names no host.
    report.origin.received.insert(0, Hop::default());
    report.reporting_mta = None;
    assert_eq!(clues(&report, &known()), (Clue::SiteForeign, Clue::OriginAuthenticated));
}

#[test]
fn who_delivers_by_itself_far_away_is_not_our_host_that_takes_mail_for_its_own_users_from_anybody() {
    let mut report = foreign_bounce(1);
    report.recipients[0].remote_mta = None;
    report.origin.received =
        vec![foreign_hop("mx.shop1.example", "mail.host.example", "203.0.113.5"), submission("198.51.100.66", None, 0)];
    assert_eq!(clues(&report, &known()), (Clue::SiteForeign, Clue::OriginOwn));
    // Of our own host's users it does.
    let mut own = own_bounce(1, Reason::UserUnknown, "Your parcel");
    own.recipients[0].remote_mta = None;
    own.origin.received = vec![submission("198.51.100.66", None, 0)];
    assert_eq!(clues(&own, &known()).1, Clue::OriginForeign);
}

#[test]
fn a_copy_of_what_nobody_says_how_it_was_handed_in_clears_nobody() {
    let mut report = own_bounce(1, Reason::UserUnknown, "Your parcel");
    let copied = Facts { recipient_key: "x", sent_copy: Some(true), recipient_known: Some(false), ..Facts::default() };
    let look = |report: &Report| observe(report, &report.recipients[0], &known(), &copied, at(0)).unwrap();
    let seen = look(&report);
    assert!(seen.clues.contains(&Clue::SentFound) && !seen.is_unexpected, "a mail program outside filed it: {seen:?}");
    report.origin.received.clear();
    let seen = look(&report);
    assert!(seen.clues.contains(&Clue::SentFiled) && seen.is_unexpected, "it may have been web mail: {seen:?}");
}

#[test]
fn what_the_host_hands_in_itself_is_a_scripts_unless_it_answers_or_forwards() {
    let mut report = own_bounce(1, Reason::UserUnknown, "Contact");
    let hop = &mut report.origin.received[0];
    *hop = Hop { by: hop.by.clone(), local_submission: true, ..Hop::default() };
    assert_eq!(clues(&report, &known()).1, Clue::OriginScript);

    let mut answer = report.clone();
    answer.origin.auto_submitted = Some("auto-replied (vacation)".to_owned());
    assert_eq!(clues(&answer, &known()).1, Clue::OriginAuto);
    let generated = Some("auto-generated".to_owned());
    let origin = Origin { auto_submitted: generated, ..answer.origin.clone() };
    assert_eq!(clues(&Report { origin, ..answer.clone() }, &known()).1, Clue::OriginScript);
    answer.origin.script = Some("33:form.php".to_owned());
    assert_eq!(clues(&answer, &known()).1, Clue::OriginScript);

    // It came in before, or a script says so: neither is known, and the sign-in below is not believed.
    report.origin.received.push(submission("198.51.100.66", Some(SATO), 0));
    assert_eq!(clues(&report, &known()).1, Clue::OriginUntold);
    report.origin.script = Some("33:form.php".to_owned());
    assert_eq!(clues(&report, &known()).1, Clue::OriginScript);
}

#[test]
fn a_bounce_that_came_from_outside_is_not_our_hosts_whatever_it_says() {
    let mut report = foreign_bounce(1);
    report.reporting_mta = Some("mail.host.example".to_owned());
    assert_eq!(clues(&report, &known()).0, Clue::SiteForeign);
}

#[test]
fn mail_forged_to_a_colleague_at_the_same_host_is_no_takeover() {
    let forged = |number: usize| {
        let mut report = own_bounce(number, Reason::UserUnknown, "Invoice");
        report.recipients[0].address = format!("staff{number}@sakura.example");
        report.recipients[0].remote_mta = None;
        report.origin.received = vec![submission("192.0.2.99", None, 0)];
        report
    };
    assert_eq!(clues(&forged(1), &known()), (Clue::SiteUnknown, Clue::OriginForeign));
    let all = flood(&mut State::default(), &known(), STRANGE, 20, forged);
    assert!(all.iter().all(|a| a.verdict != Verdict::AccountTakeover));
    assert_eq!(all.last().unwrap().verdict, Verdict::Backscatter);
}

#[test]
fn another_customer_of_the_host_who_forges_us_is_no_takeover_of_ours() {
    let forged = |number| {
        let mut report = own_bounce(number, Reason::UserUnknown, "Invoice");
        report.origin.received = vec![submission("198.51.100.66", Some("mallory@other.example"), 0)];
        report
    };
    let all = flood(&mut State::default(), &known(), STRANGE, 20, forged);
    assert!(all.iter().all(|a| a.verdict != Verdict::AccountTakeover));
    assert_eq!(all.last().unwrap().verdict, Verdict::Backscatter);
}

#[test]
fn without_a_known_host_nothing_is_believed_and_a_flood_is_undetermined() {
    let stranger = Known { own_hosts: Vec::new(), own_networks: Vec::new(), ..known() };
    assert_eq!(clues(&foreign_bounce(1), &stranger), (Clue::SiteUnknown, Clue::OriginUntold));
    let all = flood(&mut State::default(), &stranger, STRANGE, 30, foreign_bounce);
    assert!(all.iter().all(|a| a.verdict != Verdict::Backscatter));
    assert_eq!(all.last().unwrap().verdict, Verdict::Undetermined);
}
