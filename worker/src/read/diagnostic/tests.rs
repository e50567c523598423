use daimon_domain::bounce::Action;
use daimon_domain::reason::{Fault, Permanence, Reason};
use proptest::prelude::*;

use super::*;

fn recipient(address: &str) -> Recipient {
    Recipient {
        address: address.to_owned(),
        original_address: None,
        reason: Reason::UserUnknown,
        status: None,
        reply: None,
        action: Action::Failed,
        permanence: Permanence::Permanent,
        fault: Fault::Recipient,
        diagnostic: None,
        remote_mta: Some("mx1.kaisha.example".to_owned()),
        will_retry_until: None,
        rule: String::new(),
    }
}

#[test]
fn the_line_keeps_its_code_its_words_and_its_hosts() {
    for (address, line, left) in [
        ("a@b.example", "550 <a@b.example>: no such user", "550 <address>: no such user"),
        ("taro.yamada@kaisha.example", "550 5.1.1 unknown user: taro.yamada", "550 5.1.1 unknown user: <address>"),
        (
            "taro.yamada@kaisha.example",
            "550 5.1.1 <taro.yamada>... User unknown",
            "550 5.1.1 <address>... User unknown",
        ),
        ("taro.yamada@kaisha.example", "550 Taro Yamada's mailbox is full", "550 <address>'s mailbox is full"),
        (
            "taro@kaisha.example",
            "taroは存在しません (mx1.kaisha.example)",
            "<address>は存在しません (mx1.kaisha.example)",
        ),
        ("taro@kaisha.example", "550 tarot cards are not taro", "550 tarot cards are not <address>"),
        (
            "taro@taro.example",
            "host mx.taro.example said: 550 taro unknown",
            "host mx.taro.example said: 550 <address> unknown",
        ),
        ("taro@kaisha.example", "rejected taro=40kaisha.example at RCPT", "rejected <address> at RCPT"),
        ("taro@kaisha.example", "see https://x.example/?u=taro%40kaisha.example", "see https:<address>"),
        ("taro@kaisha.example", "ORCPT=rfc822;taro+40kaisha.example", "ORCPT=rfc822;<address>"),
        ("taro@kaisha.example", "from bounce+taro=kaisha.example: no", "from bounce+<address>=kaisha.example: no"),
        (
            "taro@kaisha.example",
            "SRS0=aB3=2X=kaisha.example=taro refused",
            "SRS0=aB3=2X=kaisha.example=<address> refused",
        ),
        ("taro@kaisha.example", "to <SRS0=a=b=kaisha.example=taro@fwd.example> no", "to <address> no"),
        ("taro+news@kaisha.example", "550 taro has moved", "550 <address> has moved"),
        (
            "太郎@例え.example",
            "550 5.1.1 <太郎@例え.example>: 太郎さんはいません",
            "550 5.1.1 <address>: <address>さんはいません",
        ),
        ("太郎@kaisha.example", "550 =E5=A4=AA=E9=83=8E unknown", "550 <address> unknown"),
        ("jörg@kaisha.example", "550 J%C3%B6rg@kaisha.example, jörg", "550 <address>, <address>"),
        (
            "\"taro yamada\"@kaisha.example",
            "550 \"taro yamada\"@kaisha.example, taro yamada",
            "550 <address>, <address>",
        ),
        ("taro@kaisha.example", "%3Ctaro%3E is unknown", "%3C<address>%3E is unknown"),
        ("user@kaisha.example", "550 5.1.1 User unknown", "550 5.1.1 User unknown"),
        ("user@kaisha.example", "550 5.1.1 <user>: User unknown", "550 5.1.1 <address>: User unknown"),
        (
            "user@kaisha.example",
            "list-user=kaisha.example: User unknown",
            "list-<address>=kaisha.example: User unknown",
        ),
        ("550@kaisha.example", "550 5.1.1 \"550\" unknown", "550 5.1.1 \"<address>\" unknown"),
        ("jo@kaisha.example", "550 'jo' is gone, jo", "550 '<address>' is gone, jo"),
        ("a@b.example", "550 size=40 limit=401.2 x=40.5", "550 size=40 limit=401.2 x=40.5"),
        ("a@b.example", "by @relay.example,@b.example:other@c.example.", "by <address>,<address>:<address>."),
        ("a@b.example", "other@[192.0.2.1] said no; other＠c.example", "<address> said no; <address>"),
        ("taro", "550 taro: no such mailbox", "550 <address>: no such mailbox"),
    ] {
        assert_eq!(kept(line, &recipient(address)), left, "{address}: {line}");
    }
}

#[test]
fn the_address_that_was_written_to_is_taken_out_too() {
    let both =
        Recipient { original_address: Some("hanako@old.example".to_owned()), ..recipient("taro@kaisha.example") };
    assert_eq!(kept("550 hanako (now taro) is full", &both), "550 <address> (now <address>) is full");
}

#[test]
fn a_long_line_is_cut_and_no_half_of_an_address_is_left() {
    let line = format!("550 {} taro.yamada@kaisha.example", "x ".repeat(1_990));
    let out = kept(&line, &recipient("taro.yamada@kaisha.example"));
    assert!(out.starts_with("550 x x") && out.chars().count() == 500, "{out}");
    for filler in (3_900..4_000).step_by(12) {
        let line = format!("550 {} {}", "x@y.example ".repeat(filler / 12), "taro.yamada@kaisha.example ".repeat(20));
        assert!(!kept(&line, &recipient("taro.yamada@kaisha.example")).contains("tar"), "{filler}");
    }
    assert_eq!(kept(&"a@".repeat(9_000), &recipient("a@b.example")), "");
}

/// How hosts write about a recipient: `{local}`, `{domain}`.
const SENTENCES: [&str; 16] = [
    "550 5.1.1 <{local}@{domain}>: Recipient address rejected (in reply to RCPT TO)",
    "550 5.1.1 unknown user: {local} at mx1.kaisha.example",
    "550 5.1.1 <{local}>... no such mailbox",
    "550 5.1.1 '{local}' is not a local name",
    "550 5.1.1 {local}: quota exceeded",
    "550 5.1.1 {local}%40{domain} refused",
    "550 5.1.1 {local}=40{domain} refused",
    "550 5.1.1 bounce+{local}={domain} refused",
    "550 5.1.1 SRS0=Ab1=X2={domain}={local} refused",
    "550 5.1.1 rfc822;{local}@{domain} refused",
    "550 5.1.1 rfc822;{local}+40{domain} refused",
    "550 5.1.1 &lt;{local}&#64;{domain}&gt; refused",
    "550 5.1.1 mailto:{local}@{domain}?subject=x refused",
    "550 5.1.1 {domain}!{local} refused",
    "550 5.1.1 宛先{local}は存在しません",
    "550 5.1.1 ({local}) {local}, {local}; \"{local}\" /{local}/ {local}",
];

proptest! {
    #[test]
    fn whoever_the_recipient_is_the_line_does_not_say(
        sentence in proptest::sample::select(SENTENCES.to_vec()),
        local in "[a-zA-Z0-9]{2,8}[._+-][a-z0-9]{1,8}|[a-z]{3,12}|[0-9]{8,11}|[a-z]{1,5}[éöñ][a-z]{0,4}|[一-龠ぁ-ん]{2,6}|[а-я]{3,9}",
        shout in any::<bool>(),
    ) {
        let address = format!("{local}@kaisha.example").to_lowercase();
        let without = sentence.replace("{local}", "").replace("{domain}", "kaisha.example").to_lowercase();
        // A word of the sentence proves nothing by being there.
        prop_assume!(!without.contains(&local.to_lowercase()));
        let written = if shout { local.to_uppercase() } else { local.clone() };
        prop_assume!(written.to_lowercase() == local.to_lowercase());
        let line = sentence.replace("{local}", &written).replace("{domain}", "kaisha.example");
        let out = kept(&line, &recipient(&address));
        prop_assert!(!out.to_lowercase().contains(&local.to_lowercase()), "{} in {:?} of {:?}", local, out, line);
        prop_assert!(out.starts_with("550 5.1.1 ") && out.contains(GAP), "{:?} of {:?}", out, line);
    }

    #[test]
    fn nothing_makes_it_fail(line in any::<String>(), address in any::<String>()) {
        prop_assert!(kept(&line, &recipient(&address)).chars().count() <= MAX_KEPT);
    }

    #[test]
    fn a_line_about_nobody_stays_as_it_is(
        line in "(550|421) [245]\\.[0-9]\\.[0-9] (mailbox|user|host mx1\\.kaisha\\.example|quota=40|is|full|unknown|\\(in reply to RCPT\\)| ){0,20}",
    ) {
        prop_assert_eq!(kept(&line, &recipient("taro.yamada@kaisha.example")), line);
    }
}
