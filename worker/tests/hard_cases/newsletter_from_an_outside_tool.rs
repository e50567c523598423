//! Sato's newsletter is sent by a tool that signs in at her own server with her password, from an address nobody knows, to
//! people of whom Sent has no copy. All that tells it from a theft is how it is marked, or that she said so.

use daimon_domain::verdict::{Severity, Tier, Verdict};
use daimon_worker::scan::{Format, Lang};

use crate::mailbox::{DAY, Host, Mailbox, SATO, at};
use crate::mails::{Refusal, Returned, SIGNED_IN, filled, queue};

const MARKED: &str = "List-Id: <news.sakura.example>\nList-Unsubscribe: <https://www.sakura.example/unsubscribe?u=1>\n";

const UNMARKED: &str = "X-Campaign: 4711\n";

/// Addresses that people once left and have given up since.
const GONE: [Refusal; 3] = [
    Refusal {
        status: "5.1.1",
        text: "550 5.1.1 <{{to}}>: Recipient address rejected: User unknown in virtual mailbox table",
    },
    Refusal { status: "5.2.1", text: "550 5.2.1 <{{to}}>: Mailbox disabled, not accepting messages" },
    Refusal {
        status: "5.2.2",
        text: "552 5.2.2 <{{to}}>: Mailbox is full / Blocks limit exceeded / Inode limit exceeded",
    },
];

fn newsletter(marks: &str) -> Mailbox {
    let mut mailbox = Mailbox::lived_in(Host::Postfix);
    for number in 0..40 {
        let refusal = GONE[usize::try_from(number % 6 / 2).unwrap()];
        let mail = Returned { refusal, ..Returned::to_a_stranger(number, at(DAY, number)) };
        let entry = mail.entry(SIGNED_IN, "pc-uketsuke", "198.51.100.140", Some(SATO));
        let (queue, date) = (queue(number), mail.submitted.to_rfc2822());
        let fields =
            [("entry", entry.as_str()), ("submitted", &date), ("to", &mail.to), ("queue", &queue), ("marks", marks)];
        let letter = filled(include_str!("mails/letters/newsletter.eml"), &fields);
        mailbox.gets(mail.came_back, mail.by_postfix(&letter));
    }
    mailbox
}

#[test]
fn a_newsletter_that_says_it_is_one_is_no_theft_although_sent_has_no_copy() {
    let mailbox = newsletter(MARKED);
    let judged = mailbox.judged();
    assert_eq!(judged.is(), (Verdict::BulkList, Tier::None), "{judged:#?}");
    assert!(judged.weight("campaign", "list_header_or_declared") > 10.0, "{:#?}", judged.assessment);
    assert!(
        !judged.alarms() && !judged.ever_said(Verdict::AccountTakeover) && !judged.ever_said(Verdict::Undetermined)
    );
    assert_eq!(judged.opens(), Some(Severity::Low));

    let said = mailbox.scanned(Format::Text, Lang::En);
    assert!(said.starts_with("These are bounces of the owner's own newsletter."), "{said}");
    let said = mailbox.scanned(Format::Text, Lang::Ja);
    assert!(said.starts_with("自社のメール配信（メールマガジンなど）に対するエラーメールです。"), "{said}");
}

#[test]
fn a_newsletter_without_marks_is_no_theft_once_its_owner_declared_it() {
    let judged = newsletter(UNMARKED).knowing("campaigns", vec!["news from Sakura"]).judged();
    assert_eq!(judged.is(), (Verdict::BulkList, Tier::None), "{judged:#?}");
    assert!(!judged.alarms() && judged.summary.unexpected_recipients == 0);
}

#[test]
fn neither_marked_nor_declared_it_calls_somebody_who_may_say_that_this_was_us() {
    let judged = newsletter(UNMARKED).judged();
    assert!(judged.alarms(), "{judged:#?}");
    assert!(matches!(judged.is().0, Verdict::AccountTakeover | Verdict::Undetermined), "{judged:#?}");
}
