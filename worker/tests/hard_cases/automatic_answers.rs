//! Sato is on holiday and her server answers spam for her. The answers go to senders that were forged, and come back: not in
//! Sent, to people nobody knows, written by her own provider.

use daimon_domain::verdict::{Severity, Tier, Verdict};

use crate::mailbox::{DAY, Host, Judged, Mailbox, at};
use crate::mails::{Returned, filled, queue};

const HANDED_IN: &str = "Received: by mail.hoshi-hosting.example (Postfix, from userid 5000)
\tid {{queue}}; {{date}}
";

fn answers_marked(marks: &str) -> Judged {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    for number in 0..20 {
        let mail = Returned::to_a_stranger(number, at(DAY, 12 * number));
        let (queue, date) = (queue(number), mail.submitted.to_rfc2822());
        let entry = filled(HANDED_IN, &[("queue", &queue), ("date", &date)]);
        let subject = format!("Auto: Your prize no. {number}");
        let fields = [
            ("entry", entry.as_str()),
            ("queue", &queue),
            ("submitted", &date),
            ("to", &mail.to),
            ("subject", &subject),
            ("marks", marks),
        ];
        let letter = filled(include_str!("mails/letters/vacation.eml"), &fields);
        mailbox.gets(mail.came_back, mail.by_postfix(&letter));
    }
    mailbox.judged()
}

#[test]
fn answers_that_say_they_are_automatic_come_back_and_alarm_nobody() {
    // Sieve's vacation is handed in by a program on the host, as a script's mail is.
    let judged = answers_marked("Auto-Submitted: auto-replied (vacation)");
    assert_eq!(judged.is(), (Verdict::Autoresponder, Tier::None), "{judged:#?}");
    assert!(judged.weight("origin", "auto_submitted") > 10.0, "{:#?}", judged.assessment);
    assert!(!judged.alarms());
    assert_eq!(judged.opens(), Some(Severity::Low));
}

#[test]
fn without_that_mark_what_the_host_itself_hands_in_is_a_program_of_somebody() {
    let judged = answers_marked("X-Priority: 3");
    assert_eq!(judged.is().0, Verdict::WebScript, "{judged:#?}");
    assert!(judged.alarms());
}
