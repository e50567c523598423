//! Postfix gives up after five days. So, five days after the flood, what the thief sent to servers that never answered comes
//! back in one burst, long after the password was changed. It is an echo; what was handed in after the change is not.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::verdict::{Severity, Tier, Verdict};

use crate::mailbox::{DAY, Host, Judged, Mailbox, SATO, at};
use crate::mails::{Returned, SIGNED_IN, stolen};

/// The password was changed five hours into the flood.
fn secured_at() -> DateTime<Utc> {
    at(DAY, 300)
}

/// A flood of a day, and five days later the bounces of what was handed in from `first` on.
fn expired_mail(first: DateTime<Utc>) -> Judged {
    let secured = secured_at().to_rfc3339();
    let mut mailbox = Mailbox::lived_in(Host::Postfix).knowing("contained_at", secured);
    // Before it was secured it was a takeover.
    (0..12).for_each(|number| mailbox.gets(at(DAY, 5 * number), stolen(number, at(DAY, 5 * number))));
    for number in 100..125 {
        let submitted = first + TimeDelta::minutes(2 * (number - 100));
        let returned = submitted + TimeDelta::days(5);
        let mail = Returned { submitted, ..Returned::to_a_stranger(number, returned) };
        let entry = mail.entry(SIGNED_IN, "WIN-7K2PQ4", "198.51.100.66", Some(SATO));
        let said =
            format!("connect to mx.{}[192.0.2.99]:25: Connection timed out", mail.to.rsplit('@').next().unwrap());
        let fields = format!("Status: 4.4.1\nDiagnostic-Code: X-Postfix; {said}");
        mailbox.gets(returned, mail.by_postfix_saying(&said, &fields, &mail.thiefs_letter(&entry)));
    }
    mailbox.judged()
}

fn after_it_was_secured(judged: &Judged) -> Vec<(Verdict, Tier)> {
    let later = judged.moves.iter().filter(|moved| moved.at > secured_at() + TimeDelta::days(1));
    later.map(|moved| (moved.verdict, moved.tier)).collect()
}

#[test]
fn the_burst_of_the_fifth_day_is_an_echo_of_what_was_sent_before_the_new_password() {
    let judged = expired_mail(at(DAY, 60));
    assert_eq!((judged.summary.trailing, judged.summary.continued), (25, 0), "{judged:#?}");
    let moves = after_it_was_secured(&judged);
    assert!(moves.iter().all(|moved| *moved == (Verdict::Legit, Tier::None)), "it only calms down: {moves:?}");
}

#[test]
fn the_same_burst_of_mail_handed_in_after_the_new_password_means_that_the_thief_is_still_there() {
    let judged = expired_mail(secured_at() + TimeDelta::minutes(11));
    assert_eq!((judged.summary.trailing, judged.summary.continued), (0, 25), "{judged:#?}");
    assert_eq!(judged.opens(), Some(Severity::Critical), "{judged:#?}");
}

#[test]
fn clocks_and_queues_get_ten_minutes() {
    let judged = expired_mail(secured_at() - TimeDelta::minutes(40));
    assert_eq!((judged.summary.trailing, judged.summary.continued), (25, 0), "{judged:#?}");
}
