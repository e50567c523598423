//! The thief signs in as Sato and writes another envelope sender: every bounce goes there. What still reaches her are
//! answers to mail that she never wrote, and sooner or later the provider's own notice.

use chrono::{DateTime, Utc};
use daimon_domain::verdict::{Tier, Verdict};

use crate::mailbox::{DAY, Host, Mailbox, at};
use crate::mails::{filled, own_id, queue, stranger};

/// An out-of-office reply to a message with that Message-ID.
fn away(number: i64, id: &str, when: DateTime<Utc>) -> String {
    let from = stranger(number);
    let domain = from.rsplit('@').next().unwrap();
    let arrival = Host::Postfix.takes("", &format!("mail.{domain}"), "192.0.2.33", number, when);
    let (queue, date) = (queue(number), when.to_rfc2822());
    let fields = [
        ("arrival", arrival.as_str()),
        ("from", &from),
        ("domain", domain),
        ("date", &date),
        ("queue", &queue),
        ("id", id),
    ];
    filled(include_str!("mails/notices/away.eml"), &fields)
}

/// The hoster's own word, from its own server.
fn notice(when: DateTime<Utc>) -> String {
    filled(include_str!("mails/notices/blocked-by-directadmin.eml"), &[("date", &when.to_rfc2822())])
}

fn answers(mailbox: &mut Mailbox, id: impl Fn(i64) -> String) {
    for number in 0..12 {
        let when = at(DAY, 15 * number);
        mailbox.gets(when, away(number, &id(number), when));
    }
}

#[test]
fn without_one_bounce_answers_to_mail_nobody_wrote_and_the_providers_notice_show_the_thief() {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    answers(&mut mailbox, |number| format!("{}.{number}@sakura.example", queue(number)));
    mailbox.gets(at(DAY, 200), notice(at(DAY, 200)));
    let judged = mailbox.judged();
    assert_eq!(judged.is(), (Verdict::AccountTakeover, Tier::Confirmed), "{judged:#?}");
    assert_eq!(judged.summary.bounces, 0);
    assert!(judged.weight("window", "phantom_replies") > 0.0, "{:#?}", judged.assessment);
    assert!(judged.weight("window", "mailbox_blocked") > 0.0, "{:#?}", judged.assessment);
}

#[test]
fn the_same_answers_to_letters_that_are_in_sent_say_nothing() {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    answers(&mut mailbox, |number| format!("{}@sakura.example", own_id(number + 5)));
    let judged = mailbox.judged();
    assert_eq!(judged.is(), (Verdict::Legit, Tier::None), "{judged:#?}");
    assert!(judged.moves.is_empty() && !judged.saw("window", "phantom_replies"));
}
