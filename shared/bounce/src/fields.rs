//! Header fields.
//!
//! Of the thirty or more fields that a mail has, a reader asks for a dozen. So they stay where they stand in the
//! message, and a field is unfolded when it is asked for.

use std::borrow::Cow;

use crate::{
    address, encoded_word,
    text::{find_pair, first_line},
};

/// More header than this is not read.
pub(crate) const MAX_BYTES: usize = 256 << 10;

/// Room is made for no more fields before they are seen.
const USUAL_FIELDS: usize = 24;
const USUAL_FIELD_BYTES: usize = 40;

/// Header fields in the order they stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields<'a> {
    all: Vec<Field<'a>>,
    /// How many lines were looked at to find them.
    pub(crate) lines: usize,
}

#[derive(Clone, Copy, Debug)]
struct Field<'a> {
    name: &'a [u8],
    /// What follows the colon, up to the next field.
    lines: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Reads fields up to the first empty line; answers them and where the body begins.
    pub(crate) fn read(bytes: &'a [u8]) -> (Self, usize) {
        let likely = bytes.len() / USUAL_FIELD_BYTES;
        let mut fields = Vec::<Field<'a>>::with_capacity(likely.min(USUAL_FIELDS));
        let (mut at, mut lines) = (0, 0);
        // Counted as if every line ended in one byte, so that bounds do not depend on line ends.
        let mut counted = 0;
        let mut value: Option<(&'a [u8], usize)> = None;
        let mut close = |value: Option<(&'a [u8], usize)>, end: usize| {
            if let Some((name, start)) = value {
                fields.push(Field { name, lines: bytes.get(start..end).unwrap_or_default() });
            }
        };
        let mut end = bytes.len();
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let (line, length) = first_line(rest);
            lines += 1;
            if line.is_empty() {
                (end, at) = (at, at + length);
                break;
            }
            counted += line.len() + usize::from(length > line.len());
            if counted > MAX_BYTES {
                // The rest of an endless header is not a body either.
                end = at;
                lines += skip_to_empty_line(bytes, &mut at);
                break;
            }
            let is_folded = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            if let Some(colon) = field_name_length(line).filter(|_| !is_folded) {
                close(value, at);
                value = Some((line.get(..colon).unwrap_or_default().trim_ascii_end(), at + colon + 1));
            } else if value.is_some() && line.starts_with(b"--") {
                // A boundary where a header should be: the empty line is missing.
                end = at;
                break;
            }
            at += length;
        }
        close(value, end);
        (Self { all: fields, lines }, at)
    }

    /// The first field of that name, unfolded.
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.all(name).next()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.all.iter().any(|field| field.is(name))
    }

    /// Every field of that name, topmost first.
    pub(crate) fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = Cow<'a, str>> + use<'a, 'b> {
        self.all.iter().filter(move |field| field.is(name)).map(Field::unfolded)
    }

    /// Every field of that name, topmost first, each with how many fields of the `other` name stand above it.
    pub(crate) fn all_below<'b>(
        &'b self,
        name: &'b str,
        other: &'b str,
    ) -> impl Iterator<Item = (usize, Cow<'a, str>)> + use<'a, 'b> {
        let mut above = 0;
        self.all.iter().filter_map(move |field| {
            above += usize::from(field.is(other));
            field.is(name).then(|| (above, field.unfolded()))
        })
    }

    /// The first of several names that is there and not empty.
    pub(crate) fn first_of(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| self.get(name).filter(|value| !value.is_empty()))
    }

    /// The field with its encoded words decoded (RFC 2047).
    pub(crate) fn decoded(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).map(encoded_word::decode)
    }

    /// The address in the one field of that name. Others may look at another field or another address, where there are
    /// several: so there is none then.
    pub(crate) fn mailbox(&self, name: &str) -> Option<String> {
        let mut all = self.all(name);
        let value = all.next()?;
        if all.next().is_some() { None } else { address::only(&value) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

impl<'a> Field<'a> {
    fn is(&self, name: &str) -> bool {
        // Few names have the same length and the same first letter.
        let first = |name: &[u8]| name.first().map(|byte| byte | 0x20);
        self.name.len() == name.len()
            && first(self.name) == first(name.as_bytes())
            && self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    fn unfolded(&self) -> Cow<'a, str> {
        match std::str::from_utf8(self.lines) {
            Ok(lines) => unfold(lines),
            // No line end is part of a letter, whatever the bytes are.
            Err(_) => Cow::Owned(unfold(&String::from_utf8_lossy(self.lines)).into_owned()),
        }
    }
}

/// The lines of a field on one line; those that belong to none are left out.
fn unfold(lines: &str) -> Cow<'_, str> {
    let (line, length) = first_line(lines.as_bytes());
    let mut value = Cow::Borrowed(lines.get(..line.len()).unwrap_or_default().trim());
    let mut rest = lines.get(length..).unwrap_or_default();
    while !rest.is_empty() {
        let (line, length) = first_line(rest.as_bytes());
        let line = rest.get(..line.len()).filter(|line| line.starts_with([' ', '\t'])).unwrap_or_default().trim();
        if value.is_empty() {
            value = Cow::Borrowed(line);
        } else if !line.is_empty() {
            if let Cow::Borrowed(start) = value {
                let mut joined = String::with_capacity(start.len() + 1 + rest.len());
                joined.push_str(start);
                value = Cow::Owned(joined);
            }
            let value = value.to_mut();
            value.push(' ');
            value.push_str(line);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    value
}

/// Goes on from within a line to what follows the next empty one, and answers how many lines that took.
fn skip_to_empty_line(bytes: &[u8], at: &mut usize) -> usize {
    let rest = bytes.get(*at..).unwrap_or_default();
    let is_end = |byte: u8| byte == b'\n' || byte == b'\r';
    // One line end right behind another; CR and LF together are one.
    let end = find_pair(rest, |byte, next| is_end(byte) && is_end(next) && !(byte == b'\r' && next == b'\n'));
    let (skipped, rest) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
    let (_, length) = if end.is_some() { first_line(rest) } else { (rest, 0) };
    *at += skipped.len() + length;
    let ends_in_cr = memchr::memchr2(b'\n', b'\r', skipped)
        .is_some_and(|at| skipped.get(at) == Some(&b'\r') && skipped.get(at + 1) != Some(&b'\n'));
    memchr::memchr_iter(if ends_in_cr { b'\r' } else { b'\n' }, skipped).count() + 1
}

/// How long the field name at the start of a line is, if there is one.
pub(crate) fn field_name_length(line: &[u8]) -> Option<usize> {
    let colon = memchr::memchr(b':', line.get(..line.len().min(80))?)?;
    let name = line.get(..colon)?.trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(colon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_unfolded_and_a_line_that_is_none_is_left_out() {
        for end in ["\n", "\r\n", "\r"] {
            let header = ["Subject: a", "\tb ", "no field", " c", "TO : x", "", "body"].join(end);
            let (fields, body) = Fields::read(header.as_bytes());
            assert_eq!(fields.get("subject").as_deref(), Some("a b c"));
            assert_eq!(fields.get("to").as_deref(), Some("x"));
            assert_eq!(header.get(body..), Some("body"));
        }
    }

    #[test]
    fn an_empty_line_of_a_folded_field_adds_nothing() {
        let (fields, _) = Fields::read(b"Subject:\n a\n \n b\n \nTo: x\n");
        assert_eq!(fields.get("subject").as_deref(), Some("a b"));
    }

    #[test]
    fn an_endless_header_ends_at_its_bound_whatever_its_line_ends() {
        for end in ["\n", "\r\n", "\r"] {
            let header = format!("A: {}{end}B: b{end}C: c{end}{end}body", "x".repeat(MAX_BYTES - 10));
            let (fields, body) = Fields::read(header.as_bytes());
            assert_eq!(fields.get("b").as_deref(), Some("b"), "{end:?}");
            assert_eq!(fields.get("c"), None, "{end:?}");
            assert_eq!(header.get(body..), Some("body"), "{end:?}");
        }
    }
}
