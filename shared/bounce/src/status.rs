//! Status and reply codes in running text.

use std::borrow::Cow;

use daimon_domain::status::{Class, EnhancedStatus};

use crate::text;

/// The reply codes of RFC 5321 and those that servers made up and kept.
const REPLIES: &[u16] = &[
    421, 422, 430, 431, 432, 441, 442, 450, 451, 452, 453, 454, 455, 458, 471, 500, 501, 502, 503, 504, 510, 511, 512,
    513, 515, 517, 521, 523, 525, 530, 533, 534, 535, 540, 541, 542, 543, 550, 551, 552, 553, 554, 555, 556, 557, 559,
    570, 571, 572, 573, 574, 577, 579, 580, 582, 590,
];

/// `5.999.999`.
const MAX_STATUS_BYTES: usize = 9;

/// The most telling status in the text: the first behind a reply code, then the first that says more than `x.0.0`,
/// then the first.
pub(crate) fn find_status(text: &str) -> Option<EnhancedStatus> {
    let (mut first, mut telling, mut expired, mut behind_reply) = (None, None, None, false);
    for word in words(text) {
        if let Some(status) = word.parse::<EnhancedStatus>().ok().filter(|status| status.class != Class::Success) {
            // "Expired" says that tries have ended; what they met is more telling.
            let is_expired = status.subject == 4 && status.detail == 7;
            if behind_reply && status.subject != 0 && !is_expired {
                return Some(status);
            }
            if is_expired {
                expired.get_or_insert(status);
            } else if status.subject != 0 {
                telling.get_or_insert(status);
            }
            first.get_or_insert(status);
        }
        behind_reply = is_reply(word);
    }
    telling.or(expired).or(first)
}

/// The first status of a failure that stands right behind a reply code.
pub(crate) fn find_behind_reply(text: &str) -> Option<EnhancedStatus> {
    let mut behind_reply = false;
    words(text).find_map(|word| {
        let is_behind = std::mem::replace(&mut behind_reply, is_reply(word));
        is_behind.then(|| word.parse().ok()).flatten().filter(|status: &EnhancedStatus| status.class != Class::Success)
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
        .filter(|word| !word.is_empty())
        .map(|word| word.trim_end_matches('.'))
}

fn is_reply(word: &str) -> bool {
    word.len() == 3 && word.parse().is_ok_and(|code| REPLIES.contains(&code))
}

/// The first SMTP reply code that reports a failure.
pub(crate) fn find_reply(text: &str) -> Option<u16> {
    let is_edge =
        |c: Option<char>| c.is_none_or(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '@' | '/')));
    let bytes = text.as_bytes();
    for (at, window) in bytes.windows(3).enumerate() {
        if !matches!(window.first(), Some(b'4' | b'5')) {
            continue;
        }
        let Some(code) = std::str::from_utf8(window).ok().and_then(|digits| digits.parse::<u16>().ok()) else {
            continue;
        };
        let before = at.checked_sub(1).and_then(|at| bytes.get(at)).map(|byte| char::from(*byte));
        let after = bytes.get(at + 3).map(|byte| char::from(*byte));
        // "550." ends a sentence, "550.1" is a number.
        let dot_ends = after == Some('.') && bytes.get(at + 4).is_none_or(|byte| !byte.is_ascii_digit());
        let dashed = before == Some('-')
            || (after == Some('-')
                && bytes.get(at + 4).is_some_and(u8::is_ascii_alphabetic)
                && before.is_some_and(|c| c == '-'));
        if REPLIES.contains(&code) && is_edge(before) && !dashed && (is_edge(after) || dot_ends) {
            return Some(code);
        }
    }
    None
}

/// A reply of several lines without the codes that begin its second and later lines: they stand between words that
/// belong together. `text` has single spaces.
pub(crate) fn without_repeats(text: &str) -> Cow<'_, str> {
    let first = text.match_indices('-').find_map(|(at, _)| {
        let reply = text.get(at.checked_sub(3)?..at)?;
        reply.parse::<u16>().ok().filter(|code| REPLIES.contains(code))?;
        // Not as far as the next space, which may be far away in a text of nothing but dashes.
        let next = text::cut(text.get(at + 1..)?, MAX_STATUS_BYTES + 1);
        let status = next.split(' ').next().filter(|word| word.parse::<EnhancedStatus>().is_ok())?;
        Some((at + 1 + status.len(), reply, status))
    });
    let Some((end, reply, status)) = first else { return Cow::Borrowed(text) };
    let (begin, rest) = text.split_at(end);
    // Sendmail's transcript puts an arrow before each line.
    let rest = rest.replace(&format!(" <<< {reply}"), &format!(" {reply}"));
    let rest = rest.replace(&format!(" {reply}-{status}"), "").replace(&format!(" {reply} {status}"), "");
    // OpenSMTPD joins the lines without a space between, and without their codes.
    let joined = format!("{status} ");
    let rest = if rest.contains(&joined) { rest.replace(&joined, " ").replace("  ", " ") } else { rest };
    Cow::Owned(format!("{begin}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_later_lines_do_not_part_words() {
        let reply = "said: 550-5.7.1 low reputation of the sending 550-5.7.1 domain. see 550 5.7.1 https://b.example";
        assert_eq!(
            without_repeats(reply),
            "said: 550-5.7.1 low reputation of the sending domain. see https://b.example"
        );
        let transcript = "<<< 550-5.7.1 this message is <<< 550-5.7.1 likely unsolicited <<< 550 5.7.1 mail";
        assert_eq!(without_repeats(transcript), "<<< 550-5.7.1 this message is likely unsolicited mail");
        let joined = "421-4.7.28 rate of mail originating4.7.28 from your domain. go to4.7.28 https://b.example";
        assert_eq!(
            without_repeats(joined),
            "421-4.7.28 rate of mail originating from your domain. go to https://b.example"
        );
        let single = "550 5.7.1 x 550 5.7.1 y-5.7.1";
        assert_eq!(without_repeats(single), single);
    }

    #[test]
    fn a_status_is_found_in_text_and_an_address_is_not_one() {
        assert_eq!(
            find_status("host mx[192.0.2.1] said: 550 5.1.1 no").map(|s| s.to_string()).as_deref(),
            Some("5.1.1")
        );
        assert_eq!(find_status("550-5.7.26 x 5.0.0").map(|s| s.to_string()).as_deref(), Some("5.7.26"));
        assert_eq!(find_status("5.1.0 - Unknown 550-'5.2.2 <a@b>").map(|s| s.to_string()).as_deref(), Some("5.2.2"));
        assert_eq!(find_status("from 4.5.6.7"), None);
    }

    #[test]
    fn a_number_of_three_places_is_a_status_only_behind_a_reply() {
        let found = |text| find_behind_reply(text).map(|status| status.to_string());
        assert_eq!(found("with MTA 4.9.1: 550 5.1.1 no").as_deref(), Some("5.1.1"));
        assert_eq!(found("with MTA 4.9.1: 250 2.0.0 ok"), None);
    }

    #[test]
    fn a_reply_is_found_in_text_and_a_number_is_not_one() {
        assert_eq!(find_reply("said: 550 5.1.1 <u5500@x> unknown"), Some(550));
        assert_eq!(find_reply("550-5.1.1 The email"), Some(550));
        assert_eq!(find_reply("port 15501 10.550.1.1"), None);
    }
}
