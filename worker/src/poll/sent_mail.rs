//! What is kept of a sent message: enough to recognise a bounce of it, and nothing to read.

use chrono::{DateTime, Utc};
use daimon_verdict::language::{Written, written};
use mail_parser::{Address, HeaderName, Message, MessageParser, MimeHeaders};

use super::fetch::Fetched;
use super::mail::SentMail;

/// The header fields that are fetched.
pub(super) const FIELDS: &str = "MESSAGE-ID DATE TO CC BCC X-MAILER USER-AGENT SUBJECT CONTENT-TYPE CONTENT-LANGUAGE";

/// Reads them.
pub(super) fn read(uid: u32, fetched: &Fetched) -> SentMail {
    let message = MessageParser::default().parse_headers(fetched.bytes.as_deref().unwrap_or_default());
    let message = message.as_ref();
    let mut recipients: Vec<String> = message
        .into_iter()
        .flat_map(|message| [message.to(), message.cc(), message.bcc()])
        .flatten()
        .flat_map(Address::iter)
        .filter_map(|addr| addr.address.as_deref())
        .map(|address| address.trim().to_lowercase())
        .filter(|address| address.contains('@'))
        .collect();
    let mailer = |message: &Message<'_>| {
        let field = message.header(HeaderName::Other("X-Mailer".into())).or_else(|| message.header("User-Agent"));
        field.and_then(|value| value.as_text()).map(str::to_owned)
    };
    recipients.sort();
    recipients.dedup();
    SentMail {
        uid,
        internal_date: fetched.internal_date,
        message_id: message.and_then(|message| message.message_id()).map(ToOwned::to_owned),
        date: message
            .and_then(|message| message.date())
            .and_then(|date| DateTime::from_timestamp(date.to_timestamp(), 0)),
        mailer: message.and_then(mailer),
        language: message.map(language).unwrap_or_default(),
        recipients,
    }
}

/// In which language it is written. The subject itself is forgotten.
pub(crate) fn language(message: &Message<'_>) -> Written {
    let of_type = message.content_type().and_then(|kind| kind.attribute("charset"));
    let of_word = message.header_raw("Subject").and_then(|raw| raw.split_once("=?")).map(|(_, word)| word);
    let charset = of_type.or_else(|| of_word.and_then(|word| word.split(['?', '*']).next()));
    written(message.subject(), charset, message.header_raw("Content-Language").map(str::trim))
}

/// Reads a message that is at hand, filed at that time.
pub(crate) fn sent_mail(at: DateTime<Utc>, bytes: &[u8]) -> SentMail {
    read(0, &Fetched { internal_date: Some(at), bytes: Some(bytes.to_vec()), ..Fetched::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(header: &str) -> SentMail {
        read(1, &Fetched { bytes: Some(header.as_bytes().to_vec()), ..Fetched::default() })
    }

    #[test]
    fn the_program_that_wrote_it_is_read() {
        assert_eq!(sent("X-Mailer: Mail 16.0\r\n\r\n").mailer.as_deref(), Some("Mail 16.0"));
        assert_eq!(sent("User-Agent: Other/1\r\n\r\n").mailer.as_deref(), Some("Other/1"));
        assert_eq!(sent("Subject: x\r\n\r\n").mailer, None);
    }

    #[test]
    fn the_language_is_read_and_not_the_subject() {
        use daimon_verdict::language::Script;
        let of = |header| sent(header).language;
        assert_eq!(of("Subject: =?UTF-8?B?44GU5LqI57SE?=\r\n\r\n").script, Some(Script::Japanese));
        assert_eq!(of("Subject: =?iso-2022-jp?B?GyRCOCtAUT1xGyhC?=\r\n\r\n").script, Some(Script::Japanese));
        assert_eq!(
            of("Subject: Re: Invoice\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n").script,
            Some(Script::Latin)
        );
        assert_eq!(of("Content-Language: en-US\r\n\r\n").language.as_deref(), Some("en"));
    }

    #[test]
    fn the_message_id_and_every_recipient_are_read() {
        let mail = sent(
            "Message-ID: <a1@b.example>\r\nDate: Tue, 1 Sep 2026 09:00:00 +0900\r\nTo: X <X@y.example>,\r\n z@y.example\r\nCc: x@y.example\r\n\r\n",
        );
        assert_eq!(mail.message_id.as_deref(), Some("a1@b.example"));
        assert_eq!(mail.date.unwrap().to_rfc3339(), "2026-09-01T00:00:00+00:00");
        assert_eq!(mail.recipients, ["x@y.example", "z@y.example"]);
    }

    #[test]
    fn a_message_without_anything_is_still_a_message() {
        let mail = sent("\r\n");
        assert_eq!((mail.message_id, mail.date, mail.recipients), (None, None, Vec::new()));
    }
}
