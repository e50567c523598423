//! Which reports of a flood are read, when what it is has been settled: the first of each form, and then every so many.
//!
//! A form is what stays the same from one report of a flood to the next: who wrote it, and its subject without numbers and
//! addresses. What is rare in a flood has a form of its own, so it is read as if there were no flood.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use mail_parser::MessageParser;

/// So many of each form are read first.
const FIRST: u32 = 100;
/// Then one of so many.
const ONE_OF: u32 = 20;
/// What has none of so many forms is read, whatever it is: whoever makes up forms without end gains nothing by it.
const MOST_FORMS: usize = 1_000;

/// What has been seen of a flood.
#[derive(Debug, Default)]
pub struct Sample(HashMap<u64, u32>);

impl Sample {
    /// Whether the report with this header is read. It is counted in any case.
    pub(super) fn takes(&mut self, header: &[u8]) -> bool {
        let form = form(header);
        if !self.0.contains_key(&form) && self.0.len() >= MOST_FORMS {
            return true;
        }
        let seen = self.0.entry(form).or_default();
        *seen = seen.saturating_add(1);
        *seen <= FIRST || seen.is_multiple_of(ONE_OF)
    }
}

fn form(header: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let Some(message) = MessageParser::default().parse_headers(header) else { return hasher.finish() };
    let from = message.from().and_then(|from| from.first()).and_then(|from| from.address());
    from.map(str::to_ascii_lowercase).hash(&mut hasher);
    for word in message.subject().unwrap_or_default().split_whitespace() {
        if !word.contains('@') {
            word.chars().filter(|letter| !letter.is_numeric()).for_each(|letter| letter.hash(&mut hasher));
            ' '.hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(number: u32) -> String {
        format!(
            "From: Mail <MAILER-DAEMON@mx.example>\r\nSubject: Undeliverable ({number}): to a{number}@b.example\r\n\r\n"
        )
    }

    #[test]
    fn of_one_form_the_first_are_read_and_then_one_of_twenty() {
        let mut sample = Sample::default();
        let read = (0..2_100).filter(|number| sample.takes(header(*number).as_bytes())).count();
        assert_eq!(read, 100 + 100);
    }

    #[test]
    fn what_is_rare_in_a_flood_is_read() {
        let mut sample = Sample::default();
        for number in 0..2_000 {
            sample.takes(header(number).as_bytes());
        }
        assert!(!sample.takes(header(2_001).as_bytes()));
        assert!(
            sample.takes(
                b"From: Mail <MAILER-DAEMON@other.example>\r\nSubject: Undeliverable (1): to a1@b.example\r\n\r\n"
            )
        );
        assert!(sample.takes(b"From: Mail <MAILER-DAEMON@mx.example>\r\nSubject: You are blocked\r\n\r\n"));
        assert!(sample.takes(b""));
    }

    #[test]
    fn forms_without_end_are_all_read_and_take_no_memory() {
        let mut sample = Sample::default();
        let letter = |number: u32| char::from_u32(0x4e00 + number).unwrap();
        for number in 0..5_000 {
            assert!(sample.takes(format!("From: a@b.example\r\nSubject: {}\r\n\r\n", letter(number)).as_bytes()));
        }
        assert_eq!(sample.0.len(), MOST_FORMS);
    }
}
