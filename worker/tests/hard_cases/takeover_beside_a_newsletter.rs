//! The owner's newsletter and a thief's mail bounce in the same hour. Added up they would excuse each other; letter by letter
//! they are two verdicts.

use daimon_domain::verdict::{Tier, Verdict};

use crate::mailbox::{DAY, Host, Mailbox, SATO, at};
use crate::mails::{Returned, SIGNED_IN, filled, queue, stolen};

/// Forty bounces of a newsletter and, where `is_stolen`, twenty of a thief in between.
fn an_hour_of_both(is_stolen: bool) -> Mailbox {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    for number in 0..40 {
        let mail = Returned {
            refusal: crate::mails::REFUSALS[0],
            ..Returned::to_a_stranger(500 + number, at(DAY, 3 * number))
        };
        let entry = mail.entry(SIGNED_IN, "pc-uketsuke", "198.51.100.140", Some(SATO));
        let (queue, date) = (queue(mail.number), mail.submitted.to_rfc2822());
        let marks = "List-Id: <news.sakura.example>";
        let fields =
            [("entry", entry.as_str()), ("submitted", &date), ("to", &mail.to), ("queue", &queue), ("marks", marks)];
        let letter = filled(include_str!("mails/letters/newsletter.eml"), &fields);
        mailbox.gets(mail.came_back, mail.by_postfix(&letter));
        if is_stolen && number % 2 == 0 {
            let when = at(DAY, 3 * number + 1);
            mailbox.gets(when, stolen(number / 2, when));
        }
    }
    mailbox
}

#[test]
fn a_theft_is_seen_through_the_owners_newsletter_and_both_are_reported() {
    let judged = an_hour_of_both(true).judged();
    assert!(judged.accuses(), "{judged:#?}");
    let letters = judged.letters();
    assert!(letters.iter().any(|(verdict, bounces)| *verdict == Verdict::BulkList && *bounces >= 30), "{letters:?}");
    let of_thief = letters.iter().filter(|(verdict, _)| *verdict == Verdict::AccountTakeover);
    assert_eq!(of_thief.count(), 2, "a thief with two letters: {letters:?}");
    assert!(judged.saw("submission", "signed_in=sato@sakura.example from=198.51.100.66 helo=win-7k2pq4"));
}

#[test]
fn the_newsletter_alone_is_a_newsletter() {
    let judged = an_hour_of_both(false).judged();
    assert_eq!(judged.is(), (Verdict::BulkList, Tier::None), "{judged:#?}");
    assert_eq!(judged.letters(), [(Verdict::BulkList, 40)]);
}
