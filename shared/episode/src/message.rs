//! A message as it travels: a head that grows at the top, and a body that stays.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Lines end as on the wire.
pub(crate) const EOL: &str = "\r\n";

/// Head and body, both with wire line ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Message {
    /// Adds a field below the others. The value may be folded already.
    pub(crate) fn field(&mut self, name: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.head, "{name}: {value}{EOL}");
    }

    /// Puts complete lines above the others, as every host does.
    pub(crate) fn stamp(&mut self, lines: &str) {
        self.head.insert_str(0, lines);
    }

    pub(crate) fn whole(&self) -> String {
        format!("{}{EOL}{}", self.head, self.body)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.whole().into_bytes()
    }

    /// The value of a field in one line; `None` where there is none.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let mut lines = self.head.split(EOL);
        let starts = |line: &str| {
            line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
                && !line.starts_with([' ', '\t'])
        };
        let first = lines.by_ref().find(|line| starts(line))?;
        let (_, first) = first.split_once(':')?;
        let rest = lines.take_while(|line| line.starts_with([' ', '\t']));
        Some(rest.fold(first.trim().to_owned(), |value, line| format!("{value} {}", line.trim())))
    }
}

/// The charset in which a program writes what is not ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    /// Japan's on mail, from JUNET on.
    Iso2022Jp,
}

impl Charset {
    fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Iso2022Jp => "ISO-2022-JP",
        }
    }

    fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Iso2022Jp => encoding_rs::ISO_2022_JP.encode(text).0.into_owned(),
        }
    }

    /// RFC 2047 where it is needed, folded.
    pub(crate) fn header(self, text: &str) -> String {
        if text.is_ascii() {
            return text.to_owned();
        }
        let characters: Vec<char> = text.chars().collect();
        let words = characters.chunks(13).map(|chunk| {
            let chunk: String = chunk.iter().collect();
            format!("=?{}?B?{}?=", self.name(), STANDARD.encode(self.encode(&chunk)))
        });
        words.collect::<Vec<_>>().join("\r\n ")
    }

    /// A `text/plain` or `text/html` part: its fields, and its body.
    pub(crate) fn part(self, kind: &str, text: &str) -> (String, String) {
        let text = text.replace(EOL, "\n").replace('\n', EOL);
        if text.is_ascii() {
            let fields = format!("Content-Type: {kind}; charset=us-ascii{EOL}Content-Transfer-Encoding: 7bit{EOL}");
            return (fields, text);
        }
        match self {
            Self::Utf8 => (
                format!("Content-Type: {kind}; charset=UTF-8{EOL}Content-Transfer-Encoding: base64{EOL}"),
                base64_lines(text.as_bytes()),
            ),
            Self::Iso2022Jp => (
                format!("Content-Type: {kind}; charset=\"iso-2022-jp\"{EOL}Content-Transfer-Encoding: 7bit{EOL}"),
                // Every byte is below 0x80.
                String::from_utf8(self.encode(&text)).unwrap_or_default(),
            ),
        }
    }
}

/// Base64 in lines of 76 characters.
pub(crate) fn base64_lines(bytes: &[u8]) -> String {
    let mut lines = String::new();
    for chunk in bytes.chunks(57) {
        let _ = write!(lines, "{}{EOL}", STANDARD.encode(chunk));
    }
    lines
}

/// Breaks a text at blanks so that lines stay below `width`, each but the first after `indent`.
pub(crate) fn folded(text: &str, width: usize, indent: &str) -> String {
    let (mut out, mut used) = (String::new(), 0);
    for word in text.split(' ') {
        if used > 0 && used + word.len() + 1 > width {
            out.push_str(EOL);
            out.push_str(indent);
            used = indent.len();
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += word.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_and_new_lines_go_on_top() {
        let mut message = Message::default();
        message.field("Subject", "one\r\n two");
        message.field("To", "a@example.com");
        message.stamp("Received: above\r\n");
        assert_eq!(message.value("subject").as_deref(), Some("one two"));
        assert_eq!(message.value("to").as_deref(), Some("a@example.com"));
        assert_eq!(message.value("cc"), None);
        assert!(message.whole().starts_with("Received"));
    }

    #[test]
    fn japanese_is_encoded_in_both_ways() {
        assert_eq!(Charset::Utf8.header("見積"), "=?UTF-8?B?6KaL56mN?=");
        assert_eq!(Charset::Iso2022Jp.header("見積"), "=?ISO-2022-JP?B?GyRCOCtAURsoQg==?=");
        assert_eq!(Charset::Iso2022Jp.header("plain"), "plain");
    }

    #[test]
    fn lines_are_folded_at_blanks() {
        assert_eq!(folded("aaa bbb ccc", 8, "  "), "aaa bbb\r\n  ccc");
    }
}
