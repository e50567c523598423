//! An address at the head of a paragraph, the reason behind it or below it.
//!
//! Postfix and qmail write `<user@host>: reason`, Exim indents `user@host` and the reason below it, Exchange writes
//! `user@host on DATE` in the language of its system, or the address alone.

use super::{Found, MAX_RECIPIENTS};
use crate::{address, text};

/// Lines of reason that belong to one address.
const MAX_LINES: usize = 40;
/// The most of a reason that several addresses share.
const MAX_SHARED_BYTES: usize = 4 << 10;

/// What may stand before the address.
const LABELS: &[&str] = &[
    "to:",
    "recipient:",
    "recipients:",
    "user:",
    "address:",
    "recipient address:",
    "final recipient:",
    "original recipient:",
    "the user(s)",
    "failed recipient:",
    "unknown user:",
    "user unknown:",
    "unknown local user:",
    "no such user:",
    "invalid recipient",
    "intended recipient:",
    "undeliverable to",
    "undeliverable address:",
    "undelivered to",
    "mailbox full:",
    "deliver to:",
    "delivery to:",
    "rcpt to:",
    "email address:",
    "smtp;",
    "rfc822;",
    "error sending to",
    "could not deliver to",
    "for:",
    "mail to",
    "message to",
    "failure sending mail to",
    "failed addresses follow:",
    "no such user as",
    "failed address:",
    "->",
    "destinataire :",
    "empfänger:",
    "an:",
    "e-mail:",
    "mail address:",
    "宛先:",
    "送信先:",
];

/// How the reason begins that stands right behind the address.
const REASON_BEGINS: &[&str] = &[
    "unknown",
    "not ",
    "is ",
    "does",
    "user",
    "mailbox",
    "no such",
    "failed",
    "error",
    "has ",
    "invalid",
    "address ",
    "recipient",
    "could",
    "cannot",
    "can't",
    "rejected",
    "delivery",
    "undeliverable",
    "over ",
    "quota",
    "account",
    "unable",
    "unrout",
    "relay",
    "was ",
    "were ",
    "will ",
    "[",
    "=",
    "host ",
    "domain ",
    "connection",
    "temporar",
    "permanent",
    "full",
    "disabled",
    "suspended",
    "delayed",
    "expired",
    "refused",
    "couldn't",
    "wasn't",
    "isn't",
];

/// What stands between an address and the date in Exchange's languages.
const BEFORE_DATES: &[&str] =
    &["on ", "am ", "le ", "el ", "il ", "op ", "em ", "den ", "på ", "dne ", "w dniu ", "в ", "日時", "于 ", "於 "];

/// How a line ends behind which an address to write to stands.
const HELPS: &[&str] = &[
    "to the address",
    "to this address",
    "please contact",
    "write to",
    "please contact:",
    "send mail to",
    "send e-mail to",
    "questions to",
];

/// With this a report turns from the reason to its reader.
const CLOSES: &[&str] = &[
    "no action is required on your part",
    "please note that this is only a temporary failure report",
    "please do not reply to this",
    "for further assistance, please",
    "if you do so, please include",
    "please direct further questions",
    "original message headers",
    "the attachment contains",
];

pub(super) fn read(lines: &[&str]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let (mut taken, mut blanks) = (MAX_LINES, 0);
    for (at, line) in lines.iter().enumerate() {
        // "To:" above "Subject:" describes the mail; it says nothing of the address.
        let describes_mail = || {
            let next = lines.iter().skip(at + 1).take(3).map(|next| next.trim_start()).find(|next| !next.is_empty());
            ["subject:", "cc:", "sent:"].iter().any(|name| text::starts_with(next.unwrap_or_default(), name))
                || text::starts_with(line.trim_start(), "cc:")
        };
        let is_help = || {
            let before = lines.get(at.saturating_sub(3)..at).unwrap_or_default();
            let before = before.iter().rev().map(|before| before.trim().to_lowercase()).find(|line| !line.is_empty());
            before
                .is_some_and(|before| HELPS.iter().any(|words| before.ends_with(words)) && !before.contains("deliver"))
        };
        if let Some((address, rest)) = head(line).filter(|_| !describes_mail() && !is_help()) {
            let recent = found.len().saturating_sub(50);
            if let Some(at) = found.iter().skip(recent).position(|known| known.address == address).map(|at| at + recent)
            {
                // Named again: what follows is about it only if nothing else was named in between.
                (taken, blanks) = (if at + 1 == found.len() { 0 } else { MAX_LINES }, 0);
                if let Some(known) = found.get_mut(at) {
                    known.text.push(' ');
                    known.text.push_str(rest);
                }
                continue;
            }
            if found.len() == MAX_RECIPIENTS {
                break;
            }
            found.push(Found { address, text: rest.to_owned(), original: generated_from(rest), ..Found::default() });
            (taken, blanks) = (0, 0);
        } else if let Some(last) = found.last_mut() {
            let line = line.trim();
            // Courier: a rule across the page ends what is said of the addresses.
            let is_rule = line.len() >= 20 && line.bytes().all(|byte| byte == b'-');
            if CLOSES.iter().any(|words| text::starts_with(line, words)) || is_rule && !last.text.trim().is_empty() {
                taken = MAX_LINES;
            } else if line.is_empty() {
                blanks += 1;
            } else if taken < MAX_LINES && blanks < 3 {
                taken += 1;
                last.text.push(' ');
                last.text.push_str(line);
            }
        }
    }
    // Several addresses above one reason share it.
    let mut reason = String::new();
    for recipient in found.iter_mut().rev() {
        if recipient.text.trim_matches([':', ' ', '>']).is_empty() {
            recipient.text.clone_from(&reason);
        } else {
            text::cut(&recipient.text, MAX_SHARED_BYTES).clone_into(&mut reason);
        }
    }
    found
}

/// The address that a line begins with, and the rest of the line.
pub(super) fn head(line: &str) -> Option<(String, &str)> {
    if line.starts_with('>') || line.len() > 2_000 || memchr::memchr(b'@', line.as_bytes()).is_none() {
        return None;
    }
    let mut rest = line.trim();
    if let Some(label) = LABELS.iter().find(|label| text::starts_with(rest, label)) {
        rest = rest.get(label.len()..)?.trim_start();
    }
    rest = rest.trim_start_matches(['*', '-', '•', ' ', '\t']);
    let rest = rest.strip_prefix("smtp:").or_else(|| rest.strip_prefix("rfc822;")).unwrap_or(rest);
    let at = rest.find('@')?;
    // Nothing but the local part may stand before the @.
    let before = rest.get(..at)?.trim_start_matches(['<', '\'', '(', '[']);
    if before.contains([' ', '\t', '(', ',']) && !(before.starts_with('"') && before.ends_with('"')) {
        return None;
    }
    let end = rest
        .get(at..)?
        .find(|c: char| {
            c.is_whitespace() || matches!(c, '>' | ',' | ';' | '(' | '\'' | ')' | ']' | '<' | ':' | '"' | '。')
        })
        .map_or(rest.len(), |end| at + end);
    let token = rest.get(..end)?;
    let behind = rest.get(end..)?;
    let bare = token.trim_start_matches(['<', '(', '[']);
    let bare = bare.strip_prefix('\'').filter(|_| behind.starts_with('\'')).unwrap_or(bare);
    // Where it is set apart, or ends with the word, nothing of it is prose: `x=a@b.example` is somebody else.
    let exact = || address::spec(bare);
    let guessed = || text::addresses(token).into_iter().next();
    let address = match token.starts_with('<') {
        true if behind.starts_with('>') => exact(),
        _ if token.is_ascii() => exact().or_else(guessed),
        _ => guessed(),
    }?;
    let after = behind.trim_start_matches(['>', '\'', ')', ']', '"']);
    let after = after.trim_start_matches("<mailto:").trim_start();
    let starts_reason = after.is_empty()
        || after.starts_with([':', ',', ';', '(', '-', '.', '<'])
        || BEFORE_DATES.iter().any(|word| after.starts_with(word))
        || after.starts_with("...")
        || token.contains("...")
        || after.starts_with(|c: char| c.is_ascii_digit())
        || REASON_BEGINS.iter().any(|word| text::starts_with(after, word));
    starts_reason.then_some((address, after.trim_start_matches([':', '>', ' '])))
}

/// Exim: `(generated from alias@host)`; sendmail and Postfix: `(expanded from <alias@host>)`.
fn generated_from(rest: &str) -> Option<String> {
    let marker = ["generated from", "expanded from"].iter().find_map(|words| rest.split_once(words))?;
    text::addresses(marker.1).into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_below_an_address_is_about_it() {
        let found = read(&["<a@example.org>:", "Remote host said: 550 no", "", "<b@example.org>: full", "  quota", ""]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].text.trim(), "Remote host said: 550 no");
        assert_eq!(found[1].text, "full quota");
    }

    #[test]
    fn addresses_above_one_reason_share_it() {
        let found = read(&["  a@example.org", "  b@example.org", "    no such user"]);
        assert_eq!(found[0].text, found[1].text);
    }

    #[test]
    fn what_looks_like_an_address_within_another_is_not_meant() {
        for (line, expected) in [
            ("<x=ceo@b.example>: 550 no such user", Some("x=ceo@b.example")),
            ("<佐taro@b.example>:", Some("佐taro@b.example")),
            ("  -bob@b.example", Some("bob@b.example")),
            ("  x=ceo@b.example", Some("x=ceo@b.example")),
            ("'a@b.example' on 3 May", Some("a@b.example")),
            ("<\"ceo@b.example\"@c.example>:", None),
            ("<ceo@b.example@c.example>:", None),
            ("\"Undelivered\" for users such as a@b.example, user unknown", None),
            ("您发给wang@b.example的邮件", Some("wang@b.example")),
        ] {
            assert_eq!(head(line).map(|(address, _)| address).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn an_address_within_a_sentence_is_no_head() {
        assert_eq!(head("please write to help@example.org for more"), None);
    }
}
