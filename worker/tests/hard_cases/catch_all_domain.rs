//! Sato's mailbox takes whatever is addressed to her domain. A forger invents senders there, and every bounce of his comes to
//! her: each for a name that does not exist.

use daimon_domain::verdict::{Severity, Tier, Verdict};

use crate::mailbox::{DAY, Host, Mailbox, SATO, at};
use crate::mails::{Returned, SIGNED_IN};

fn invented(number: i64) -> String {
    let name = ["qzwx", "billing", "hr-dept", "noreply2", "mwilson"][usize::try_from(number % 5).unwrap()];
    format!("{name}{number}@sakura.example")
}

#[test]
fn invented_names_of_a_catch_all_domain_are_backscatter() {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    for number in 0..20 {
        let mail = Returned::to_a_stranger(number, at(DAY, 4 * number));
        let mx = mail.to.rsplit('@').next().unwrap();
        let entry = format!(
            "Received: from [198.51.100.{}] (unknown [198.51.100.{}])\n\tby mx.{mx} with ESMTP id 7F1B20A3; {}\n",
            100 + number,
            100 + number,
            mail.submitted.to_rfc2822()
        );
        let sender = invented(number);
        let letter = mail.strangers_letter(&entry, &sender, "Your payment 4711");
        mailbox.gets(mail.came_back, mail.by_a_foreign_host(Host::Postfix, &sender, &letter));
    }
    let judged = mailbox.judged();
    assert_eq!(judged.is(), (Verdict::Backscatter, Tier::None), "{judged:#?}");
    assert!(judged.weight("window", "forged_local_parts") > 0.0, "{:#?}", judged.assessment);
    assert_eq!(judged.opens(), Some(Severity::Medium));
    assert!(!judged.ever_said(Verdict::AccountTakeover));
}

#[test]
fn invented_names_that_somebody_wrote_who_signed_in_as_her_are_a_takeover() {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    for number in 0..20 {
        let mail = Returned::to_a_stranger(number, at(DAY, 4 * number));
        let entry = mail.entry(SIGNED_IN, "WIN-7K2PQ4", "198.51.100.66", Some(SATO));
        let letter = mail.strangers_letter(&entry, &invented(number), "Your payment 4711");
        let report = mail.by_postfix(&letter);
        mailbox
            .gets(mail.came_back, report.replace(&format!("rfc822; {SATO}"), &format!("rfc822; {}", invented(number))));
    }
    let judged = mailbox.judged();
    assert!(judged.accuses(), "{judged:#?}");
    assert!(!judged.ever_said(Verdict::Backscatter));
}
