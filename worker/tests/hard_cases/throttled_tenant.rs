//! Microsoft stops a whole company, because another mailbox of it sent spam: 5.7.705 comes back to whoever writes. The words
//! are the provider's own and hard, and yet this mailbox did nothing. 5.1.8 would be of this mailbox alone.

use daimon_domain::verdict::{Severity, Tier, Verdict};

use crate::mailbox::{DAY, Host, Judged, Mailbox, at};
use crate::mails::{Refusal, Returned, filled, own_id, queue};

const TENANT: Refusal = Refusal {
    status: "5.7.705",
    text: "550 5.7.705 Access denied, tenant has exceeded threshold. For more information please go to \
           https://go.microsoft.com/fwlink/?LinkId=526653. AS(9121) [TYCP286MB1832.JPNP286.PROD.OUTLOOK.COM]",
};
const MAILBOX: Refusal = Refusal {
    status: "5.1.8",
    text: "550 5.1.8 Access denied, bad outbound sender AS(42004) [TYCP286MB1832.JPNP286.PROD.OUTLOOK.COM]",
};

/// Letters of hers to patients she knows, each with its copy in Sent, come back at once.
fn own_letters_stopped_with(refusal: Refusal) -> Judged {
    let mut mailbox = Mailbox::lived_in(Host::Microsoft365);
    for number in 1..25 {
        let when = at(DAY, 10 * number);
        let mail =
            Returned { to: format!("aya@patient{number}.example"), refusal, ..Returned::to_a_stranger(number, when) };
        let (id, date) =
            (format!("TYCP286MB1832{}@TYCP286MB1832.JPNP286.PROD.OUTLOOK.COM", own_id(number)), when.to_rfc2822());
        let entry = format!(
            "Received: from TYCP286MB1832.JPNP286.PROD.OUTLOOK.COM\n \
             ([fe80::8b1c:5c3:77d1:9e2f]) by TYCP286MB1832.JPNP286.PROD.OUTLOOK.COM\n \
             ([fe80::8b1c:5c3:77d1:9e2f%4]) with mapi id 15.20.8769.037; {date}\n"
        );
        let subject = format!("Appointment on the {number}th");
        let own =
            [("entry", entry.as_str()), ("id", &id), ("submitted", &date), ("to", &mail.to), ("subject", &subject)];
        let letter = filled(include_str!("mails/letters/own.eml"), &own);
        mailbox.keeps(mail.submitted, letter.clone());
        let told = "Your message wasn't delivered because the recipient's email provider rejected it.";
        let queue = queue(number);
        let report = [
            ("date", date.as_str()),
            ("queue", &queue),
            ("id", &id),
            ("subject", &subject),
            ("to", &mail.to),
            ("told", told),
            ("status", refusal.status),
            ("answer", refusal.text),
            ("letter", &letter),
        ];
        mailbox.gets(when, filled(include_str!("mails/returned/exchange-online.eml"), &report));
    }
    mailbox.judged()
}

#[test]
fn a_mailbox_is_innocent_when_its_whole_tenant_is_stopped() {
    let judged = own_letters_stopped_with(TENANT);
    assert_eq!(judged.is().1, Tier::None, "{judged:#?}");
    assert!(matches!(judged.is().0, Verdict::Legit | Verdict::ReputationBlock), "{judged:#?}");
    assert!(
        !judged.alarms() && !judged.ever_said(Verdict::AccountTakeover) && !judged.ever_said(Verdict::Undetermined)
    );
    assert_eq!((judged.summary.bounces, judged.summary.unexpected_recipients), (24, 0));
    assert!(judged.saw("window", "tenant_throttled"), "it is told all the same: {:#?}", judged.assessment);
}

#[test]
fn the_same_letters_stopped_because_of_this_mailbox_are_proof_against_it() {
    let judged = own_letters_stopped_with(MAILBOX);
    assert_eq!(judged.is(), (Verdict::AccountTakeover, Tier::Confirmed), "{judged:#?}");
    assert!(judged.weight("window", "mailbox_throttled") > 0.0, "{:#?}", judged.assessment);
    assert_eq!(judged.opens(), Some(Severity::Critical));
}
