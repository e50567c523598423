//! The hoster's server is on a block list, because some other customer sent spam. Sato's own letters come back for it. A new
//! password cures nothing.

use daimon_domain::verdict::{Severity, Tier, Verdict};

use crate::mailbox::{DAY, Host, Judged, Mailbox, SATO, at};
use crate::mails::{Refusal, Returned, SIGNED_IN, filled, own_id};

const LISTED: [Refusal; 3] = [
    Refusal {
        status: "5.7.1",
        text: "554 5.7.1 Service unavailable; Client host [203.0.113.25] blocked using zen.spamhaus.org; \
               https://www.spamhaus.org/query/ip/203.0.113.25",
    },
    Refusal {
        status: "5.7.1",
        text: "550 5.7.1 Unfortunately, messages from [203.0.113.25] weren't sent. Please contact your Internet service provider \
               since part of their network is on our block list (S3150).",
    },
    Refusal {
        status: "5.7.606",
        text: "550 5.7.606 Access denied, banned sending IP [203.0.113.25]. To request removal from this list please visit \
               https://sender.office.com/",
    },
];

/// Letters refused because of the server. `is_own`: they are in Sent, and to people she knows.
fn refused(is_own: bool) -> Judged {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    for number in 1..25 {
        let refusal = LISTED[usize::try_from(number % 3).unwrap()];
        let mut mail = Returned { refusal, ..Returned::to_a_stranger(number, at(DAY, 15 * number)) };
        if is_own {
            mail.to = format!("aya@patient{number}.example");
        }
        let entry = mail.entry(SIGNED_IN, "pc-uketsuke", "203.0.113.140", Some(SATO));
        let letter = if is_own {
            let (id, date) = (format!("{}@sakura.example", own_id(300 + number)), mail.submitted.to_rfc2822());
            let fields = [
                ("entry", entry.as_str()),
                ("id", &id),
                ("submitted", &date),
                ("to", &mail.to),
                ("subject", "Appointment"),
            ];
            let letter = filled(include_str!("mails/letters/own.eml"), &fields);
            mailbox.keeps(mail.submitted, letter.clone());
            letter
        } else {
            mail.thiefs_letter(&entry)
        };
        mailbox.gets(mail.came_back, mail.by_postfix(&letter));
    }
    mailbox.judged()
}

#[test]
fn own_letters_refused_because_of_the_server_are_a_matter_of_its_reputation() {
    let judged = refused(true);
    assert_eq!(judged.is(), (Verdict::ReputationBlock, Tier::None), "{judged:#?}");
    assert!(judged.weight("reason", "ip_or_domain_listed") > 10.0, "{:#?}", judged.assessment);
    assert!(!judged.alarms() && !judged.ever_said(Verdict::AccountTakeover));
    assert_eq!(judged.opens(), Some(Severity::Medium));
}

#[test]
fn the_same_answers_to_mail_that_nobody_here_wrote_call_somebody() {
    let judged = refused(false);
    assert!(judged.alarms(), "{judged:#?}");
    assert!(!judged.ever_said(Verdict::Backscatter));
}
