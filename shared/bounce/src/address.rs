//! Addresses where a grammar says how they are written: in header fields (RFC 5322, 3.4), in those of a report
//! (RFC 3464), between angle brackets.
//!
//! In running text an address is guessed at (`text`). Here nothing is: whoever chooses a local part, a name or a
//! comment can write into it what looks like somebody else's address.

use crate::{
    parameter::closing_quote,
    text::{MAX_ADDRESS_BYTES, into_lower},
};

/// More addresses than a field has.
const MAX_ADDRESSES: usize = 10_000;

/// The one address that a field has; `None` also where it has several, or is not written as the grammar says.
pub(crate) fn only(value: &str) -> Option<String> {
    let mut found = None;
    let mut count = 0;
    each(value, |text, is_alone| {
        count += 1;
        found = found.or(Some(text).filter(|_| is_alone));
    });
    found.filter(|_| count == 1).and_then(spec)
}

/// The first address in a field.
pub(crate) fn first(value: &str) -> Option<String> {
    let mut found = None;
    each(value, |text, _| {
        if found.is_none() {
            found = spec(text);
        }
    });
    found
}

/// Every address in a field.
pub(crate) fn all(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    each(value, |text, _| {
        if found.len() < MAX_ADDRESSES {
            found.extend(spec(text));
        }
    });
    found
}

/// Passes on what stands in angle brackets or, in an item of a list without them, each word with an `@`; and whether the
/// item has no other words.
fn each<'a>(value: &'a str, mut found: impl FnMut(&'a str, bool)) {
    let bytes = value.as_bytes();
    let (mut at, mut quotes_end, mut comments_end) = (0, true, true);
    let mut item = Item::default();
    let (mut word, mut has_at) = (0, false);
    while at <= bytes.len() {
        let byte = bytes.get(at).copied();
        let next = match byte {
            Some(b'"') if quotes_end => {
                let end = closing_quote(value, at + 1);
                quotes_end = end.is_some();
                end.unwrap_or(at) + 1
            }
            Some(b'@') => {
                has_at = true;
                at + 1
            }
            // An address of a host may have colons in it (RFC 5321, 4.1.3).
            Some(b'[') if has_at => {
                at + 1 + bytes.iter().skip(at).take(60).position(|byte| *byte == b']').unwrap_or_default()
            }
            None | Some(b' ' | b'\t' | b',' | b';' | b':' | b'(' | b'<') => {
                item.add(value.get(word..at).unwrap_or_default(), has_at);
                has_at = false;
                let next = match byte {
                    Some(b'(') if comments_end => {
                        let end = closing_bracket(bytes, at + 1);
                        comments_end = end.is_some();
                        end.unwrap_or(at) + 1
                    }
                    Some(b'<') => {
                        let inside = value.get(at + 1..).unwrap_or_default();
                        let end = closing_angle(inside);
                        // What stands before the brackets is a name, whatever it looks like.
                        item = Item { has_angle: true, ..Item::default() };
                        found(inside.get(..end).unwrap_or_default(), true);
                        at + 1 + end + 1
                    }
                    None | Some(b',' | b';') => {
                        std::mem::take(&mut item).finish(&mut found);
                        at + 1
                    }
                    // What stands before it names a group.
                    Some(b':') => {
                        item = Item::default();
                        at + 1
                    }
                    Some(_) => at + 1,
                };
                word = next;
                next
            }
            Some(_) => at + 1,
        };
        at = next;
    }
}

/// One item of a list: its words with an `@` in them.
#[derive(Default)]
struct Item<'a> {
    word: Option<&'a str>,
    more: Vec<&'a str>,
    has_angle: bool,
    has_other_words: bool,
}

impl<'a> Item<'a> {
    fn add(&mut self, word: &'a str, has_at: bool) {
        match self.word {
            _ if !has_at => self.has_other_words |= !word.is_empty(),
            None => self.word = Some(word),
            Some(_) => self.more.push(word),
        }
    }

    fn finish(self, found: &mut impl FnMut(&'a str, bool)) {
        let is_alone = !self.has_angle && !self.has_other_words;
        self.word.into_iter().chain(self.more).for_each(|word| found(word, is_alone));
    }
}

/// Where the comment ends whose text starts there.
fn closing_bracket(bytes: &[u8], from: usize) -> Option<usize> {
    let (mut at, mut depth) = (from, 1_usize);
    loop {
        let found = at + memchr::memchr3(b'(', b')', b'\\', bytes.get(at..)?)?;
        match bytes.get(found) {
            Some(b'(') => depth += 1,
            Some(b')') => depth -= 1,
            _ => at = found + 1,
        }
        if depth == 0 {
            return Some(found);
        }
        at = at.max(found) + 1;
    }
}

/// Where the bracket is that closes the one before the text; what is never closed ends with the text.
fn closing_angle(inside: &str) -> usize {
    let mut at = 0;
    while let Some(rest) = inside.as_bytes().get(at..) {
        let Some(found) = memchr::memchr2(b'>', b'"', rest).map(|found| at + found) else { break };
        if inside.as_bytes().get(found) == Some(&b'>') {
            return found;
        }
        let Some(end) = closing_quote(inside, found + 1) else {
            return memchr::memchr(b'>', inside.as_bytes()).unwrap_or(inside.len());
        };
        at = end + 1;
    }
    inside.len()
}

/// The address that the whole text is, in lower case.
pub(crate) fn spec(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['<', ' ', '\t']).trim_end();
    // The way to it (RFC 5321, 4.1.2) is of no interest.
    let text = if text.starts_with('@') { text.split_once(':')?.1 } else { text };
    let text = ["mailto:", "smtp:"]
        .iter()
        .find(|scheme| crate::text::starts_with(text, scheme))
        .map_or(Some(text), |scheme| text.get(scheme.len()..))?;
    let (local, domain) = if text.starts_with('"') {
        let (local, rest) = text.split_at_checked(closing_quote(text, 1)? + 1)?;
        (local, rest.strip_prefix('@')?)
    } else {
        let (local, domain) = text.split_at_checked(memchr::memchr(b'@', text.as_bytes())?)?;
        let is_special =
            |byte: u8| byte <= b' ' || matches!(byte, b'<' | b'>' | b'(' | b')' | b',' | b';' | b':' | b'"' | 0x7f);
        if local.is_empty() || local.bytes().any(is_special) {
            return None;
        }
        (local, domain.get(1..)?)
    };
    let domain = domain.trim_end_matches('.');
    let is_of_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_literal = |text: &str| {
        let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        inside.is_some_and(|inside| {
            inside.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':'))
        })
    };
    // Within a mail server a host may be called by a word; nobody writes to it from elsewhere.
    let is_name = |name: &str| name == "localhost" || name.contains('.') && name.chars().all(is_of_host);
    let is_host = !domain.starts_with('.') && is_name(domain) || is_literal(domain);
    (is_host && local.len() + domain.len() < MAX_ADDRESS_BYTES).then(|| into_lower([local, "@", domain].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_a_comment_is_no_address() {
        for (value, expected) in [
            ("A@b.example", "a@b.example"),
            ("Aya <a@b.example>", "a@b.example"),
            ("a@b.example (Mail Delivery System)", "a@b.example"),
            ("a@b.example (<mailer-daemon@c.example>)", "a@b.example"),
            ("(x (y\\)) z) a@b.example", "a@b.example"),
            ("\"mailer-daemon@c.example\" <a@b.example>", "a@b.example"),
            ("\"\\\" <c@c.example>\" <a@b.example>", "a@b.example"),
            ("c@c.example <a@b.example>", "a@b.example"),
            ("<a@b.example> =?utf-8?q?=3Cmailer-daemon=40c.example=3E?=", "a@b.example"),
            ("Acme, Sales <a@b.example>", "a@b.example"),
            ("<<a@b.example>>", "a@b.example"),
            ("<@r.example,@s.example:a@b.example>", "a@b.example"),
            ("\"<c@c.example>\"@b.example", "\"<c@c.example>\"@b.example"),
            ("<\"a>b@c.example\"@b.example>", "\"a>b@c.example\"@b.example"),
            ("x=c@b.example", "x=c@b.example"),
            ("a@[IPv6:2001:db8::1]", "a@[ipv6:2001:db8::1]"),
            ("Aya (at work <a@b.example>", "a@b.example"),
            ("\"Aya <a@b.example>", "a@b.example"),
            ("<a@b.example", "a@b.example"),
        ] {
            assert_eq!(only(value).as_deref(), Some(expected), "{value}");
            assert_eq!(first(value).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn several_addresses_are_not_one() {
        for value in [
            "a@b.example, <mailer-daemon@c.example>",
            "<a@b.example> <mailer-daemon@c.example>",
            "<a@b.example> mailer-daemon@c.example",
            "a@b.example mailer-daemon@c.example",
            "Mail System mailer-daemon@c.example",
            "<a@b.example, mailer-daemon@c.example>",
            "<a<mailer-daemon@c.example>",
            "mailer-daemon@c.example@b.example",
            "Mail System",
            "<>",
            "",
        ] {
            assert_eq!(only(value), None, "{value}");
        }
    }

    #[test]
    fn a_list_has_items_and_groups() {
        let list = "a@b.example, \"c, d\" <c@b.example>; e@b.example f@b.example, us: g@b.example;, none:;";
        assert_eq!(all(list), ["a@b.example", "c@b.example", "e@b.example", "f@b.example", "g@b.example"]);
        assert_eq!(all("a@b.example,").len(), 1);
    }
}
