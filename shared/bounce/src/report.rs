//! The machine-readable part (RFC 3464; internationalised by RFC 6533).

use std::borrow::Cow;

use daimon_domain::{bounce::Action, status::EnhancedStatus};

use crate::{
    address, encoded_word,
    fields::Fields,
    forms::Found,
    notes::{Note, Notes},
    text,
};

/// What the delivery-status parts of one message say.
#[derive(Debug, Default)]
pub(crate) struct Status {
    pub(crate) reporting_mta: Option<String>,
    pub(crate) arrival_date: Option<chrono::DateTime<chrono::Utc>>,
    pub(crate) received_from_mta: Option<String>,
    pub(crate) original_envelope_id: Option<String>,
    pub(crate) envelope_from: Option<String>,
    pub(crate) recipients: Vec<Found>,
    /// How many lines were read, and how many bytes of diagnostics.
    pub(crate) lines: usize,
    pub(crate) said: usize,
}

/// More recipients than any server reports at once.
const MAX_RECIPIENTS: usize = 10_000;
/// More lines than their groups have.
const MAX_LINES: usize = 30 * MAX_RECIPIENTS;
/// Of what is said beyond this rules are not asked: 200 bytes for each of them.
const MAX_SAID_BYTES: usize = 200 * MAX_RECIPIENTS;

/// A host's name as in `dns; mx.example.org` (RFC 3464, 2.1.2).
pub(crate) fn host(value: &str) -> String {
    after_type(value).trim_matches(['<', '>', ' ']).to_lowercase()
}

impl Status {
    /// Adds what one part says. Groups of fields stand between empty lines; a group that names a recipient is about it.
    pub(crate) fn add(&mut self, bytes: &[u8], notes: &mut Notes) {
        let mut rest = bytes;
        loop {
            let blank = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            rest = rest.get(blank..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            if self.recipients.len() >= MAX_RECIPIENTS || self.lines > MAX_LINES {
                notes.add(Note::TooManyGroups, "");
                break;
            }
            let (fields, end) = Fields::read(rest);
            self.lines += fields.lines;
            rest = rest.get(end.max(1)..).unwrap_or_default();
            if !fields.is_empty() {
                self.add_message_fields(&fields);
                self.add_recipient(&fields, notes);
            }
        }
    }

    fn add_message_fields(&mut self, fields: &Fields<'_>) {
        let typed = |name: &str| fields.get(name).map(|value| host(&value));
        self.reporting_mta = self.reporting_mta.take().or_else(|| typed("reporting-mta"));
        self.received_from_mta = self.received_from_mta.take().or_else(|| typed("received-from-mta"));
        self.original_envelope_id =
            self.original_envelope_id.take().or_else(|| fields.get("original-envelope-id").map(Cow::into_owned));
        self.arrival_date = self.arrival_date.or_else(|| fields.get("arrival-date").as_deref().and_then(text::date));
        self.envelope_from = self.envelope_from.take().or_else(|| {
            fields
                .first_of(&["x-postfix-sender", "x-envelope-from", "x-original-sender", "original-sender"])
                .as_deref()
                .and_then(mailbox)
        });
    }

    fn add_recipient(&mut self, fields: &Fields<'_>, notes: &mut Notes) {
        let named = ["final-recipient", "x-actual-recipient", "original-recipient"];
        if fields.first_of(&named).is_none() && fields.first_of(&["action", "status", "diagnostic-code"]).is_none() {
            return;
        }
        let address = named.iter().filter_map(|name| fields.get(name)).find_map(|value| mailbox(&value));
        let bare = || {
            let value = fields.first_of(&named)?;
            let value = after_type(&value).trim_matches(['<', '>', ' ']);
            Some(text::cut(value, text::MAX_ADDRESS_BYTES).to_lowercase())
        };
        let Some(address) = address.or_else(bare).filter(|address| !address.is_empty()) else {
            notes.add(Note::NoRecipient, "");
            return;
        };
        let original = fields.get("original-recipient").and_then(|value| mailbox(&value));
        let status = fields.get("status");
        let status = status.as_deref().map(|value| value.split([' ', '(']).next().unwrap_or_default());
        let parsed = status.and_then(|text| text.parse::<EnhancedStatus>().ok());
        if parsed.is_none() && status.is_some_and(|text| !text.is_empty()) {
            notes.add(Note::NoStatus, &address);
        }
        let action = fields
            .get("action")
            .and_then(|word| word.split([' ', '(', ';']).next()?.to_lowercase().parse::<Action>().ok());
        // Several servers give the real reply in a second Diagnostic-Code.
        let diagnostic = fields
            .all("diagnostic-code")
            .map(|value| match after_type(&value) {
                whole if whole.len() == value.len() => value,
                rest => Cow::Owned(rest.to_owned()),
            })
            .chain(fields.get("x-supplementary-info"))
            .filter(|value| !value.is_empty())
            .reduce(|all, next| all + " " + next)
            .unwrap_or_default();
        let is_heard = self.said <= MAX_SAID_BYTES;
        self.said += diagnostic.len();
        if is_heard && self.said > MAX_SAID_BYTES {
            notes.add(Note::TooMuchSaid, &address);
        }
        let diagnostic = if is_heard { encoded_word::decode(diagnostic).into_owned() } else { String::new() };
        self.recipients.push(Found {
            original: original.filter(|original| *original != address),
            address,
            status: parsed,
            action,
            comment: comment(fields),
            step: None,
            text: diagnostic,
            remote_mta: fields.get("remote-mta").map(|value| {
                after_type(&value).split([' ', '(']).find(|word| !word.is_empty()).unwrap_or_default().to_lowercase()
            }),
            will_retry_until: fields.get("will-retry-until").as_deref().and_then(text::date),
        });
    }
}

/// What the reporting host says of its own accord: `Status: 5.2.1 (mailbox disabled)`, a sysexits(3) code, a category.
fn comment(fields: &Fields<'_>) -> String {
    let status = fields.get("status");
    let behind_status =
        status.as_deref().and_then(|value| value.split_once('(')).map(|(_, rest)| rest.trim_end().to_owned());
    let diagnostic = fields.get("diagnostic-code");
    let exit = diagnostic
        .as_deref()
        .and_then(|value| value.split_once(';'))
        .filter(|(kind, code)| {
            kind.trim().eq_ignore_ascii_case("x-unix") && code.trim().bytes().all(|byte| byte.is_ascii_digit())
        })
        .map(|(_, code)| format!("exit status {}", code.trim()));
    let category = fields.get("x-powermta-bouncecategory").map(|value| format!("bounce category: {value}"));
    let words = [behind_status, exit, category].into_iter().flatten().reduce(|all, next| all + "; " + &next);
    encoded_word::decode(words.unwrap_or_default().into()).into_owned()
}

/// The address in `rfc822; a@example.org` or, where only ASCII may stand, `utf-8; \x{4F50}@example.org` (RFC 6533, 3).
fn mailbox(value: &str) -> Option<String> {
    let typed = after_type(value);
    let is_utf8 = text::starts_with(value.trim_start(), "utf-8") && typed.contains("\\x{");
    if !is_utf8 {
        return address::only(typed);
    }
    let mut pieces = typed.split("\\x{");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let code = piece.split_once('}').and_then(|(hex, rest)| Some((u32::from_str_radix(hex, 16).ok()?, rest)));
        if let Some((code, rest)) = code.and_then(|(code, rest)| Some((char::from_u32(code)?, rest))) {
            plain.push(code);
            plain.push_str(rest);
        } else {
            plain.extend(["\\x{", piece]);
        }
    }
    address::only(&plain)
}

/// What follows `rfc822;`, `dns;`, `smtp;`.
fn after_type(value: &str) -> &str {
    match value.split_once(';') {
        Some((kind, rest)) if !kind.trim().contains([' ', '@', '"']) => rest.trim(),
        _ => value.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_unicode_is_read_where_only_ascii_may_stand() {
        for (value, expected) in [
            ("utf-8; \\x{4F50}\\x{85E4}@b.example", "佐藤@b.example"),
            ("UTF-8;a\\x{2B}b@b.example", "a+b@b.example"),
            ("utf-8; 佐藤@b.example", "佐藤@b.example"),
            ("utf-8; 佐藤taro@b.example", "佐藤taro@b.example"),
            ("utf-8; \\x{4F50}taro@b.example", "佐taro@b.example"),
            ("rfc822; <Sato@b.example>", "sato@b.example"),
        ] {
            assert_eq!(mailbox(value).as_deref(), Some(expected), "{value}");
        }
        assert_eq!(mailbox("utf-8; \\x{110000}"), None);
    }

    #[test]
    fn what_looks_like_an_address_within_another_is_not_the_recipient() {
        for (value, expected) in [
            ("rfc822; x=ceo@b.example", "x=ceo@b.example"),
            ("rfc822; -bob@b.example", "-bob@b.example"),
            ("rfc822; .bob@b.example", ".bob@b.example"),
            ("rfc822; `bob@b.example", "`bob@b.example"),
            ("rfc822; a/b=c@d.example", "a/b=c@d.example"),
            ("rfc822; \"<ceo@b.example>\"@c.example", "\"<ceo@b.example>\"@c.example"),
            ("rfc822; \"a;b@b.example\"@c.example", "\"a;b@b.example\"@c.example"),
            ("\"a;b@b.example\"@c.example", "\"a;b@b.example\"@c.example"),
            ("RFC822;bob@b.example (was <c@d.example>)", "bob@b.example"),
            ("rfc822; (c@d.example) bob@b.example", "bob@b.example"),
        ] {
            assert_eq!(mailbox(value).as_deref(), Some(expected), "{value}");
        }
        assert_eq!(mailbox("rfc822; x ceo@b.example"), None);
    }

    #[test]
    fn what_is_said_of_too_many_is_noted_and_left_out() {
        let (mut status, mut notes) = (Status::default(), Notes::default());
        let said = "no ".repeat(1_000);
        for number in 0..1_000 {
            let group = format!("Final-Recipient: rfc822; a{number}@b.example\nDiagnostic-Code: smtp; {said}\n");
            status.add(group.as_bytes(), &mut notes);
        }
        let heard = status.recipients.iter().filter(|found| !found.text.is_empty()).count();
        assert_eq!((status.recipients.len(), heard), (1_000, MAX_SAID_BYTES / (said.len() - 1) + 1));
        status.add("A: b\n\n".repeat(MAX_LINES).as_bytes(), &mut notes);
        assert_eq!(notes.into_sentences().len(), 2);
    }

    #[test]
    fn what_is_too_long_for_an_address_is_cut() {
        let mut status = Status::default();
        let long = "a".repeat(100_000);
        status.add(
            format!("Final-Recipient: rfc822; {long}@b.example\nAction: failed\n").as_bytes(),
            &mut Notes::default(),
        );
        assert_eq!(status.recipients[0].address, "a".repeat(text::MAX_ADDRESS_BYTES));
    }
}
