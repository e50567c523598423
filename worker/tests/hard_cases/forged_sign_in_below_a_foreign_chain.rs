//! A forger writes the lines of Sato's own server below his mail, "Authenticated sender" and all. The servers far away put
//! theirs on top and return it. Belief runs downwards and ends at the first hop that no trusted line vouches for.

use daimon_domain::verdict::{Tier, Verdict};
use daimon_worker::scan::{Format, Lang};

use crate::mailbox::{DAY, Host, Mailbox, SATO, at};
use crate::mails::{Returned, SIGNED_IN};

/// Twenty servers far away return mail that came to them from `client`; below their line stands that of Sato's own server.
fn returned_mail_from(client: impl Fn(i64) -> String) -> Mailbox {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    for number in 0..20 {
        let mail = Returned::to_a_stranger(number, at(DAY, 4 * number));
        let own_line = mail.entry(SIGNED_IN, "laptop", "198.51.100.7", Some(SATO));
        let (mx, date) = (mail.to.replace('@', "-mx."), mail.submitted.to_rfc2822());
        let mx = mx.split_once("-mx.").map(|(_, domain)| format!("mx.{domain}")).unwrap();
        let chain = format!(
            "Received: from {}\n\tby {mx} (Postfix) with ESMTPS id 7F1B20A3\n\tfor <{}>; {date}\n{own_line}",
            client(number),
            mail.to
        );
        mailbox.gets(mail.came_back, mail.by_a_foreign_host(Host::Postfix, SATO, &mail.thiefs_letter(&chain)));
    }
    mailbox
}

#[test]
fn a_forged_sign_in_at_the_bottom_of_a_foreign_chain_accuses_nobody() {
    let mailbox = returned_mail_from(|number| {
        format!("mail.hoshi-hosting.example (vps-{number}.bulk.example [198.51.100.{}])", 100 + number)
    });
    let judged = mailbox.judged();
    assert_eq!(judged.is(), (Verdict::Backscatter, Tier::None), "{judged:#?}");
    assert!(judged.weight("origin", "foreign_injection") > 10.0, "{:#?}", judged.assessment);
    assert!(!judged.ever_said(Verdict::AccountTakeover));
    assert!(judged.assessment.evidence.iter().all(|line| line.item != "submission"), "{:#?}", judged.assessment);

    let said = mailbox.scanned(Format::Text, Lang::En);
    assert!(said.starts_with("Somebody elsewhere forges this address; the mailbox itself is not used."), "{said}");
    let said = mailbox.scanned(Format::Text, Lang::Ja);
    assert!(said.starts_with("第三者が外部でこのアドレスを詐称しています。"), "{said}");
}

#[test]
fn the_same_line_is_believed_where_the_server_above_took_the_mail_from_ours() {
    let judged =
        returned_mail_from(|_| "mail.hoshi-hosting.example (mail.hoshi-hosting.example [203.0.113.25])".to_owned())
            .judged();
    assert!(!judged.ever_said(Verdict::Backscatter), "{judged:#?}");
    assert!(judged.alarms(), "{judged:#?}");
    assert!(judged.saw("origin", "own_authenticated"), "{:#?}", judged.assessment);
}
