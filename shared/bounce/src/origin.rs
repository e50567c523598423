//! The traces of the returned original.

use std::borrow::Cow;

use daimon_domain::{bounce::Envelope, origin::Origin};

use crate::{fields::Fields, mime::tag, received, text};

/// More hops than this make a loop, not a trace.
const MAX_HOPS: usize = 100;

/// What the original's header tells.
pub(crate) fn read(fields: &Fields<'_>) -> Origin {
    Origin {
        returned: !fields.is_empty(),
        message_id: fields.get("message-id").as_deref().and_then(id),
        date: fields.get("date").as_deref().and_then(text::date),
        from: fields.decoded("from").as_deref().and_then(text::first_address),
        envelope_from: ["return-path", "x-envelope-from", "x-original-return-path", "x-sender"]
            .iter()
            .find_map(|name| fields.get(name).as_deref().and_then(text::first_address))
            .or_else(|| fields.get("x-envelope-sender").as_deref().and_then(text::first_address)),
        subject: fields.decoded("subject").filter(|subject| !subject.is_empty()).map(Cow::into_owned),
        received: fields.all("received").take(MAX_HOPS).map(|line| received::read(&line)).collect(),
        script: fields
            .first_of(&[
                "x-php-originating-script",
                "x-php-script",
                "x-php-filename",
                "x-script-source",
                "x-source-args",
                "x-source",
            ])
            .map(Cow::into_owned),
        originating_ip: fields
            .first_of(&["x-originating-ip", "x-sender-ip", "x-client-ip", "x-aol-ip", "x-source-ip"])
            .as_deref()
            .and_then(|value| value.split([' ', ',']).find_map(received::address)),
        mailer: fields.first_of(&["x-mailer", "user-agent"]).map(|mailer| text::decode_words(mailer).into_owned()),
        dkim_domains: fields
            .all("dkim-signature")
            .filter_map(|value| tag(&value, "d"))
            .map(|domain| domain.to_lowercase())
            .collect(),
        authentication_results: fields.all("authentication-results").map(Cow::into_owned).collect(),
        list: fields.first_of(&["list-id", "list-unsubscribe"]).map(Cow::into_owned),
        auto_submitted: fields
            .get("auto-submitted")
            .map(|value| value.to_ascii_lowercase())
            .filter(|value| !value.is_empty() && !value.starts_with("no")),
    }
}

/// The header of the report itself.
pub(crate) fn envelope(fields: &Fields<'_>) -> Envelope {
    let mut references = Vec::new();
    for value in fields.get("in-reply-to").into_iter().chain(fields.get("references")) {
        for word in value.split(['<', '>', ' ', '\t', ',']).filter(|word| word.contains('@')).take(100) {
            if !references.iter().any(|known| known == word) {
                references.push(word.to_owned());
            }
        }
    }
    Envelope {
        message_id: fields.get("message-id").as_deref().and_then(id),
        from: fields.decoded("from").as_deref().and_then(text::first_address),
        null_return_path: fields.get("return-path").is_some_and(|value| value.replace(' ', "") == "<>"),
        references,
        date: fields.get("date").as_deref().and_then(text::date),
        received: fields.all("received").take(MAX_HOPS).map(|line| received::read(&line)).collect(),
    }
}

/// A message id without its brackets; folding may have put spaces into it.
fn id(value: &str) -> Option<String> {
    let inside = value.split_once('<').map_or(value, |(_, rest)| rest);
    let id: String = inside.split('>').next().unwrap_or_default().split_whitespace().collect();
    (!id.is_empty()).then_some(id)
}
