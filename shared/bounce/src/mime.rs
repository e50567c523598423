//! The tree of parts a message is made of.
//!
//! Bounces are written by the oldest and oddest programs there are, about mails that may be hostile. So this reader
//! takes what it finds (no closing boundary, text before the header ends, eight-bit header fields), never goes back,
//! and stops at fixed bounds instead of trusting the message.

use std::borrow::Cow;

use crate::text;

/// More header than this is not read.
pub(crate) const MAX_HEADER_BYTES: usize = 256 << 10;
const MAX_DEPTH: usize = 20;
const MAX_PARTS: usize = 1000;
/// More of one text than this says nothing new about a delivery.
const MAX_TEXT_BYTES: usize = 256 << 10;

/// Header fields in the order they stand, unfolded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads fields up to the first empty line; answers them and where the body begins.
    pub(crate) fn read(bytes: &[u8]) -> (Self, usize) {
        let (mut fields, mut at) = (Vec::<(String, String)>::new(), 0);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..length).unwrap_or_default();
            let next = (at + length + 1).min(bytes.len());
            if line.is_empty() {
                at = next;
                break;
            }
            if next > MAX_HEADER_BYTES {
                // The rest of an endless header is not a body either.
                at = memchr::memmem::find(rest, b"\n\n").map_or(bytes.len(), |blank| at + blank + 2);
                break;
            }
            if line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(String::from_utf8_lossy(line).trim());
                }
            } else if let Some(colon) = field_name_length(line) {
                let name =
                    String::from_utf8_lossy(line.get(..colon).unwrap_or_default()).trim_end().to_ascii_lowercase();
                let value = String::from_utf8_lossy(line.get(colon + 1..).unwrap_or_default()).trim().to_owned();
                fields.push((name, value));
            } else if !line.starts_with(b"From ")
                && !line.starts_with(b">From ")
                && !fields.is_empty()
                && line.starts_with(b"--")
            {
                // A boundary where a header should be: the empty line is missing.
                break;
            }
            at = next;
        }
        (Self(fields), at)
    }

    /// Fields that something other than a message lists.
    pub(crate) fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
    }

    /// The first field of that name (in lower case).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every field of that name, topmost first.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first of several names that is there and not empty.
    pub(crate) fn first_of(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name).filter(|value| !value.is_empty()))
    }

    /// The field with its encoded words decoded (RFC 2047).
    pub(crate) fn decoded(&self, name: &str) -> Option<String> {
        self.get(name).map(text::decode_words)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How long the field name at the start of a line is, if there is one.
pub(crate) fn field_name_length(line: &[u8]) -> Option<usize> {
    let colon = memchr::memchr(b':', line.get(..line.len().min(80))?)?;
    let name = line.get(..colon)?.trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(colon)
}

/// One part, or the whole message.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) fields: Fields,
    /// `type/subtype` in lower case.
    pub(crate) media: String,
    /// The undecoded body.
    pub(crate) body: &'a [u8],
    pub(crate) children: Vec<Part<'a>>,
}

impl<'a> Part<'a> {
    /// Reads a message; line ends must be LF.
    pub(crate) fn read(message: &'a [u8]) -> Self {
        Self::read_bounded(message, "text/plain", 0, &mut 0)
    }

    fn read_bounded(bytes: &'a [u8], default: &str, depth: usize, parts: &mut usize) -> Self {
        *parts += 1;
        let (fields, start) = Fields::read(bytes);
        let body = bytes.get(start..).unwrap_or_default();
        let content_type = fields.get("content-type").unwrap_or_default();
        let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let media = if media.contains('/') { media } else { default.to_owned() };
        let mut children = Vec::new();
        if media.starts_with("multipart/")
            && depth < MAX_DEPTH
            && let Some(boundary) = parameter(content_type, "boundary")
        {
            let default = if media == "multipart/digest" { "message/rfc822" } else { "text/plain" };
            for piece in pieces(body, &boundary) {
                if *parts >= MAX_PARTS {
                    break;
                }
                children.push(Self::read_bounded(piece, default, depth + 1, parts));
            }
        }
        Self { fields, media, body, children }
    }

    /// The body without its transfer encoding, with LF line ends.
    pub(crate) fn decoded(&self) -> Cow<'a, [u8]> {
        let encoding = self.fields.get("content-transfer-encoding").unwrap_or_default().trim().to_ascii_lowercase();
        let decoded = match encoding.as_str() {
            "base64" => mail_parser::decoders::base64::base64_decode(self.body),
            "quoted-printable" => mail_parser::decoders::quoted_printable::quoted_printable_decode(self.body),
            _ => None,
        };
        match decoded {
            Some(bytes) => Cow::Owned(text::normalise_line_ends(&bytes).into_owned()),
            None => Cow::Borrowed(self.body),
        }
    }

    /// The body as text for people: decoded, in Unicode, without HTML.
    pub(crate) fn text(&self) -> String {
        let bytes = self.decoded();
        let bytes = bytes.get(..bytes.len().min(MAX_TEXT_BYTES)).unwrap_or_default();
        let charset = parameter(self.fields.get("content-type").unwrap_or_default(), "charset");
        let text = text::decode_charset(bytes, charset.as_deref());
        if self.media == "text/html" || (self.children.is_empty() && text::looks_like_html(&text)) {
            text::without_html(&text)
        } else {
            text
        }
    }
}

/// A parameter of a structured field, without quotes.
pub(crate) fn parameter(value: &str, name: &str) -> Option<String> {
    value
        .split(';')
        .skip(1)
        .find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
        })
        .filter(|value| !value.is_empty())
}

/// What stands between the boundary lines.
fn pieces<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let (mut found, mut start, mut at) = (Vec::new(), None::<usize>, 0);
    let delimiter = boundary.as_bytes();
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let line = rest.get(..length).unwrap_or_default();
        if let Some(after) = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(delimiter)) {
            let after = after.trim_ascii();
            if after.is_empty() || after == b"--" {
                if let Some(start) = start {
                    found.push(body.get(start..at.saturating_sub(1).max(start)).unwrap_or_default());
                }
                if after == b"--" {
                    return found;
                }
                start = Some(at + length);
                if found.len() >= MAX_PARTS {
                    return found;
                }
            }
        }
        at += length;
    }
    if let Some(start) = start {
        found.push(body.get(start..).unwrap_or_default());
    }
    found
}
