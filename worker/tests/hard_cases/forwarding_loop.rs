//! Sato forwards to an address that forwards back to her: each letter that somebody sends her goes round until a server
//! counts its Received lines.

use daimon_domain::verdict::{Severity, Tier, Verdict};

use crate::mailbox::{DAY, Host, Judged, Mailbox, SATO, at};
use crate::mails::{Refusal, Returned, filled, stranger};

/// Bounces of letters that went from her to `to` and, where `is_round`, came back time and again.
fn letters_that_went_to(to: &str, refusal: Refusal, is_round: bool) -> Judged {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    for number in 0..20 {
        let mail = Returned { to: to.to_owned(), refusal, ..Returned::to_a_stranger(number, at(DAY, 20 * number)) };
        let date = mail.submitted.to_rfc2822();
        let turn = format!(
            "Received: by mail.hoshi-hosting.example (Postfix, from userid 5000)\n\tid 4bX{number:04}; {date}\n\
             Received: from mx.partner.example (mx.partner.example [192.0.2.81])\n\
             \tby mail.hoshi-hosting.example (Postfix) with ESMTPS id 4bY{number:04}\n\tfor <{SATO}>; {date}\n\
             Received: from mail.hoshi-hosting.example (mail.hoshi-hosting.example [203.0.113.25])\n\
             \tby mx.partner.example with ESMTPS id 7F1B20A3\n\tfor <{to}>; {date}\n"
        );
        let from = stranger(number);
        let entry = turn.repeat(if is_round { 8 } else { 1 });
        let id = format!("{number}.c4ca4238@mail.shop{number}.example");
        let fields =
            [("entry", entry.as_str()), ("id", &id), ("submitted", &date), ("to", SATO), ("subject", "Opening hours?")];
        let letter =
            filled(include_str!("mails/letters/own.eml"), &fields).replace(&format!("<{SATO}>"), &format!("<{from}>"));
        mailbox.gets(mail.came_back, mail.by_postfix(&letter));
    }
    mailbox.judged()
}

#[test]
fn two_forwards_that_feed_each_other_are_a_loop_and_no_takeover() {
    for refusal in [
        Refusal { status: "5.4.6", text: "554 5.4.6 Too many hops" },
        Refusal { status: "5.4.14", text: "554 5.4.14 Hop count exceeded - possible mail loop ATTR34" },
    ] {
        let judged = letters_that_went_to("clinic@partner.example", refusal, true);
        assert_eq!(judged.is(), (Verdict::ForwardingLoop, Tier::None), "{judged:#?}");
        assert!(judged.weight("reason", "loop_or_hops") > 10.0, "{:#?}", judged.assessment);
        assert!(!judged.ever_said(Verdict::AccountTakeover) && !judged.ever_said(Verdict::Undetermined));
        assert_eq!(judged.opens(), Some(Severity::Medium));
    }
}

#[test]
fn a_forward_whose_target_is_gone_is_no_loop() {
    let refusal = Refusal { status: "5.1.1", text: "550 5.1.1 <{{to}}>: Recipient address rejected: User unknown" };
    let judged = letters_that_went_to("clinic@partner.example", refusal, false);
    assert!(!judged.ever_said(Verdict::ForwardingLoop) && !judged.accuses(), "{judged:#?}");
}
