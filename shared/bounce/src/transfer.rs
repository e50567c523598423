//! Transfer encodings (RFC 2045, 6) of parts that were damaged on their way.
//!
//! mail-parser decodes the whole or nothing. But a gateway puts its footer below a part without asking how that is
//! encoded, and a home-grown program leaves a `=` of its own in it: what was encoded well is then still there.

use crate::text;

/// The bytes of a base64 text with LF line ends; what is not of the alphabet is passed over (RFC 2045, 6.8). `None` if
/// its first line has words: then it is only called so.
pub(crate) fn base64(encoded: &[u8]) -> Option<Vec<u8>> {
    let decode = |encoded: &[u8]| mail_parser::decoders::base64::base64_decode(encoded);
    decode(encoded).or_else(|| {
        let (first, _) = text::first_line(encoded.trim_ascii_start());
        let has_words = first.trim_ascii_end().iter().any(|byte| matches!(byte, b' ' | b':'));
        (!has_words).then(|| decode(&base64_alone(encoded)).unwrap_or_default())
    })
}

/// The letters of the alphabet, up to the padding, or to what somebody has written below.
fn base64_alone(encoded: &[u8]) -> Vec<u8> {
    let mut letters = Vec::with_capacity(encoded.len());
    let mut is_below_blank = false;
    for line in encoded.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            is_below_blank = !letters.is_empty();
            continue;
        }
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        // A blank line alone says nothing: where CR was doubled, one is behind each.
        if is_below_blank && !line.iter().all(|byte| is_letter(byte) || *byte == b'=') {
            break;
        }
        let end = memchr::memchr(b'=', line);
        letters.extend(line.get(..end.unwrap_or(line.len())).unwrap_or_default().iter().copied().filter(is_letter));
        if end.is_some() {
            break;
        }
    }
    letters
}

/// The bytes of a quoted-printable text with LF line ends; a `=` that begins nothing stays (RFC 2045, 6.7).
pub(crate) fn quoted_printable(encoded: &[u8]) -> Vec<u8> {
    mail_parser::decoders::quoted_printable::quoted_printable_decode(encoded).unwrap_or_else(|| {
        let mut out = Vec::with_capacity(encoded.len());
        for line in encoded.split_inclusive(|byte| *byte == b'\n') {
            let (line, end) = line.strip_suffix(b"\n").map_or((line, &b""[..]), |line| (line, b"\n"));
            let line = line.trim_ascii_end();
            let (line, end) = line.strip_suffix(b"=").map_or((line, end), |line| (line, b""));
            out.extend(text::with_hex_decoded(line, b'='));
            out.extend_from_slice(end);
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_up_to_what_somebody_wrote_below_it() {
        for encoded in [
            "YWJj\nZGVmZw==",
            "YWJj\nZGVmZw==\n\n-- \nscanned by a gateway\n",
            "YWJj\nZGVmZw==\nscanned, and clean\n",
            "YWJj\nZGVmZw\n\n-- \nscanned by a gateway\n",
            "\nYWJj!\n\nZGVmZw==",
            "YW*Jj\n ZGV-mZw==\n",
        ] {
            assert_eq!(base64(encoded.as_bytes()).as_deref(), Some(&b"abcdefg"[..]), "{encoded}");
        }
        assert_eq!(base64(b"Action: failed\n"), None);
    }

    #[test]
    fn an_equals_sign_that_begins_nothing_stays() {
        for (encoded, expected) in [
            ("a@ev=\nil.example\n?id=zz9=C3=A9 \nb", "a@evil.example\n?id=zz9\u{e9}\nb"),
            ("a=3D=\n=z= \n=4", "a==z=4"),
        ] {
            assert_eq!(quoted_printable(encoded.as_bytes()), expected.as_bytes(), "{encoded}");
        }
    }
}
