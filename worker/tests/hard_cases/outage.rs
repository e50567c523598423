//! A partner's servers are down for days. Her own letters wait, and come back at last: to people she knows, with copies in Sent.

use chrono::TimeDelta;
use daimon_domain::verdict::{Severity, Tier, Verdict};

use crate::mailbox::{DAY, Host, Judged, Mailbox, SATO, at};
use crate::mails::{Returned, SIGNED_IN, filled, own_id};

/// Letters that could not be delivered for five days. `is_own`: they are in Sent, and to people she knows.
fn expired(is_own: bool) -> Judged {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    for number in 1..25 {
        let submitted = at(DAY - 5, 20 * number);
        let returned = submitted + TimeDelta::days(5);
        let mut mail = Returned { submitted, ..Returned::to_a_stranger(number, returned) };
        if is_own {
            mail.to = format!("aya@patient{number}.example");
        }
        let (ip, helo) = if is_own { ("203.0.113.140", "pc-uketsuke") } else { ("198.51.100.66", "WIN-7K2PQ4") };
        let entry = mail.entry(SIGNED_IN, helo, ip, Some(SATO));
        let letter = if is_own {
            let (id, date) = (format!("{}@sakura.example", own_id(200 + number)), submitted.to_rfc2822());
            let fields = [
                ("entry", entry.as_str()),
                ("id", &id),
                ("submitted", &date),
                ("to", &mail.to),
                ("subject", "Appointment"),
            ];
            let letter = filled(include_str!("mails/letters/own.eml"), &fields);
            mailbox.keeps(submitted, letter.clone());
            letter
        } else {
            mail.thiefs_letter(&entry)
        };
        let said =
            format!("connect to mx.{}[192.0.2.99]:25: Connection timed out", mail.to.rsplit('@').next().unwrap());
        let fields = format!("Status: 4.4.1\nDiagnostic-Code: X-Postfix; {said}");
        mailbox.gets(returned, mail.by_postfix_saying(&said, &fields, &letter));
    }
    mailbox.judged()
}

#[test]
fn own_letters_that_a_server_which_is_down_never_took_are_an_outage() {
    let judged = expired(true);
    assert_eq!(judged.is(), (Verdict::Outage, Tier::None), "{judged:#?}");
    assert!(judged.weight("reason", "temporary_or_expired") > 0.0 && judged.weight("sent_copy", "found") >= 0.0);
    assert!(!judged.alarms());
    assert_eq!(judged.opens(), Some(Severity::Low));
}

#[test]
fn the_same_answers_to_mail_that_nobody_here_wrote_are_no_outage() {
    let judged = expired(false);
    assert!(judged.alarms(), "{judged:#?}");
    assert_ne!(judged.is().0, Verdict::Outage);
}
