//! Another customer of the same server signs in as himself and writes Sato's address as sender. SPF passes, because the
//! server is the one that her domain names, and her own provider writes the bounces. Only the name that signed in tells.

use daimon_domain::verdict::{Severity, Tier, Verdict};

use crate::mailbox::{DAY, Host, Judged, Mailbox, SATO, at};
use crate::mails::{Returned, SIGNED_IN};

/// Every third mail is accepted at first and returned later by the recipient's server, which found SPF to pass.
fn mail_of(login: &str) -> Judged {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    for number in 0..24 {
        let when = at(DAY, 4 * number);
        let mail = Returned::to_a_stranger(number, when);
        let entry = mail.entry(SIGNED_IN, "mailer", "198.51.100.66", Some(login));
        let letter = mail.thiefs_letter(&entry);
        if number % 3 > 0 {
            mailbox.gets(when, mail.by_postfix(&letter));
            continue;
        }
        let domain = mail.to.rsplit('@').next().unwrap();
        let passed = format!(
            "Authentication-Results: mx.{domain}; spf=pass smtp.mailfrom={SATO}\n\
             Received-SPF: Pass (mailfrom) identity=mailfrom; client-ip=203.0.113.25; helo=mail.hoshi-hosting.example; \
             envelope-from={SATO}; receiver=mx.{domain}\n\
             Received: from mail.hoshi-hosting.example (mail.hoshi-hosting.example [203.0.113.25])\n\
             \tby mx.{domain} with ESMTPS id 7F1B20A3; {}\n",
            mail.submitted.to_rfc2822(),
        );
        mailbox.gets(when, mail.by_a_foreign_host(Host::Postfix, SATO, &(passed + &letter)));
    }
    mailbox.judged()
}

#[test]
fn a_neighbour_who_signs_in_as_himself_and_forges_us_is_backscatter_although_spf_passes() {
    let judged = mail_of("info@bakery.example");
    assert_eq!(judged.is(), (Verdict::Backscatter, Tier::None), "{judged:#?}");
    assert!(judged.weight("origin", "foreign_injection") > 10.0, "{:#?}", judged.assessment);
    assert_eq!(judged.opens(), Some(Severity::Medium));
    let told = format!("{:?}", judged.assessment);
    assert!(!told.contains("bakery"), "who the neighbour is, is nobody's business: {told}");
}

#[test]
fn the_same_mail_signed_in_as_her_is_a_takeover() {
    let judged = mail_of(SATO);
    assert!(judged.accuses(), "{judged:#?}");
    assert!(judged.saw("submission", "signed_in=sato@sakura.example from=198.51.100.66 helo=mailer"));
    assert!(!judged.ever_said(Verdict::Backscatter));
}

#[test]
fn where_exim_does_not_name_who_signed_in_neither_is_excluded() {
    const EXIM: &str = include_str!("mails/lines/signed-in-at-exim.txt");
    let mut mailbox = Mailbox::lived_in(Host::Cpanel).knowing("has_neighbours", true);
    for number in 0..24 {
        let mail = Returned::to_a_stranger(number, at(DAY, 4 * number));
        let entry = mail.entry(EXIM, "mailer", "198.51.100.66", None);
        mailbox.gets(mail.came_back, mail.by_exim(&mail.thiefs_letter(&entry)));
    }
    let judged = mailbox.judged();
    assert!(matches!(judged.is().0, Verdict::Undetermined | Verdict::AccountTakeover), "{judged:#?}");
    assert!(judged.alarms() && !judged.ever_said(Verdict::Backscatter));
    // On a server of her own, whoever signs in is the mailbox.
    let alone = mailbox.knowing("has_neighbours", false).judged();
    assert!(alone.accuses(), "{alone:#?}");
}
