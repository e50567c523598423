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
    bytes: &'a [u8],
    all: Vec<Field>,
    /// How many lines were looked at to find them.
    pub(crate) lines: usize,
}

/// Where a field stands. There can be forty thousand, each asked a dozen times for its name: so it is small, and tells
/// of most names that they are not its own without a look at the message.
#[derive(Clone, Copy, Debug)]
struct Field {
    start: u32,
    /// Where the next field begins.
    end: u32,
    /// How far from the start the colon is.
    colon: u8,
    name_length: u8,
    /// The first letter of the name, in lower case.
    initial: u8,
}

const fn lowercase(byte: u8) -> u8 {
    byte | 0x20
}

impl<'a> Fields<'a> {
    /// Reads fields up to the first empty line; answers them and where the body begins.
    pub(crate) fn read(bytes: &'a [u8]) -> (Self, usize) {
        let likely = bytes.len() / USUAL_FIELD_BYTES;
        let mut all = Vec::<Field>::with_capacity(likely.min(USUAL_FIELDS));
        let (mut at, mut lines) = (0, 0);
        // Counted as if every line ended in one byte, so that bounds do not depend on line ends.
        let mut counted = 0;
        let close = |all: &mut Vec<Field>, end: usize| {
            if let (Some(field), Ok(end)) = (all.last_mut(), end.try_into()) {
                field.end = end;
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
                close(&mut all, at);
                all.extend(Field::new(at, line, colon));
            } else if !all.is_empty() && line.starts_with(b"--") {
                // A boundary where a header should be: the empty line is missing.
                end = at;
                break;
            }
            at += length;
        }
        close(&mut all, end);
        (Self { bytes, all, lines }, at)
    }

    /// The first field of that name, unfolded.
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.all(name).next()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// Every field of that name, topmost first.
    pub(crate) fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = Cow<'a, str>> + use<'a, 'b> {
        self.named(name).map(|field| self.unfolded(field))
    }

    fn named<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b Field> + use<'a, 'b> {
        self.all.iter().filter(|field| self.is(field, name))
    }

    /// Every field of that name, topmost first, each with how many fields of the `other` name stand above it.
    pub(crate) fn all_below<'b>(
        &'b self,
        name: &'b str,
        other: &'b str,
    ) -> impl Iterator<Item = (usize, Cow<'a, str>)> + use<'a, 'b> {
        let mut above = 0;
        self.all.iter().filter_map(move |field| {
            above += usize::from(self.is(field, other));
            self.is(field, name).then(|| (above, self.unfolded(field)))
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

    fn is(&self, field: &Field, name: &str) -> bool {
        usize::from(field.name_length) == name.len()
            && name.bytes().next().is_some_and(|byte| lowercase(byte) == field.initial)
            && field.name(self.bytes).eq_ignore_ascii_case(name.as_bytes())
    }

    fn unfolded(&self, field: &Field) -> Cow<'a, str> {
        let lines = field.lines(self.bytes);
        match std::str::from_utf8(lines) {
            Ok(lines) => unfold(lines),
            // No line end is part of a letter, whatever the bytes are.
            Err(_) => Cow::Owned(unfold(&String::from_utf8_lossy(lines)).into_owned()),
        }
    }
}

impl Field {
    /// A field that starts here and ends nowhere yet.
    fn new(start: usize, line: &[u8], colon: usize) -> Option<Self> {
        let name = line.get(..colon)?.trim_ascii_end();
        Some(Self {
            start: start.try_into().ok()?,
            end: u32::MAX,
            colon: colon.try_into().ok()?,
            name_length: name.len().try_into().ok()?,
            initial: lowercase(*name.first()?),
        })
    }

    fn name<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize;
        bytes.get(start..start + usize::from(self.name_length)).unwrap_or_default()
    }

    /// What follows the colon, up to the next field.
    fn lines<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize + usize::from(self.colon) + 1;
        bytes.get(start..self.end as usize).unwrap_or_default()
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
