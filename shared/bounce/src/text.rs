//! Bytes to text, and the small things found in text: addresses, dates, hosts.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use crate::address;

/// The first line without its end, be that LF, CRLF or CR, and the length with it.
pub(crate) fn first_line(bytes: &[u8]) -> (&[u8], usize) {
    let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else { return (bytes, bytes.len()) };
    let is_pair = bytes.get(end..end + 2) == Some(b"\r\n");
    (bytes.get(..end).unwrap_or_default(), end + 1 + usize::from(is_pair))
}

/// So many bytes are compared at once.
const BLOCK: usize = 4 << 10;

/// Where two bytes that follow each other are so. No branch is taken for a byte, so that a processor compares many at once.
pub(crate) fn find_pair(bytes: &[u8], is_so: impl Fn(u8, u8) -> bool) -> Option<usize> {
    let blocks = bytes.chunks(BLOCK).zip(bytes.get(1..)?.chunks(BLOCK));
    for (start, (block, next)) in (0..).step_by(BLOCK).zip(blocks) {
        if block.iter().zip(next).fold(false, |any, (byte, next)| any | is_so(*byte, *next)) {
            return block.iter().zip(next).position(|(byte, next)| is_so(*byte, *next)).map(|at| start + at);
        }
    }
    None
}

/// The bytes with no CR alone in them, unless it is what ends the first line: then it ends all.
///
/// Other readers, and DKIM, take it for a letter like others. Whoever can put one into a report would write fields of
/// his own.
pub(crate) fn with_one_line_end(bytes: &[u8]) -> Cow<'_, [u8]> {
    // Programs that write CRLF for each LF make CR CR LF of what has CRLF already.
    let cr_run = |bytes: &[u8]| bytes.iter().take_while(|byte| **byte == b'\r').count();
    let first_end = memchr::memchr2(b'\n', b'\r', bytes).and_then(|at| bytes.get(at..)).unwrap_or_default();
    if first_end.get(cr_run(first_end)).copied() != Some(b'\n') {
        return Cow::Borrowed(bytes);
    }
    let at_end = || bytes.len().checked_sub(1).filter(|_| bytes.ends_with(b"\r"));
    let Some(first) = find_pair(bytes, |byte, next| byte == b'\r' && next != b'\n').or_else(at_end) else {
        return Cow::Borrowed(bytes);
    };
    let mut out = Vec::with_capacity(bytes.len());
    let (before, mut rest) = bytes.split_at(first);
    out.extend_from_slice(before);
    while let Some(at) = memchr::memchr(b'\r', rest) {
        let (before, behind) = rest.split_at(at);
        out.extend_from_slice(before);
        rest = behind.get(cr_run(behind)..).unwrap_or_default();
        out.push(if rest.first() == Some(&b'\n') { b'\r' } else { b' ' });
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// The first `limit` bytes of what it would be if LF alone ended lines.
pub(crate) fn with_lf(bytes: &[u8], limit: usize) -> Cow<'_, [u8]> {
    let start = bytes.get(..bytes.len().min(limit)).unwrap_or_default();
    let Some(first) = memchr::memchr(b'\r', start) else { return Cow::Borrowed(start) };
    let mut out = Vec::with_capacity(start.len());
    let (before, mut rest) = bytes.split_at(first);
    out.extend_from_slice(before);
    while !rest.is_empty() && out.len() < limit {
        let end = memchr::memchr(b'\r', rest).unwrap_or(rest.len());
        out.extend_from_slice(rest.get(..end.min(limit - out.len())).unwrap_or_default());
        rest = rest.get(end..).unwrap_or_default();
        if let Some(after) = rest.strip_prefix(b"\r") {
            out.push(b'\n');
            rest = after.strip_prefix(b"\n").unwrap_or(after);
        }
    }
    out.truncate(limit);
    Cow::Owned(out)
}

/// Text in the charset it names, or in the one it seems to be in.
pub(crate) fn decode_charset<'a>(bytes: &'a [u8], charset: Option<&str>) -> Cow<'a, str> {
    let named = charset.and_then(|label| encoding_rs::Encoding::for_label_no_replacement(label.as_bytes()));
    if shifts(bytes) {
        return Cow::Owned(line_by_line(bytes, named));
    }
    encoding(bytes, named).decode_without_bom_handling(bytes).0
}

fn encoding(bytes: &[u8], named: Option<&'static encoding_rs::Encoding>) -> &'static encoding_rs::Encoding {
    // What ASCII or ISO-2022-JP is called and has eight bits is something else.
    let says_seven_bits = [encoding_rs::ISO_2022_JP, encoding_rs::WINDOWS_1252];
    match named.filter(|encoding| !says_seven_bits.contains(encoding) || bytes.is_ascii()) {
        Some(encoding) => encoding,
        None if std::str::from_utf8(bytes).is_ok() => encoding_rs::UTF_8,
        None => japanese(bytes).unwrap_or(encoding_rs::WINDOWS_1252),
    }
}

/// Whether it goes over to double-byte letters, as ISO-2022-JP does, whatever it is called.
fn shifts(bytes: &[u8]) -> bool {
    memchr::memchr_iter(0x1b, bytes).any(|at| bytes.get(at + 1) == Some(&b'$'))
}

/// Each line begins and ends in ASCII (RFC 1468), so three bytes that a stranger writes spoil no other line.
fn line_by_line(bytes: &[u8], named: Option<&'static encoding_rs::Encoding>) -> String {
    let lines = || bytes.split_inclusive(|byte| *byte == b'\n');
    let others: Vec<u8> = lines().filter(|line| !shifts(line)).flatten().copied().collect();
    let of_others = encoding(&others, named);
    let mut out = String::with_capacity(bytes.len());
    for line in lines() {
        let (line, end) = line.strip_suffix(b"\n").map_or((line, ""), |line| (line, "\n"));
        let in_japanese = shifts(line).then(|| encoding_rs::ISO_2022_JP.decode_without_bom_handling(line).0);
        // A line that never shifts back and is not right is no Japanese: all of an HTML text may be one line.
        let is_wrong = |text: &str| text.strip_suffix('\u{fffd}').unwrap_or(text).contains('\u{fffd}');
        let is_utf_8 = !line.is_ascii() && std::str::from_utf8(line).is_ok();
        let shifts_back = || memchr::memmem::rfind(line, b"\x1b(") > memchr::memmem::rfind(line, b"\x1b$");
        let in_japanese = in_japanese.filter(|text| !is_utf_8 && (shifts_back() || !is_wrong(text)));
        let text = in_japanese.unwrap_or_else(|| of_others.decode_without_bom_handling(line).0);
        out.push_str(&text);
        out.push_str(end);
    }
    out
}

/// The Japanese charset that the bytes are without fault, if they hold kana.
fn japanese(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    [encoding_rs::EUC_JP, encoding_rs::SHIFT_JIS].into_iter().find(|encoding| {
        encoding
            .decode_without_bom_handling_and_without_replacement(bytes)
            .is_some_and(|text| text.contains(|c: char| ('\u{3041}'..='\u{30fe}').contains(&c)))
    })
}

/// The bytes of a text in which two hexadecimal digits behind `sign` stand for one.
pub(crate) fn with_hex_decoded(text: &[u8], sign: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|hex| *first == sign && hex.iter().all(u8::is_ascii_hexdigit));
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    bytes
}

/// A date as mail programs write it.
pub(crate) fn date(text: &str) -> Option<DateTime<Utc>> {
    mail_parser::DateTime::parse_rfc822(text.trim())
        .filter(mail_parser::DateTime::is_valid)
        .and_then(|date| DateTime::from_timestamp(date.to_timestamp(), 0))
}

/// Whether a text that does not say so is HTML.
pub(crate) fn looks_like_html(text: &str) -> bool {
    let text = text.trim_start();
    ["<html", "<!doctype html", "<body", "<head"].iter().any(|tag| starts_with(text, tag))
}

/// Tags that end a line, of long names the first eight letters.
const BLOCKS: &[&str] = &[
    "br", "p", "/p", "div", "/div", "tr", "/tr", "li", "/li", "h1", "h2", "h3", "/h1", "/h2", "/h3", "hr", "/td",
    "/pre", "pre", "table", "/table", "/title", "blockquo",
];

/// The text a reader of the HTML would see, a line a block.
pub(crate) fn without_html(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    let mut hidden: Option<&'static str> = None;
    while let Some(at) = rest.find('<') {
        let (before, tag_on) = (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default());
        if hidden.is_none() {
            push_unescaped(before, &mut out);
        }
        let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'!');
        let name = tag_on.get(..tag_on.bytes().take(8).take_while(is_of_name).count()).unwrap_or_default();
        if name.is_empty() {
            out.push('<');
            rest = tag_on;
            continue;
        }
        // "<user@example.org>" written by a program that forgot to escape.
        let end = tag_on.find('>').unwrap_or(tag_on.len());
        let inside = tag_on.get(..end).unwrap_or_default();
        if hidden.is_none() && inside.contains('@') && !inside.contains([' ', '=', '"']) {
            out.push('<');
            out.push_str(inside);
            out.push('>');
        }
        if let Some(closing) = hidden {
            hidden = hidden.filter(|_| !name.eq_ignore_ascii_case(closing));
        } else if name.eq_ignore_ascii_case("style") {
            hidden = Some("/style");
        } else if name.eq_ignore_ascii_case("script") {
            hidden = Some("/script");
        } else if BLOCKS.iter().any(|block| name.eq_ignore_ascii_case(block)) {
            // A table's cell within a row within a division ends one line, and leaves no empty ones.
            let parts = ["br", "p", "/p", "hr"].iter().any(|tag| name.eq_ignore_ascii_case(tag));
            if parts || !out.ends_with('\n') {
                out.push('\n');
            }
        }
        rest = tag_on.get(end + 1..).unwrap_or_default();
    }
    if hidden.is_none() {
        push_unescaped(rest, &mut out);
    }
    out
}

fn push_unescaped(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(rest.get(..at).unwrap_or_default());
        let after = rest.get(at + 1..).unwrap_or_default();
        let entity = after.bytes().take(10).position(|byte| byte == b';').and_then(|end| after.get(..end));
        let known = entity.and_then(|entity| Some((entity, character(entity)?)));
        if let Some((entity, character)) = known {
            out.push(if character == '\u{a0}' { ' ' } else { character });
            rest = after.get(entity.len() + 1..).unwrap_or_default();
        } else {
            out.push('&');
            rest = after;
        }
    }
    out.push_str(rest);
}

/// What an entity without its `&` and `;` stands for.
fn character(entity: &str) -> Option<char> {
    let mut decoded = String::new();
    mail_parser::decoders::html::add_html_token(&mut decoded, ["&", entity, ";"].concat().as_bytes(), false);
    let mut characters = decoded.chars();
    // One that is not known stays as it was written.
    characters.next().filter(|_| characters.next().is_none())
}

/// Longer than that is no address: a path has 256 bytes (RFC 5321, 4.5.3.1.3), and some programs take more.
pub(crate) const MAX_ADDRESS_BYTES: usize = 1_000;

/// The addresses in a line, in lower case, without duplicates, as many as anybody wants to know.
pub(crate) fn addresses(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for address in every_address(line) {
        if !found.contains(&address) {
            found.push(address);
        }
        if found.len() == 64 {
            break;
        }
    }
    found
}

/// The addresses in a line, in lower case.
fn every_address(line: &str) -> impl Iterator<Item = String> {
    let mut from = 0;
    let ats = memchr::memchr_iter(b'@', line.as_bytes());
    ats.filter_map(move |at| {
        let before = line.get(from..at).unwrap_or_default();
        let after = line.get(at + 1..).unwrap_or_default();
        if is_in_quotes(line.as_bytes(), from, at) {
            return None;
        }
        let inside = in_angle(line, from, at);
        from = at + 1;
        if let Some(inside) = inside {
            return address::spec(inside);
        }
        let local = local_part(before);
        let domain = domain(after).trim_end_matches(['.', '-', '_']);
        // What stands in a link is its page's, not somebody's.
        if local.is_empty() || local.starts_with("//") || local.len() + domain.len() >= MAX_ADDRESS_BYTES {
            return None;
        }
        let is_host = domain == "localhost" || domain.contains(['.', ':']) && !domain.starts_with('.');
        is_host.then(|| into_lower([local, "@", domain].concat()))
    })
}

/// Whether the `@` stands in the quotes of a local part: `"a@b.example"@c.example` is an address at c.example.
fn is_in_quotes(line: &[u8], from: usize, at: usize) -> bool {
    let (before, after) = around(line, from, at);
    let closing = memchr::memchr(b'"', after).filter(|end| after.get(end + 1) == Some(&b'@'));
    closing.is_some() && memchr::memchr(b'"', before).is_some()
}

/// What stands in angle brackets, without a space, around the `@`.
fn in_angle(line: &str, from: usize, at: usize) -> Option<&str> {
    let (before, after) = around(line.as_bytes(), from, at);
    let open = at - before.len() + memchr::memrchr(b'<', before)?;
    let close = at + memchr::memchr(b'>', after)?;
    let inside = line.get(open + 1..close)?;
    (!inside.bytes().any(|byte| matches!(byte, b' ' | b'\t' | b'<' | b'>' | b'"'))).then_some(inside)
}

/// What stands before the `@`, and what from there on, as much as an address may have.
fn around(line: &[u8], from: usize, at: usize) -> (&[u8], &[u8]) {
    let (start, end) = (from.max(at.saturating_sub(MAX_ADDRESS_BYTES)), line.len().min(at + MAX_ADDRESS_BYTES));
    (line.get(start..at).unwrap_or_default(), line.get(at..end).unwrap_or_default())
}

/// The host name that the text starts with, or the address of one (RFC 5321, 4.1.3).
fn domain(text: &str) -> &str {
    let literal = text.strip_prefix('[').and_then(|rest| cut(rest, 50).find(']'));
    if let Some(end) = literal.filter(|end| text.get(1..=*end).is_some_and(is_literal)) {
        return text.get(..end + 2).unwrap_or_default();
    }
    let is_of_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let ascii = text.bytes().position(|byte| !is_of_host(&byte)).unwrap_or(text.len());
    if text.as_bytes().get(ascii).is_none_or(u8::is_ascii) {
        return text.get(..ascii).unwrap_or_default();
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))).unwrap_or(text.len());
    let host = text.get(..end).unwrap_or_default();
    // "a@b.exampleへ": Chinese, Japanese and Korean put no space there, and a label is in one script.
    let mut in_ascii = false;
    let particle = host.char_indices().find_map(|(at, c)| {
        let is_particle = in_ascii && is_east_asian(c);
        in_ascii = c.is_ascii_alphanumeric();
        is_particle.then_some(at)
    });
    particle.and_then(|at| host.get(..at)).unwrap_or(host)
}

/// Of the scripts that are written without spaces, or put particles right behind a word.
fn is_east_asian(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}')
}

/// `192.0.2.1` or `IPv6:2001:db8::1`.
fn is_literal(text: &str) -> bool {
    let digits = text.strip_prefix("IPv6:").unwrap_or(text);
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '.' | ':'))
}

/// The local part that ends where the text ends.
fn local_part(before: &str) -> &str {
    if let Some(open) = before.strip_suffix('"').and_then(|text| text.rfind('"')) {
        return before.get(open..).unwrap_or_default();
    }
    let is_atom = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '!' | '#'..='\'' | '*' | '+' | '-'..='/' | '=' | '?' | '^'..='`' | '{'..='~')
            // RFC 6532 lets in all that is not ASCII; pictures are meant, not the brackets of other scripts.
            || (!c.is_ascii() && (c.is_alphanumeric() || ('\u{1f000}'..'\u{20000}').contains(&c)))
    };
    let local = before.trim_end_matches(is_atom);
    let local = before.get(local.len()..).unwrap_or_default();
    if local.starts_with("=?") {
        return local; // an encoded word where none may stand, kept as it was written
    }
    let local = match local.char_indices().rev().find(|(_, c)| is_east_asian(*c)) {
        Some((at, c)) if at + c.len_utf8() < local.len() => local.get(at + c.len_utf8()..).unwrap_or_default(),
        Some(_) | None => local,
    };
    let local = local.trim_start_matches(['\'', '`', '.', '-', '=']);
    // "rfc822;a@b", "mailto:a@b", "TO=a@b"
    local.rsplit_once('=').filter(|(name, _)| name.len() <= 4).map_or(local, |(_, value)| value)
}

/// In lower case.
pub(crate) fn lower(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() }
}

/// In lower case, in the same place if it is ASCII.
pub(crate) fn into_lower(mut text: String) -> String {
    if !text.is_ascii() {
        return text.to_lowercase();
    }
    text.make_ascii_lowercase();
    text
}

/// In lower case, as it is where it has no capitals.
pub(crate) fn lowered(text: &str) -> Cow<'_, str> {
    let is_small = |byte: &u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if text.as_bytes().iter().all(is_small) { Cow::Borrowed(text) } else { Cow::Owned(lower(text)) }
}

/// Whether the text starts so; letters of ASCII are the same in both cases.
pub(crate) fn starts_with(text: &str, start: &str) -> bool {
    text.as_bytes().get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start.as_bytes()))
}

/// The text in lower case, with single spaces and without addresses: what rules are compared with.
///
/// An address may be called `spam-filter@quota.example`; that is no reason.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    if !text.is_ascii() {
        text.split_whitespace().for_each(|word| push_word(&lower(word), &mut out));
        return out;
    }
    // In ASCII a byte is a letter, so blanks and capitals can be replaced where they stand.
    let mut bytes = text.as_bytes().to_ascii_lowercase();
    for byte in &mut bytes {
        *byte = if matches!(*byte, b'\t'..=b'\r') { b' ' } else { *byte };
    }
    let text = String::from_utf8(bytes).unwrap_or_default();
    let mut rest = text.as_str();
    while let Some(at) = memchr::memchr(b'@', rest.as_bytes()) {
        let (before, after) = rest.split_at(at);
        let start = before.rfind(' ').map_or(0, |blank| blank + 1);
        let end = after.find(' ').map_or(rest.len(), |blank| at + blank);
        push_words(rest.get(..start).unwrap_or_default(), &mut out);
        push_word(rest.get(start..end).unwrap_or_default(), &mut out);
        rest = rest.get(end..).unwrap_or_default();
    }
    push_words(rest, &mut out);
    out
}

/// Words without addresses, with blanks between.
fn push_words(words: &str, out: &mut String) {
    let mut rest = words.trim_matches(' ');
    if !rest.is_empty() && !out.is_empty() {
        out.push(' ');
    }
    while let Some(at) = find_pair(rest.as_bytes(), |byte, next| byte == b' ' && next == b' ') {
        let (word, blanks) = rest.split_at(at);
        out.push_str(word);
        out.push(' ');
        rest = blanks.trim_start_matches(' ');
    }
    out.push_str(rest);
}

fn push_word(word: &str, out: &mut String) {
    if !out.is_empty() {
        out.push(' ');
    }
    if memchr::memchr(b'@', word.as_bytes()).is_some() { push_masked(word, out) } else { out.push_str(word) }
}

/// Every address as `x@x`.
fn push_masked(word: &str, out: &mut String) {
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('@') {
        let local = local_part(before);
        out.push_str(before.strip_suffix(local).unwrap_or_default());
        out.push_str("x@x");
        let domain = domain(after);
        rest = after.strip_prefix(domain).unwrap_or_default();
        // Dots after the address belong to the text: "a@b.example... User unknown".
        out.push_str(domain.get(domain.trim_end_matches('.').len()..).unwrap_or_default());
    }
    out.push_str(rest);
}

/// At most `bytes` of the text, cut between characters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lends_no_words_to_the_rules() {
        assert_eq!(fold("550  <spam-filter@quota.example>... User"), "550 <x@x>... user");
        assert_eq!(fold("To a@b.example, c@d.example"), "to x@x, x@x");
    }

    #[test]
    fn addresses_are_found_in_the_company_they_keep() {
        assert_eq!(
            addresses("RCPT TO:<Carl@Example.com> rfc822;dora@example.net."),
            ["carl@example.com", "dora@example.net"]
        );
        assert_eq!(addresses("an @ sign, a@b, @example.org"), Vec::<String>::new());
        assert_eq!(
            addresses("<x=a@b.example> <\"c@d.example\"@e.example> <佐taro@f.example> <g@h.example~i>"),
            ["x=a@b.example", "\"c@d.example\"@e.example", "佐taro@f.example"]
        );
        assert_eq!(addresses("\"a@b.example\" and \"c@d.example\""), ["a@b.example", "c@d.example"]);
        assert_eq!(
            addresses("<a@[192.0.2.1]>, b@[IPv6:2001:db8::1]: c@[x]"),
            ["a@[192.0.2.1]", "b@[ipv6:2001:db8::1]"]
        );
    }

    #[test]
    fn japanese_is_read_whatever_it_is_called() {
        for (encoding, charset) in [
            (encoding_rs::EUC_JP, Some("us-ascii")),
            (encoding_rs::SHIFT_JIS, None),
            (encoding_rs::EUC_JP, Some("iso-2022-jp")),
            (encoding_rs::ISO_2022_JP, None),
            (encoding_rs::UTF_8, Some("us-ascii")),
        ] {
            let (bytes, _, _) = encoding.encode("宛先が見つかりません");
            assert_eq!(decode_charset(&bytes, charset), "宛先が見つかりません", "{} {charset:?}", encoding.name());
        }
        assert_eq!(decode_charset(b"gr\xfc\xdfe", Some("iso-8859-1")), "grüße");
    }

    #[test]
    fn three_bytes_that_a_stranger_writes_spoil_no_other_line() {
        let spoiled = decode_charset(b"<a@b.example>: 550 \x1b$B bye\n<c@d.example>: no", None);
        assert_eq!(spoiled, "<a@b.example>: 550 \u{1b}$B bye\n<c@d.example>: no");
        let utf_8 = "宛先 \u{1b}$B$\"\u{1b}(B <c@d.example>\n宛先 \u{1b}$B\n宛先";
        assert_eq!(decode_charset(utf_8.as_bytes(), Some("utf-8")), utf_8);
        // Cut off within a letter.
        assert_eq!(decode_charset(b"\x1b$B$\"$\nok", None), "あ\u{fffd}\nok");
    }

    #[test]
    fn a_charset_that_browsers_refuse_hides_nothing() {
        for charset in ["hz-gb-2312", "iso-2022-kr", "iso-2022-cn"] {
            assert_eq!(decode_charset(b"<a@b.example>: no", Some(charset)), "<a@b.example>: no", "{charset}");
        }
    }

    #[test]
    fn html_becomes_the_lines_a_reader_sees() {
        let text = without_html(
            "<style>p{}</style><p>To <a href='mailto:a@b.example'>a@b.example</a><br>550&nbsp;&lt;no&gt;</p>",
        );
        assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["To", "a@b.example", "550", "<no>"]);
    }

    #[test]
    fn an_address_ends_where_the_script_changes() {
        assert_eq!(addresses("您发给wang@b.example的邮件"), ["wang@b.example"]);
        assert_eq!(addresses("kim@b.example로 메일이"), ["kim@b.example"]);
        assert_eq!(addresses("例@例え.example"), ["例@例え.example"]);
        assert!(addresses("https://b.example/login?a@c.example").is_empty());
    }

    #[test]
    fn entities_become_the_letters_they_stand_for() {
        let text = without_html("La bo&icirc;te est pleine &#233;t&eacute; &mdash; R&amp;D &unknown; &");
        assert_eq!(text, "La boîte est pleine été — R&D &unknown; &");
    }

    #[test]
    fn a_cr_alone_ends_a_line_only_where_it_ends_the_first() {
        for (bytes, expected) in [
            ("a\nb\rc\r\rd\n", "a\nb c d\n"),
            ("a\r\nb\rc\r\n\r", "a\r\nb c\r\n "),
            ("a\r\r\nb\r\r\n\r\r\n", "a\r\nb\r\n\r\n"),
            ("a\rb\r\rc\r", "a\rb\r\rc\r"),
            ("a\rb\n", "a\rb\n"),
            ("a\n\nb", "a\n\nb"),
            ("", ""),
        ] {
            assert_eq!(with_one_line_end(bytes.as_bytes()).as_ref(), expected.as_bytes(), "{bytes:?}");
        }
    }

    #[test]
    fn every_line_end_becomes_lf() {
        assert_eq!(with_lf(b"a\r\nb\rc\n", 100).as_ref(), b"a\nb\nc\n");
        for limit in 0..6 {
            assert_eq!(with_lf(b"a\r\nb\rc\n", limit).as_ref(), &b"a\nb\nc\n"[..limit]);
        }
    }
}
