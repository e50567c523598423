//! A provider's own words about a locked mailbox are proof, and anybody can write them: a phisher in the provider's name, a
//! stranger's answering machine, a colleague who asks what this means. Proof is only what the provider's own system sent.

use daimon_domain::verdict::{Tier, Verdict};

use crate::mailbox::{DAY, Host, Judged, Mailbox, SATO, at};
use crate::mails::{Returned, filled};

const WORDS: &str = "Warning: 214 non-existant E-Mails have just been sent by sato@sakura.example";

fn after(mails: impl IntoIterator<Item = String>) -> Judged {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    (0..).zip(mails).for_each(|(number, mail)| mailbox.gets(at(DAY, 30 * number), mail));
    mailbox.judged()
}

/// Somebody's mail from outside.
fn from_outside(form: &str, from: &str) -> String {
    let when = at(DAY, 0);
    let arrival = Host::Postfix.takes(from, "vps-201.bulk.example", "198.51.100.201", 700, when);
    let date = when.to_rfc2822();
    filled(form, &[("arrival", &arrival), ("from", from), ("words", WORDS), ("date", &date)])
}

fn of_the_provider() -> String {
    filled(include_str!("mails/notices/blocked-by-directadmin.eml"), &[("date", &at(DAY, 0).to_rfc2822())])
}

#[test]
fn the_notice_is_proof_when_the_providers_own_system_sent_it() {
    let judged = after([of_the_provider()]);
    assert_eq!(judged.is(), (Verdict::AccountTakeover, Tier::Confirmed), "{judged:#?}");
    assert!(judged.weight("window", "mailbox_blocked") > 0.0);
}

#[test]
fn a_phisher_who_sends_the_same_words_in_the_providers_name_proves_nothing() {
    let phisher = from_outside(include_str!("mails/notices/phisher.eml"), "diradmin@mail.hoshi-hosting.example");
    // The very mail of the provider, with the one line on top that says it came from outside.
    let taken = Host::Postfix.takes("bounce@bulk.example", "vps-31.bulk.example", "198.51.100.31", 701, at(DAY, 0));
    let borrowed = taken + &of_the_provider().replace("Return-Path: <>\nDelivered-To: sato@sakura.example\n", "");
    for mail in [phisher, borrowed] {
        assert!(mail.contains(WORDS));
        let judged = after([mail]);
        assert_eq!(judged.is(), (Verdict::Legit, Tier::None), "{judged:#?}");
        assert!(judged.moves.is_empty() && !judged.alarms());
    }
}

#[test]
fn who_asks_what_the_words_mean_proves_nothing() {
    for form in [
        include_str!("mails/notices/colleague-forwards.eml"),
        include_str!("mails/notices/answering-machine-repeats.eml"),
    ] {
        for from in ["tanaka@sakura.example", "helpdesk@shop.example"] {
            let judged = after([from_outside(form, from)]);
            assert_eq!(judged.is(), (Verdict::Legit, Tier::None), "{judged:#?}");
        }
    }
}

#[test]
fn a_stranger_whose_server_answers_in_the_providers_words_proves_nothing() {
    let bounced = |told: &str, fields: &str| {
        let mail = Returned { to: "win@evil.example".to_owned(), ..Returned::to_a_stranger(1, at(DAY, 0)) };
        let entry = mail.entry(crate::mails::SIGNED_IN, "pc-uketsuke", "203.0.113.140", Some(SATO));
        mail.by_postfix_saying(told, fields, &mail.strangers_letter(&entry, SATO, "Re: You won"))
    };
    let answer = "550 5.1.8 Access denied, bad outbound sender AS(42004)";
    let quoted = bounced(
        &format!("host mx.evil.example[192.0.2.66] said: {answer} (in reply to\n    RCPT TO command)"),
        &format!("Status: 5.1.8\nRemote-MTA: dns; mx.evil.example\nDiagnostic-Code: smtp; {answer}"),
    );
    let judged = after([quoted]);
    assert_eq!(judged.is(), (Verdict::Legit, Tier::None), "{judged:#?}");
    // The relay through which all mail of the host goes says the same: that is the provider.
    let own = bounced(
        &format!("host relay.hoshi-hosting.example[203.0.113.26] said: {answer} (in reply to\n    RCPT TO command)"),
        &format!("Status: 5.1.8\nRemote-MTA: dns; relay.hoshi-hosting.example\nDiagnostic-Code: smtp; {answer}"),
    );
    let judged = after([own]);
    assert_eq!(judged.is(), (Verdict::AccountTakeover, Tier::Confirmed), "{judged:#?}");
}
