//! Encoded words in header fields (RFC 2047).
//!
//! Of mail-parser everything else is used, but not this: behind what turns out to be no encoded word it goes back, so
//! that a field of many takes time that grows with the square of its length.

use std::borrow::Cow;

use crate::text;

/// Longer names are no charset's.
const MAX_CHARSET_BYTES: usize = 40;

/// The value with its encoded words decoded; without any it stays as it is.
pub(crate) fn decode(value: Cow<'_, str>) -> Cow<'_, str> {
    if !value.contains("=?") {
        return value;
    }
    let mut out = String::with_capacity(value.len());
    // Words that follow each other are one text: programs cut within characters. Not in ISO-2022-JP, of which each word
    // returns to ASCII and a decoder does not like the next to leave it at once.
    let mut open: Option<(&str, Vec<u8>)> = None;
    let close = |open: &mut Option<(&str, Vec<u8>)>, out: &mut String| {
        if let Some((charset, bytes)) = open.take() {
            out.push_str(&text::decode_charset(&bytes, Some(charset)));
        }
    };
    let (mut kept, mut at, mut end) = (0, 0, 0);
    while let Some(start) = find(&value, "=?", at) {
        let Some((charset, encoding, text)) = opening(&value, start) else {
            at = start + 2;
            continue;
        };
        if end < text {
            let Some(next) = find(&value, "?=", text) else { break };
            end = next;
        }
        let encoded = value.get(text..end).unwrap_or_default();
        // A word that was cut off, and another one.
        let decoded = if encoded.contains("=?") { None } else { decoded(encoding, encoded) };
        let Some(decoded) = decoded else {
            at = text;
            continue;
        };
        // White space between two words is none (RFC 2047, 6.2).
        let between = value.get(kept..start).unwrap_or_default();
        let is_next = open.is_some() && between.trim_ascii().is_empty();
        match &mut open {
            Some((known, bytes))
                if is_next && known.eq_ignore_ascii_case(charset) && memchr::memchr(0x1b, bytes).is_none() =>
            {
                bytes.extend(decoded);
            }
            _ => {
                close(&mut open, &mut out);
                out.push_str(if is_next { "" } else { between });
                open = Some((charset, decoded));
            }
        }
        (kept, at) = (end + 2, end + 2);
    }
    close(&mut open, &mut out);
    out.push_str(value.get(kept..).unwrap_or_default());
    Cow::Owned(out)
}

fn find(value: &str, what: &str, from: usize) -> Option<usize> {
    memchr::memmem::find(value.as_bytes().get(from..)?, what.as_bytes()).map(|at| from + at)
}

/// The charset and the encoding of the word that starts there, and where its text starts.
fn opening(value: &str, start: usize) -> Option<(&str, u8, usize)> {
    let rest = value.get(start + 2..)?;
    let length = memchr::memchr(b'?', rest.as_bytes().get(..rest.len().min(MAX_CHARSET_BYTES + 1))?)?;
    let charset =
        rest.get(..length).filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()))?;
    let [encoding, b'?'] = *rest.as_bytes().get(length + 1..length + 3)? else { return None };
    // "utf-8*en": the language is of no interest (RFC 2231, 5).
    Some((charset.split('*').next()?, encoding, start + 2 + length + 3))
}

fn decoded(encoding: u8, text: &str) -> Option<Vec<u8>> {
    match encoding {
        b'b' | b'B' => mail_parser::decoders::base64::base64_decode(text.as_bytes()),
        b'q' | b'Q' => Some(text::with_hex_decoded(text.replace('_', " ").as_bytes(), b'=')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_decoded_and_all_else_stays() {
        for (value, expected) in [
            ("a  b", "a  b"),
            ("=?iso-8859-1?q?Olle_J=E4rnefors?= <o@x.example>", "Olle Järnefors <o@x.example>"),
            ("(=?utf-8?B?44GC?=)", "(あ)"),
            ("=?utf-8*ja?b?44GC?=", "あ"),
            ("=?iso-2022-jp?B?GyRCJCIbKEI=?=", "あ"),
            // White space between words, and a character cut in two.
            ("x =?utf-8?q?a?=  =?utf-8?q?b?= y", "x ab y"),
            ("=?utf-8?b?44E=?= =?utf-8?b?gg==?=", "あ"),
            ("=?utf-8?q?a?= =?iso-8859-1?q?=E4?=", "aä"),
            ("=?iso-2022-jp?B?GyRCJCIbKEI=?= =?iso-2022-jp?B?GyRCJCIbKEI=?=", "ああ"),
            // What is none.
            ("=?utf-8?q?never ends", "=?utf-8?q?never ends"),
            ("=?utf-8?x?a?= =??q?a?= =?a b?q?a?=", "=?utf-8?x?a?= =??q?a?= =?a b?q?a?="),
            ("=?utf-8?q?cut =?utf-8?q?whole?=", "=?utf-8?q?cut whole"),
            ("=?utf-8?q?=zz=4?=", "=zz=4"),
        ] {
            assert_eq!(decode(value.into()), expected, "{value}");
        }
    }
}
