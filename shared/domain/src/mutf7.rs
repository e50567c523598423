//! Folder names as people see them (modified UTF-7, RFC 3501, 5.1.3).

use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base64 with "," for "/" and without padding.
fn base64() -> Option<GeneralPurpose> {
    let alphabet = Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").ok()?;
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    Some(GeneralPurpose::new(&alphabet, config))
}

/// The name as servers spell it; `None`: it can't be spelled.
pub fn encode(name: &str) -> Option<String> {
    let base64 = base64()?;
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let is_plain = |c: char| matches!(c, ' '..='~');
        let end = rest.find(|c| is_plain(c) != is_plain(first)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        if is_plain(first) {
            out.push_str(&part.replace('&', "&-"));
        } else {
            let units: Vec<u8> = part.encode_utf16().flat_map(u16::to_be_bytes).collect();
            out.extend(["&", &base64.encode(units), "-"]);
        }
        rest = after;
    }
    Some(out)
}

/// The name in Unicode, or `None` when it is not modified UTF-7. Servers of the second revision send UTF-8; it passes.
pub fn decode(name: &str) -> Option<String> {
    let base64 = base64()?;
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, shifted)) = rest.split_once('&') {
        let (encoded, after) = shifted.split_once('-')?;
        out.push_str(before);
        if encoded.is_empty() {
            out.push('&');
        } else {
            let octets = base64.decode(encoded).ok()?;
            let (units, odd) = octets.as_chunks::<2>();
            if !odd.is_empty() {
                return None;
            }
            let units = units.iter().map(|pair| u16::from_be_bytes(*pair));
            out.push_str(&char::decode_utf16(units).collect::<Result<String, _>>().ok()?);
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_japanese_clients_are_read() {
        for (encoded, name) in [
            ("&kAFP4W4IMH8w4TD8MOs-", "送信済みメール"),
            ("&kAFP4W4IMH8wojCkMMYw4A-", "送信済みアイテム"),
            ("&kAFP4W4IMH,,kv9w,5k-", "送信済みﾒｰﾙ"),
            ("&j,dg0TDhMPww6zDVMKkw6zDA-", "迷惑メールフォルダ"),
            ("&MLQw33ux-", "ゴミ箱"),
            ("Entw&APw-rfe", "Entwürfe"),
            ("R&-D", "R&D"),
            ("Sent", "Sent"),
        ] {
            assert_eq!(decode(encoded).as_deref(), Some(name), "{encoded}");
            assert_eq!(encode(name).as_deref(), Some(encoded), "{name}");
        }
    }

    #[test]
    fn what_is_not_modified_utf_7_is_no_name() {
        for broken in ["&", "a&b", "&AA-", "&2AA-", "&*-"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
