//! The thief sets a rule that puts whatever comes from a mailer-daemon into the bin, as if it had been read. The owner sees
//! nothing; whoever reads the bin too sees all of it.

use daimon_domain::verdict::{Tier, Verdict};
use daimon_worker::scan::{Format, Lang};

use crate::mailbox::{DAY, Host, Mailbox, at};
use crate::mails::stolen;

fn flood(take: impl Fn(&mut Mailbox, i64)) -> Mailbox {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    (0..20).for_each(|number| take(&mut mailbox, number));
    mailbox
}

#[test]
fn bounces_that_a_rule_puts_into_the_bin_show_the_thief_as_if_they_lay_in_the_inbox() {
    let when = |number: i64| at(DAY, 3 * number);
    let binned = flood(|mailbox, number| mailbox.bins(when(number), stolen(number, when(number))));
    let judged = binned.judged();
    assert_eq!((judged.is().0, judged.is().1 >= Tier::Probable), (Verdict::AccountTakeover, true), "{judged:#?}");
    assert!(judged.summary.alert_at.unwrap() <= when(7), "{judged:#?}");
    assert!(judged.saw("submission", "signed_in=sato@sakura.example from=198.51.100.66 helo=win-7k2pq4"));

    let open = flood(|mailbox, number| mailbox.gets(when(number), stolen(number, when(number))));
    assert_eq!(format!("{:?}", open.judged()), format!("{judged:?}"));

    let said = binned.scanned(Format::Text, Lang::En);
    assert!(said.starts_with("This mailbox was taken over: somebody else signs in and sends."), "{said}");
    let said = binned.scanned(Format::Text, Lang::Ja);
    assert!(
        said.starts_with("このメールボックスは乗っ取られています。第三者がログインし、メールを送信しています。"),
        "{said}"
    );
}

#[test]
fn four_bounces_before_the_rule_destroyed_the_rest_are_enough_to_look_closely() {
    let mailbox = |count: i64| {
        let mut mailbox = Mailbox::lived_in(Host::Postfix);
        (0..count).for_each(|number| mailbox.gets(at(DAY, 3 * number), stolen(number, at(DAY, 3 * number))));
        mailbox.judged()
    };
    let (verdict, tier) = mailbox(4).is();
    assert!(verdict == Verdict::AccountTakeover && tier >= Tier::Watch, "{verdict} {tier}");
    assert_eq!(mailbox(1).is(), (Verdict::Legit, Tier::None), "of what is gone nothing is made up");
}
