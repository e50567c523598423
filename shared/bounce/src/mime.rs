//! The tree of parts a message is made of.
//!
//! Bounces are written by the oldest and oddest programs there are, about mails that may be hostile. So this reader
//! takes what it finds (no closing boundary, text before the header ends, eight-bit header fields), never goes back,
//! and stops at fixed bounds instead of trusting the message.
//!
//! Nothing is copied or decoded before somebody asks: what a returned original carries is never looked at.

use std::borrow::Cow;

use crate::{
    fields::Fields,
    parameter::parameter,
    text::{self, first_line},
    transfer,
};

const MAX_DEPTH: usize = 20;
const MAX_PARTS: usize = 1000;
/// With so many lines in the headers of its parts a message has no more parts.
const MAX_HEADER_LINES: usize = 50_000;
/// More lines that begin as boundaries do are not looked at.
const MAX_DASHED_LINES: usize = 20_000;

/// One part, or the whole message.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// `type/subtype` in lower case.
    pub(crate) media: String,
    /// The Content-Type field.
    content_type: Cow<'a, str>,
    /// The Content-Transfer-Encoding field. The other fields are not kept: a thousand headers weigh more than their mail.
    encoding: Cow<'a, str>,
    /// The undecoded body.
    pub(crate) body: &'a [u8],
    pub(crate) children: Vec<Part<'a>>,
}

impl<'a> Part<'a> {
    /// Reads a message with any line ends, and its header.
    pub(crate) fn read(message: &'a [u8]) -> (Self, Fields<'a>) {
        Reader { message, dashed: None, parts: 0, header_lines: 0 }.part(0, message.len(), "text/plain", 0)
    }

    /// The body without its transfer encoding, as far as it makes about `limit` bytes; a body without one is not cut.
    pub(crate) fn decoded(&self, limit: usize) -> Cow<'a, [u8]> {
        let decoded = match self.encoding.trim() {
            // Four letters for three bytes, and line ends.
            base64 if base64.eq_ignore_ascii_case("base64") => {
                transfer::base64(&text::with_lf(self.body, limit.saturating_mul(2)))
            }
            // At most three letters for one byte, and line ends that are none.
            quoted if quoted.eq_ignore_ascii_case("quoted-printable") => {
                Some(transfer::quoted_printable(&text::with_lf(self.body, limit.saturating_mul(4))))
            }
            _ => None,
        };
        let Some(decoded) = decoded else { return Cow::Borrowed(self.body) };
        let mended = match text::with_one_line_end(&decoded) {
            Cow::Owned(mended) => Some(mended),
            Cow::Borrowed(_) => None,
        };
        Cow::Owned(mended.unwrap_or(decoded))
    }

    /// The body as text for people, at most `limit` bytes of it: decoded, in Unicode, with LF line ends, without HTML.
    pub(crate) fn text(&self, limit: usize) -> String {
        let bytes = self.decoded(limit);
        let bytes = text::with_lf(&bytes, limit);
        let charset = parameter(&self.content_type, "charset");
        let text = text::decode_charset(&bytes, charset.as_deref());
        if self.media == "text/html" || (self.children.is_empty() && text::looks_like_html(&text)) {
            text::without_html(&text)
        } else {
            text.into_owned()
        }
    }
}

/// Reads the parts of one message.
struct Reader<'a> {
    message: &'a [u8],
    /// Where lines begin with `--`, in ascending order: found once, however deep parts are within parts.
    dashed: Option<Vec<usize>>,
    parts: usize,
    header_lines: usize,
}

impl<'a> Reader<'a> {
    fn part(&mut self, from: usize, to: usize, default: &str, depth: usize) -> (Part<'a>, Fields<'a>) {
        self.parts += 1;
        let bytes = self.message.get(from..to).unwrap_or_default();
        let (fields, start) = Fields::read(bytes);
        self.header_lines += fields.lines;
        let body = bytes.get(start..).unwrap_or_default();
        let content_type = fields.get("content-type").unwrap_or_default();
        let media =
            content_type.trim_start().split([';', ' ', '\t', '(']).next().unwrap_or_default().to_ascii_lowercase();
        let media = if media.contains('/') { media } else { default.to_owned() };
        let mut children = Vec::new();
        if media.starts_with("multipart/") && depth < MAX_DEPTH {
            let default = if media == "multipart/digest" { "message/rfc822" } else { "text/plain" };
            let named = parameter(&content_type, "boundary");
            let mut pieces =
                named.map(|boundary| self.pieces(from + start, to, boundary.as_bytes())).unwrap_or_default();
            if pieces.is_empty()
                && let Some(likely) = self.likely_boundary(from + start, to)
            {
                pieces = self.pieces(from + start, to, likely.as_bytes());
            }
            for (from, to) in pieces {
                if self.parts >= MAX_PARTS || self.header_lines > MAX_HEADER_LINES {
                    break;
                }
                children.push(self.part(from, to, default, depth + 1).0);
            }
        }
        let encoding = fields.get("content-transfer-encoding").unwrap_or_default();
        (Part { media, content_type, encoding, body, children }, fields)
    }

    /// The first line that can be a boundary, where the header names none or one that is not there.
    fn likely_boundary(&mut self, from: usize, to: usize) -> Option<String> {
        let message = self.message;
        let dashed = self.dashed.get_or_insert_with(|| dashed_lines(message));
        let at = dashed.get(dashed.partition_point(|at| *at < from)).copied().filter(|at| *at < to)?;
        let (line, _) = first_line(message.get(at + 2..to)?);
        let line = std::str::from_utf8(line.trim_ascii_end()).ok()?;
        let names = line.len() <= 70 && line.chars().any(|c| c.is_ascii_alphanumeric()) && !line.contains(' ');
        names.then(|| line.to_owned())
    }

    /// What stands between the boundary lines.
    fn pieces(&mut self, from: usize, to: usize, boundary: &[u8]) -> Vec<(usize, usize)> {
        let message = self.message;
        let dashed = self.dashed.get_or_insert_with(|| dashed_lines(message));
        let first = dashed.partition_point(|at| *at < from);
        let (mut found, mut start) = (Vec::new(), None::<usize>);
        for at in dashed.iter().skip(first).copied().take_while(|at| *at < to) {
            let rest = message.get(at + 2..to).unwrap_or_default();
            let Some(after) = rest.strip_prefix(boundary) else { continue };
            let (after, length) = first_line(after);
            let after = after.trim_ascii();
            if !after.is_empty() && after != b"--" {
                continue;
            }
            if let Some(start) = start {
                let piece = message.get(start..at).unwrap_or_default();
                let end =
                    [&b"\r\n"[..], b"\n", b"\r"].iter().find(|end| piece.ends_with(end)).map_or(0, |end| end.len());
                found.push((start, at - end));
            }
            if after == b"--" || found.len() >= MAX_PARTS {
                return found;
            }
            start = Some(at + 2 + boundary.len() + length);
        }
        if let Some(start) = start {
            found.push((start, to));
        }
        found
    }
}

/// Where lines begin with `--`.
fn dashed_lines(message: &[u8]) -> Vec<usize> {
    let after = |line_end: &[u8]| -> Vec<usize> {
        memchr::memmem::find_iter(message, line_end).map(|at| at + 1).take(MAX_DASHED_LINES).collect()
    };
    let mut found = after(b"\n--");
    found.extend(after(b"\r--"));
    if message.starts_with(b"--") {
        found.push(0);
    }
    found.sort_unstable();
    found
}
