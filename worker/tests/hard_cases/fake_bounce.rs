//! Phishing dressed as a bounce: a mail system's name, "could not be delivered", and a button. It names no failed recipient and
//! has none of a report's parts; it counts nowhere, and is a matter of its own.

use chrono::{DateTime, Utc};
use daimon_domain::verdict::{Severity, Tier, Verdict};
use daimon_worker::scan::{Format, Lang};

use crate::mailbox::{DAY, Host, Mailbox, SATO, at};
use crate::mails::{REFUSALS, Returned, SIGNED_IN, filled, stolen};

fn fake(number: i64, when: DateTime<Utc>) -> String {
    let sender = format!("bounce{number}@bulk.example");
    let arrival = Host::Postfix.takes(&sender, "vps-201.bulk.example", "198.51.100.201", 800 + number, when);
    let (date, number) = (when.to_rfc2822(), number.to_string());
    filled(
        include_str!("mails/notices/fake-bounce.eml"),
        &[("arrival", &arrival), ("date", &date), ("number", &number)],
    )
}

fn fakes(mailbox: &mut Mailbox, count: i64) {
    (0..count).for_each(|number| mailbox.gets(at(DAY, 100 * number), fake(number, at(DAY, 100 * number))));
}

#[test]
fn mails_that_pose_as_bounces_and_ask_to_click_are_told_as_phishing_and_counted_nowhere() {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    fakes(&mut mailbox, 5);
    let judged = mailbox.judged();
    assert_eq!(judged.is(), (Verdict::FakeBounce, Tier::None), "{judged:#?}");
    assert_eq!((judged.summary.bounces, judged.summary.unexpected_recipients), (0, 0));
    assert!(judged.saw("window", "fake_bounces") && !judged.alarms());
    assert_eq!(judged.opens(), Some(Severity::Medium));
    let why = "Mails that only look like delivery failures ask to click.";
    let told = mailbox.scanned(Format::Text, Lang::En);
    assert!(told.contains(why), "{told}");
}

#[test]
fn they_belong_together_for_three_days_and_not_for_ever() {
    for (hours, is_said) in [(30, true), (40, false)] {
        let mut mailbox = Mailbox::lived_in(Host::Postfix);
        for number in 0..4 {
            let when = at(DAY, 60 * hours * number);
            mailbox.gets(when, fake(number, when));
        }
        assert_eq!(mailbox.judged().ever_said(Verdict::FakeBounce), is_said, "one in {hours} hours");
    }
}

#[test]
fn two_of_them_are_everybodys_lot() {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    fakes(&mut mailbox, 2);
    assert_eq!(mailbox.judged().is(), (Verdict::Legit, Tier::None));
}

#[test]
fn the_same_number_of_reports_that_name_who_failed_are_bounces() {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    for number in 0..5 {
        let mail = Returned { refusal: REFUSALS[0], ..Returned::to_a_stranger(number, at(DAY, 100 * number)) };
        let entry = mail.entry(SIGNED_IN, "pc-uketsuke", "203.0.113.140", Some(SATO));
        mailbox.gets(mail.came_back, mail.by_postfix(&mail.thiefs_letter(&entry)));
    }
    let judged = mailbox.judged();
    assert_eq!(judged.summary.bounces, 5);
    assert!(!judged.ever_said(Verdict::FakeBounce), "{judged:#?}");
}

#[test]
fn they_neither_hide_a_theft_nor_add_to_it() {
    let judged = |count: i64| {
        let mut mailbox = Mailbox::lived_in(Host::Postfix);
        fakes(&mut mailbox, count);
        (0..12).for_each(|number| mailbox.gets(at(DAY, 510 + 3 * number), stolen(number, at(DAY, 510 + 3 * number))));
        mailbox.judged()
    };
    let (with, without) = (judged(5), judged(0));
    assert!(with.accuses(), "{with:#?}");
    assert_eq!((with.is(), with.assessment.score_db), (without.is(), without.assessment.score_db));
}

#[test]
fn what_the_own_provider_tells_of_mail_that_it_holds_is_no_phishing() {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    for number in 0..5 {
        let when = at(DAY, 100 * number);
        let inside = fake(number, when);
        let (_, letter) = inside.split_once("From: ").unwrap();
        let date = when.to_rfc2822();
        let own = format!(
            "Return-Path: <>\nDelivered-To: {SATO}\nReceived: by mail.hoshi-hosting.example (Postfix)\n\tid 4bF{number:04}; {date}\n\
             From: {}",
            letter.replace("sakura.example>", "mail.hoshi-hosting.example>")
        );
        mailbox.gets(when, own);
    }
    let judged = mailbox.judged();
    assert!(!judged.ever_said(Verdict::FakeBounce), "{judged:#?}");
}
