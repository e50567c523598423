//! A sentence that names the address: "Your message wasn't delivered to user@host because …".

use super::Found;
use crate::text;

/// How a sentence says that its address failed, in lower case.
const SURELY_FAILS: &[&str] = &[
    "delivered to",
    "deliver to",
    "delivery to",
    "deliver your",
    "deliver the message",
    "deliver message",
    "delivering to",
    "not a member of",
    "did not reach",
    "not reach",
    "nicht erreichen",
    "recipient:",
    "recipient address",
    "the following recipient",
    "the following address",
    "user unknown",
    "unknown user",
    "no such user",
    "mailbox is full",
    "account is disabled",
    "zugestellt",
    "zustellung",
    "remis",
    "remise",
    "distribu",
    "entregar",
    "entregue",
    "entregad",
    "consegnat",
    "recapit",
    "bezorg",
    "доставлен",
    "доставить",
    "届",
    "送信",
    "送達",
    "配信",
    "配送",
    "发送",
    "投递",
    "收件人",
    "宛先",
    "退回",
    "寄給",
    "寄送",
    "寄達",
    "傳送",
    "收件者",
    "受信者",
    "수신자",
    "수신인",
    "받는 사람",
    "받는사람",
    "님께",
    "전송",
    "전달",
    "발송",
    "배달",
    "получател",
    "адресат",
    "доставк",
    "адресу",
    "одержувач",
    "доставит",
    "доставити",
    "отримувач",
    "adresat",
    "odbiorc",
    "dostarcz",
    "doręcz",
    "příjemc",
    "adresát",
    "doruč",
    "kézbesít",
    "címzett",
    "livra",
    "destinatar",
    "παραλήπτ",
    "παραδο",
    "alıcı",
    "teslim",
    "ileti",
    "gönderil",
    "người nhận",
    "gửi",
    "penerima",
    "dikirim",
    "terkirim",
    "ผู้รับ",
    "הנמען",
    "נמסר",
    "المستلم",
    "تسليم",
    "destinatário",
    "destinatario",
    "destinataire",
    "délivr",
    "livré",
    "empfänger",
    "ontvanger",
    "afgelever",
    "mottagar",
    "levere",
    "levert",
    "modtager",
    "mottaker",
    "toimit",
    "vastaanottaj",
];

/// How a sentence names whom a mail was for. That it failed it says besides.
const WAS_FOR: &[&str] = &["sent to", "message to", "mail to", "message was addressed", "addressed to"];

/// How a sentence names whom to write to, or who knows of it too.
const IS_BESIDE: &[&str] = &[
    "a copy of",
    "copy was sent",
    "for help",
    "for assistance",
    "for more information",
    "questions",
    "please contact",
    "write to",
    "send a mail to",
    "send mail to",
    "send an email to",
    "send an e-mail to",
];

/// Some word that a sentence has which tells of a failure.
const FAILURES: &[&str] = &[
    " not ",
    "not be",
    "n't",
    "cannot",
    "unable",
    "fail",
    "deliver",
    "reject",
    "refus",
    "return",
    "bounce",
    "error",
    "unknown",
    "no such",
    "invalid",
    "full",
    "quota",
    "exceed",
    "disabled",
    "suspend",
    "block",
    "delay",
    "problem",
    "expired",
    "denied",
    "unavailable",
    "unsuccessful",
    "out of",
    "over ",
    "retry",
    "lost",
    "stopped",
    "given up",
];

/// Words that mostly say so.
const LIKELY_FAILS: &[&str] = &[
    "wasn't delivered",
    "couldn't be delivered",
    "could not be delivered",
    "was not delivered",
    "cannot be delivered",
    "can not be delivered",
    "not delivered",
    "unable to deliver",
    "could not deliver",
    "cannot deliver",
    "can't deliver",
    "failed to deliver",
    "not able to deliver",
    "problem delivering",
    "error delivering",
    "distribuer",
    "delivre",
    "not found",
    "unknown",
    "does not exist",
    "doesn't exist",
    "no such",
    "rejected",
    "refused",
    "blocked",
    "returned",
    "failed",
    "undeliverable",
    "rcpt to",
    "full",
    "quota",
    "disabled",
    "suspended",
    "不明",
];

/// Words that stand beside an address in any case.
const MAY_FAIL: &[&str] = &["user", "recipient", "mailbox", "address", "account", "to:", "was not", "empfänger"];

/// As much of the lines before and behind as the sentence may take.
const MAX_AROUND_BYTES: usize = 1_000;

pub(super) fn read(lines: &[&str]) -> Vec<Found> {
    let says = |words: &[&str], text: &str| words.iter().any(|words| text.contains(words));
    let found = read_with(lines, |text, sentence| {
        says(SURELY_FAILS, text) || says(LIKELY_FAILS, text) || says(WAS_FOR, text) && says(FAILURES, sentence)
    });
    if found.is_empty() { read_with(lines, |text, _| says(MAY_FAIL, text)) } else { found }
}

/// In a language of which no word is known: every address but those to write to.
pub(super) fn read_any(lines: &[&str]) -> Vec<Found> {
    let mut found = read_with(lines, |_, _| true);
    found.retain(|found| {
        let local = found.address.split('@').next().unwrap_or_default();
        !matches!(local, "postmaster" | "admin" | "administrator" | "webmaster" | "help" | "noc" | "security" | "root")
    });
    found
}

/// The addresses of which `tells` holds; it gets the line and the one before, and the sentence, in lower case.
fn read_with(lines: &[&str], tells: impl Fn(&str, &str) -> bool) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut taken = 0;
    for (at, line) in lines.iter().enumerate() {
        let line = line.trim();
        let is_field = || {
            ["from:", "subject:", "date:", "message-id:", "reply-to:", "sender:", "received:", "cc:", "to:"]
                .iter()
                .any(|name| text::starts_with(line, name))
        };
        let may_name = memchr::memchr(b'@', line.as_bytes()).is_some() && !line.starts_with('>') && line.len() <= 2_000;
        let named = if may_name && !is_field() { text::addresses(line) } else { Vec::new() };
        if named.is_empty() {
            if let Some(last) = found.last_mut().filter(|_| taken < 20 && !line.is_empty()) {
                taken += 1;
                last.text.push(' ');
                last.text.push_str(line);
            }
            continue;
        }
        // The sentence may be wrapped just before the address, or behind it.
        let before = at.checked_sub(1).and_then(|at| lines.get(at)).copied().unwrap_or_default();
        let behind = lines.get(at + 1).copied().unwrap_or_default();
        let lower = format!("{before} {line}").to_lowercase();
        let sentences = Sentences::of(before, line, behind);
        for address in named {
            let sentence = sentences.with(&address);
            let above = sentence.split(&*address).next().unwrap_or_default();
            let is_beside = IS_BESIDE.iter().any(|words| above.contains(words))
                && !FAILURES.iter().any(|words| sentence.contains(words));
            let is_known = found.iter().take(50).any(|known| known.address == address);
            if is_beside || !is_known && !tells(&lower, sentence) {
                continue;
            }
            if let Some(known) = found.iter_mut().take(50).find(|known| known.address == address) {
                known.text.push(' ');
                known.text.push_str(line);
            } else if found.len() < 50 {
                found.push(Found { address, text: format!("{before} {line}"), ..Found::default() });
                taken = 0;
            }
        }
    }
    found
}

/// The sentences around a line, in lower case.
struct Sentences(Vec<String>);

impl Sentences {
    fn of(before: &str, line: &str, behind: &str) -> Self {
        let all =
            [text::cut(before, MAX_AROUND_BYTES), line, text::cut(behind, MAX_AROUND_BYTES)].join(" ").to_lowercase();
        let ends = all.split(". ").flat_map(|text| text.split("! ")).flat_map(|text| text.split("? "));
        Self(ends.flat_map(|text| text.split('。')).map(str::to_owned).collect())
    }

    /// The first with that address in it.
    fn with(&self, address: &str) -> &str {
        self.0.iter().find(|sentence| sentence.contains(address)).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        read(&text.lines().collect::<Vec<_>>()).into_iter().map(|found| found.address).collect()
    }

    #[test]
    fn who_is_written_to_besides_has_not_failed() {
        let failed = "Your message to bob@shop.example could not be delivered: user unknown.";
        for beside in [
            "A copy of this report was sent to boss@sakura.example.",
            "To ask for help send a mail to service@host.example",
            "Please contact service@host.example for more.",
        ] {
            assert_eq!(named(&format!("{failed}\n\n{beside}")), ["bob@shop.example"], "{beside}");
            assert_eq!(named(&format!("{failed} {beside}")), ["bob@shop.example"], "{beside}");
            assert_eq!(named(&format!("{beside}\n\n{failed}")), ["bob@shop.example"], "{beside}");
        }
    }

    #[test]
    fn whom_a_mail_was_for_failed_where_the_sentence_says_so() {
        for text in [
            "Your message to\nbob@shop.example\nwas not accepted.",
            "The mail you sent to bob@shop.example\nbounced.",
            "Mail to: bob@shop.example\nReason: no such user",
        ] {
            assert_eq!(named(text), ["bob@shop.example"], "{text}");
        }
        assert!(named("We passed your message to bob@shop.example.").is_empty());
    }
}
