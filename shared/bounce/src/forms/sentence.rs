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
    "sent to",
    "message to",
    "mail to",
    "email to",
    "e-mail to",
    "message was addressed",
    "addressed to",
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

pub(super) fn read(lines: &[&str]) -> Vec<Found> {
    let found = read_with(lines, &[SURELY_FAILS, LIKELY_FAILS]);
    if found.is_empty() { read_with(lines, &[MAY_FAIL]) } else { found }
}

/// In a language of which no word is known: every address but those to write to.
pub(super) fn read_any(lines: &[&str]) -> Vec<Found> {
    let mut found = read_with(lines, &[&["@"]]);
    found.retain(|found| {
        let local = found.address.split('@').next().unwrap_or_default();
        !matches!(local, "postmaster" | "admin" | "administrator" | "webmaster" | "help" | "noc" | "security" | "root")
    });
    found
}

fn read_with(lines: &[&str], fails: &[&[&str]]) -> Vec<Found> {
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
        // The sentence may be wrapped just before the address.
        let before = at.checked_sub(1).and_then(|at| lines.get(at)).copied().unwrap_or_default();
        let lower = format!("{before} {line}").to_lowercase();
        let is_known = |address: &String| found.iter().take(50).any(|known| known.address == *address);
        if !fails.iter().copied().flatten().any(|words| lower.contains(words)) && !named.iter().any(is_known) {
            continue;
        }
        for address in named {
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
