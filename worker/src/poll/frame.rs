//! Where one response ends: lines, and the literals that hang on them (RFC 9051, 4.3 and 7).
//!
//! The parser below us finds out by trying, allocates what a literal announces before a byte of it has come, and
//! recurses once per parenthesis. So the end of a response, its sizes and its depth are found here first, by looking
//! at bytes only.

use super::{Limits, SessionError};

/// Looks for the end of the response that begins at the start of a buffer, a little further each time.
#[derive(Debug, Default)]
pub(super) struct Framer {
    /// Everything before is looked at. May be beyond the buffer, inside a literal that has not come yet.
    scanned: usize,
    line_start: usize,
    depth: Depth,
}

#[derive(Debug, Default)]
struct Depth {
    now: usize,
    most: usize,
    in_quotes: bool,
    escaped: bool,
}

impl Depth {
    fn read(&mut self, line: &[u8]) {
        for byte in line {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_quotes => self.escaped = true,
                b'"' => self.in_quotes = !self.in_quotes,
                b'(' if !self.in_quotes => {
                    self.now = self.now.saturating_add(1);
                    self.most = self.most.max(self.now);
                }
                b')' if !self.in_quotes => self.now = self.now.saturating_sub(1),
                _ => {}
            }
        }
    }
}

/// A whole response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its length with the last line break.
    pub(super) len: usize,
    /// Parentheses inside parentheses.
    pub(super) depth: usize,
}

impl Framer {
    /// The response at the start of `buffer`, or `None` when more of it must come. The framer is ready for the next one then.
    pub(super) fn next(&mut self, buffer: &[u8], limits: &Limits) -> Result<Option<Frame>, SessionError> {
        loop {
            let Some(unseen) = buffer.get(self.scanned..) else { return Ok(None) };
            let Some(length) = unseen.iter().position(|byte| *byte == b'\n') else {
                self.scanned = buffer.len();
                return if buffer.len() - self.line_start > limits.line {
                    Err(SessionError::TooMuch("a line without end"))
                } else {
                    Ok(None)
                };
            };
            let end = self.scanned + length;
            let line = buffer.get(self.line_start..end).unwrap_or_default();
            if line.len() > limits.line {
                return Err(SessionError::TooMuch("a long line"));
            }
            self.depth.read(line);
            let announced = if holds_literals(buffer) { literal(line)? } else { None };
            let Some(octets) = announced else {
                let frame = Frame { len: end + 1, depth: self.depth.most };
                *self = Self::default();
                return Ok(Some(frame));
            };
            if octets > limits.literal || end + octets > limits.literal.saturating_add(limits.line) {
                return Err(SessionError::TooMuch("a large literal"));
            }
            self.line_start = end + 1 + octets;
            self.scanned = self.line_start;
        }
    }
}

/// Untagged data may; the free text of a status, a continuation or a tagged answer may not, and may end in `{5}` without meaning it.
pub(super) fn holds_literals(response: &[u8]) -> bool {
    let Some(data) = response.strip_prefix(b"* ") else { return false };
    !["OK", "NO", "BAD", "BYE", "PREAUTH"].iter().any(|status| {
        data.get(..status.len()).is_some_and(|word| word.eq_ignore_ascii_case(status.as_bytes()))
            && data.get(status.len()).is_none_or(u8::is_ascii_whitespace)
    })
}

/// The size in `… {123}` at the end of a line.
fn literal(line: &[u8]) -> Result<Option<usize>, SessionError> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(rest) = line.strip_suffix(b"}") else { return Ok(None) };
    let Some(open) = rest.iter().rposition(|byte| *byte == b'{') else { return Ok(None) };
    let digits = rest.get(open + 1..).unwrap_or_default();
    let size = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match size.and_then(|text| text.parse().ok()) {
        Some(octets) => Ok(Some(octets)),
        None => Err(SessionError::TooMuch("a literal of no possible size")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &[u8]) -> Result<Option<Frame>, SessionError> {
        Framer::default().next(bytes, &Limits::default())
    }

    #[test]
    fn a_response_ends_after_the_line_that_follows_its_last_literal() {
        let bytes = b"* 1 FETCH (UID 7 BODY[] {4}\r\na\r\n) FLAGS ())\r\n* 2 EXISTS\r\n";
        assert_eq!(frame(bytes).unwrap().unwrap().len, bytes.len() - b"* 2 EXISTS\r\n".len());
    }

    #[test]
    fn what_comes_a_byte_at_a_time_ends_at_the_same_place() {
        let bytes = b"* 1 FETCH (BODY[TEXT] {5}\r\n{9}\r\n BODY[HEADER] {0}\r\n)\r\nx";
        let mut framer = Framer::default();
        let (come, frame) = (1..=bytes.len())
            .find_map(|come| Some((come, framer.next(&bytes[..come], &Limits::default()).unwrap()?)))
            .unwrap();
        assert_eq!((come, frame.len), (bytes.len() - 1, bytes.len() - 1));
    }

    #[test]
    fn free_text_announces_nothing() {
        assert_eq!(frame(b"* OK see {5}\r\n").unwrap().unwrap().len, 14);
        assert_eq!(frame(b"d1 NO see {5}\r\n").unwrap().unwrap().len, 15);
    }

    #[test]
    fn sizes_beyond_the_limit_are_refused_before_they_come() {
        for size in ["26214401", "4294967295", "99999999999999999999999", "-1", "", "x"] {
            let line = format!("* 1 FETCH (BODY[] {{{size}}}\r\n");
            assert!(matches!(frame(line.as_bytes()), Err(SessionError::TooMuch(_))), "{size}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        assert!(frame(&vec![b'x'; 60_000]).unwrap().is_none());
        assert!(frame(&vec![b'x'; 70_000]).is_err());
    }

    #[test]
    fn parentheses_count_outside_of_quotes_only() {
        assert_eq!(frame(b"* 1 FETCH (((\"((((\\\"((\")))\r\n").unwrap().unwrap().depth, 3);
    }
}
