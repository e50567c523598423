//! Somebody signs in as Sato from an address and with a program of which nobody knows, and sends one letter to a list so old
//! that all of it comes back as "unknown user". An old list of her own comes back like that too. Why mail comes back tells how old a list is,
//! and not whose it is: that is told by how it was sent.

use daimon_domain::verdict::{Severity, Verdict};
use daimon_worker::scan::{Format, Lang};

use crate::mailbox::{DAY, Host, Judged, Mailbox, SATO, at};
use crate::mails::{REFUSALS, Returned, SIGNED_IN};

/// So many of one letter come back, one a minute, to recipients from that number on.
fn comes_back(mailbox: &mut Mailbox, day: i64, from: i64, count: i64) {
    for number in from..from + count {
        let mail = Returned { refusal: REFUSALS[0], ..Returned::to_a_stranger(number, at(day, number)) };
        let entry = mail.entry(SIGNED_IN, "WIN-7K2PQ4", "198.51.100.66", Some(SATO));
        mailbox.gets(mail.came_back, mail.by_postfix(&mail.strangers_letter(&entry, SATO, "Our prices for summer")));
    }
}

fn one_letter(count: i64) -> Mailbox {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    comes_back(&mut mailbox, DAY, 0, count);
    mailbox
}

/// The gravity of what is found, which must not be a mailing of hers.
fn opens(judged: &Judged) -> Option<Severity> {
    assert!(!judged.ever_said(Verdict::BulkList) && !judged.ever_said(Verdict::Backscatter), "{judged:#?}");
    assert!(matches!(judged.is().0, Verdict::Undetermined | Verdict::AccountTakeover), "{judged:#?}");
    judged.opens()
}

#[test]
fn a_letter_sent_in_a_strange_way_is_not_called_her_mailing_however_many_recipients_are_gone() {
    for count in [5, 8, 12, 20, 30, 60, 200] {
        let severity = opens(&one_letter(count).judged());
        assert!(severity >= Some(Severity::High), "after {count}: {severity:?}");
    }
    let said = one_letter(30).scanned(Format::Text, Lang::En);
    assert!(said.contains("signed in as sato@sakura.example from 198.51.100.66"), "{said}");
}

#[test]
fn sent_as_her_last_one_was_it_is_hers() {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    comes_back(&mut mailbox, DAY - 20, 600, 4);
    comes_back(&mut mailbox, DAY, 0, 30);
    let judged = mailbox.judged();
    assert_eq!(judged.is().0, Verdict::BulkList, "{judged:#?}");
    assert!(!judged.alarms() && !judged.ever_said(Verdict::AccountTakeover), "{judged:#?}");
}
