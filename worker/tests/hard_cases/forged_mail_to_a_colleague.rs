//! A stranger writes to Sato's colleagues in her name. Her own server takes it, finds no such colleague, and writes the
//! bounces itself: what looks most like a stolen password, but for the line that says who handed the mail in.

use daimon_domain::verdict::{Severity, Tier, Verdict};

use crate::mailbox::{DAY, Host, Judged, Mailbox, SATO, at};
use crate::mails::{Returned, SIGNED_IN};

const NOBODY_SIGNED_IN: &str = include_str!("mails/lines/unsigned-at-postfix.txt");

fn mail_to_colleagues(line: &str, login: Option<&str>) -> Judged {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    for number in 0..20 {
        let when = at(DAY, 4 * number);
        let to = format!(
            "{}@sakura.example",
            ["mori", "info", "jobs", "kato", "press"][usize::try_from(number % 5).unwrap()]
        );
        let mail = Returned { to: to.replace('@', &format!("{number}@")), ..Returned::to_a_stranger(number, when) };
        let entry = mail.entry(line, "vps-31.bulk.example", &format!("198.51.100.{}", 10 + number), login);
        let said = format!("550 5.1.1 <{}> User doesn't exist: {}", mail.to, mail.to);
        let told = format!(
            "host imap.hoshi-hosting.example[private/dovecot-lmtp]\n    said: {said} (in reply to RCPT TO command)"
        );
        let fields =
            format!("Status: 5.1.1\nRemote-MTA: dns; imap.hoshi-hosting.example\nDiagnostic-Code: smtp; {said}");
        mailbox.gets(when, mail.by_postfix_saying(&told, &fields, &mail.thiefs_letter(&entry)));
    }
    mailbox.judged()
}

#[test]
fn mail_forged_to_colleagues_is_backscatter_although_our_own_server_returns_it() {
    let judged = mail_to_colleagues(NOBODY_SIGNED_IN, None);
    assert_eq!(judged.is(), (Verdict::Backscatter, Tier::None), "{judged:#?}");
    assert!(judged.weight("origin", "foreign_injection") > 10.0, "{:#?}", judged.assessment);
    assert!(!judged.ever_said(Verdict::AccountTakeover));
    assert_eq!(judged.opens(), Some(Severity::Medium));
}

#[test]
fn the_same_mail_of_somebody_who_signed_in_as_her_is_a_takeover() {
    let judged = mail_to_colleagues(SIGNED_IN, Some(SATO));
    assert!(judged.accuses(), "{judged:#?}");
    assert!(judged.saw("origin", "own_authenticated") && !judged.ever_said(Verdict::Backscatter));
}
