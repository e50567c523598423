//! Parameters of a structured header field (RFC 2045, 5.1), also those in pieces and in a charset (RFC 2231).

use crate::text;

/// More pieces than anybody needs.
const MAX_PIECES: usize = 100;

/// The parameter of that name, without quotes.
pub(crate) fn parameter(value: &str, name: &str) -> Option<String> {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    for (key, value) in pairs(value) {
        let Some(rest) = after_name(key, name) else { continue };
        if rest.is_empty() {
            return Some(unquoted(value)).filter(|value| !value.is_empty());
        }
        let (number, is_extended) = match rest.strip_suffix('*') {
            Some(number) => (number, true),
            None => (rest, false),
        };
        let number = number.strip_prefix('*').map_or(Some(0), |digits| digits.parse().ok());
        if let Some(number) = number.filter(|_| pieces.len() < MAX_PIECES) {
            pieces.push(Piece { number, is_extended, value });
        }
    }
    pieces.sort_by_key(|piece| piece.number);
    joined(&pieces)
}

/// One piece: `name*0*=utf-8''a%20b`.
#[derive(Debug)]
struct Piece<'a> {
    number: usize,
    /// Percent signs stand for bytes.
    is_extended: bool,
    value: &'a str,
}

/// What the pieces are together, up to the first that is missing.
fn joined(pieces: &[Piece<'_>]) -> Option<String> {
    let (mut charset, mut bytes) = (None, Vec::new());
    for (at, piece) in pieces.iter().enumerate().take_while(|(at, piece)| piece.number == *at) {
        let value = unquoted(piece.value);
        let mut text = value.as_str();
        if at == 0 && piece.is_extended {
            let mut parts = text.splitn(3, '\'');
            if let (Some(named), Some(_language), Some(rest)) = (parts.next(), parts.next(), parts.next()) {
                charset = Some(named.to_owned());
                text = rest;
            }
        }
        if piece.is_extended {
            bytes.extend(text::with_hex_decoded(text.as_bytes(), b'%'));
        } else {
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    let text = text::decode_charset(&bytes, charset.as_deref()).into_owned();
    (!text.is_empty()).then_some(text)
}

/// What stands between the semicolons behind the first one, as key and value.
fn pairs(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = Split { rest: Some(value), knows_quotes: true }.skip(1);
    pairs.filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key.trim(), value.trim()))
}

/// What stands between semicolons that are not in quotes.
struct Split<'a> {
    rest: Option<&'a str>,
    /// Behind a quotation that does not end, quotes are letters like others: looking for the end of each takes too long.
    knows_quotes: bool,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.take()?;
        let mut at = 0;
        loop {
            let rest = text.as_bytes().get(at..).unwrap_or_default();
            let found = if self.knows_quotes { memchr::memchr2(b';', b'"', rest) } else { memchr::memchr(b';', rest) };
            let Some(found) = found.map(|found| at + found) else { return Some(text) };
            if text.as_bytes().get(found) == Some(&b';') {
                self.rest = text.get(found + 1..);
                return text.get(..found);
            }
            let end = closing_quote(text, found + 1);
            self.knows_quotes = end.is_some();
            at = end.unwrap_or(found) + 1;
        }
    }
}

/// Where the quotation ends whose text starts there.
pub(crate) fn closing_quote(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', text.as_bytes().get(at..)?)?;
        if text.as_bytes().get(found) == Some(&b'"') {
            return Some(found);
        }
        at = found + 2;
    }
}

fn after_name<'a>(key: &'a str, name: &str) -> Option<&'a str> {
    let rest = key.get(name.len()..).filter(|rest| rest.is_empty() || rest.starts_with('*'))?;
    text::starts_with(key, name).then_some(rest)
}

/// A value without quotes, backslashes and what stands behind it.
fn unquoted(value: &str) -> String {
    let Some(inside) = value.strip_prefix('"') else {
        return value.split(" (").next().unwrap_or_default().trim_matches(['"', ' ', '\t']).to_owned();
    };
    let Some(end) = closing_quote(inside, 0) else { return inside.trim_matches('"').to_owned() };
    let mut out = String::with_capacity(end);
    let mut is_escaped = false;
    for c in inside.get(..end).unwrap_or_default().chars() {
        is_escaped = c == '\\' && !is_escaped;
        if !is_escaped {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_found_however_it_is_written() {
        for value in [
            "multipart/mixed; boundary=a;b=c",
            "multipart/mixed; x=y; BOUNDARY = a",
            "multipart/mixed; boundary=a (a comment)",
            "multipart/mixed; boundary=\"a\"; b=c",
            "multipart/mixed; name=\"x; boundary=b\"; boundary=a",
            "multipart/mixed; name=\"x\\\"; boundary=b\"; boundary=a",
            "multipart/mixed; boundary=\"\\a\"",
            "multipart/mixed; name=\"x; boundary=a",
            "multipart/mixed; boundary=\"a",
            "multipart/mixed; boundary*=us-ascii''%61",
            "multipart/mixed; boundaryx=b; boundary*0=a",
        ] {
            assert_eq!(parameter(value, "boundary").as_deref(), Some("a"), "{value}");
        }
        for value in ["multipart/mixed", "boundary=a", "multipart/mixed; boundary=", "multipart/mixed; boundary*1=a"] {
            assert_eq!(parameter(value, "boundary"), None, "{value}");
        }
    }

    #[test]
    fn pieces_are_joined_in_their_order_up_to_a_gap() {
        let value = "multipart/mixed; n*1=\"; b\"; n*0*=utf-8'ja'%E3%81%82a; n*2*=%2; n*4=d";
        assert_eq!(parameter(value, "n").as_deref(), Some("あa; b%2"));
    }
}
