//! The traces of the returned original.

use std::borrow::Cow;

use daimon_domain::{
    bounce::{Check, Envelope},
    origin::Origin,
};

use crate::{address, encoded_word, fields::Fields, received, text};

/// More hops than this make a loop, not a trace.
const MAX_HOPS: usize = 100;
/// Each server on the way writes one.
const MAX_CHECKS: usize = 20;
/// A message has one To and one Cc (RFC 5322, 3.6).
const MAX_LISTS: usize = 4;
/// A report is for one, or for a few.
const MAX_RECIPIENTS: usize = 100;

/// What the original's header tells.
pub(crate) fn read(fields: &Fields<'_>) -> Origin {
    let (mut dkim_domains, mut dkim_keys) = (Vec::new(), Vec::new());
    for signature in fields.all("dkim-signature").take(MAX_CHECKS) {
        let Some(domain) = tag(&signature, "d") else { continue };
        dkim_keys.extend(tag(&signature, "s").map(|selector| format!("{selector}._domainkey.{domain}").to_lowercase()));
        dkim_domains.push(domain.to_lowercase());
    }
    Origin {
        returned: !fields.is_empty(),
        message_id: fields.get("message-id").as_deref().and_then(id),
        date: fields.get("date").as_deref().and_then(text::date),
        from: fields.get("from").as_deref().and_then(address::first),
        envelope_from: ["return-path", "x-envelope-from", "x-original-return-path", "x-sender"]
            .iter()
            .find_map(|name| fields.get(name).as_deref().and_then(address::first))
            .or_else(|| fields.get("x-envelope-sender").as_deref().and_then(address::first)),
        subject: fields.decoded("subject").filter(|subject| !subject.is_empty()).map(Cow::into_owned),
        charset: fields
            .get("content-type")
            .as_deref()
            .and_then(charset)
            .or_else(|| fields.get("subject").as_deref().and_then(charset_of_word)),
        content_language: fields.get("content-language").map(Cow::into_owned),
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
        mailer: fields.first_of(&["x-mailer", "user-agent"]).map(|mailer| encoded_word::decode(mailer).into_owned()),
        dkim_domains,
        dkim_keys,
        authentication_results: fields.all("authentication-results").take(MAX_CHECKS).map(Cow::into_owned).collect(),
        list: fields.first_of(&["list-id", "list-unsubscribe"]).map(Cow::into_owned),
        auto_submitted: fields
            .get("auto-submitted")
            .map(|value| value.to_ascii_lowercase())
            .filter(|value| !value.is_empty() && !value.starts_with("no")),
    }
}

/// The header of the report itself.
pub(crate) fn envelope(fields: &Fields<'_>) -> Envelope {
    let in_reply_to: Vec<String> = fields.get("in-reply-to").as_deref().map(ids).unwrap_or_default();
    let mut references = Vec::new();
    for id in in_reply_to.iter().cloned().chain(fields.get("references").as_deref().map(ids).unwrap_or_default()) {
        if !references.contains(&id) {
            references.push(id);
        }
    }
    let to = fields.all("to").chain(fields.all("cc")).take(MAX_LISTS);
    let checks = fields.all_below("authentication-results", "received").take(MAX_CHECKS);
    Envelope {
        message_id: fields.get("message-id").as_deref().and_then(id),
        from: fields.mailbox("from"),
        null_return_path: fields.get("return-path").is_some_and(|value| value.replace(' ', "") == "<>"),
        references,
        in_reply_to,
        to: to.flat_map(|list| address::all(&list)).take(MAX_RECIPIENTS).collect(),
        checks: checks.map(|(below, results)| Check { below, results: results.into_owned() }).collect(),
        exchange_authenticated_as: fields
            .all("x-ms-exchange-organization-authas")
            .take(MAX_LISTS)
            .map(|value| value.trim().to_ascii_lowercase())
            .collect(),
        poses_as_report: false,
        date: fields.get("date").as_deref().and_then(text::date),
        received: fields.all("received").take(MAX_HOPS).map(|line| received::read(&line)).collect(),
    }
}

/// The charset that a content type names.
fn charset(content_type: &str) -> Option<String> {
    let content_type = content_type.to_ascii_lowercase();
    let (_, value) = content_type.split_once("charset=")?;
    let value = value.trim_start_matches('"').split(['"', ';', ' ', '\t']).next()?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// The charset of an encoded word: `=?iso-2022-jp?B?…` (RFC 2047).
fn charset_of_word(text: &str) -> Option<String> {
    let (_, word) = text.split_once("=?")?;
    word.split(['?', '*']).next().filter(|name| !name.is_empty()).map(str::to_lowercase)
}

/// One of the `tag=value` pairs of a DKIM signature (RFC 6376, 3.2).
fn tag<'a>(pairs: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = pairs.split(';').filter_map(|pair| pair.split_once('='));
    let value = pairs.find_map(|(tag, value)| tag.trim().eq_ignore_ascii_case(name).then(|| value.trim()));
    value.filter(|value| !value.is_empty())
}

/// The Message-IDs in a field.
fn ids(value: &str) -> Vec<String> {
    let words = value.split(['<', '>', ' ', '\t', ',']).filter(|word| word.contains('@'));
    words.take(100).map(str::to_owned).collect()
}

/// A message id without its brackets; folding may have put spaces into it.
fn id(value: &str) -> Option<String> {
    let inside = value.split_once('<').map_or(value, |(_, rest)| rest);
    let id: String = inside.split('>').next().unwrap_or_default().split_whitespace().collect();
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wrote_it_is_who_others_say_wrote_it() {
        let from = |header: &str| envelope(&Fields::read(header.as_bytes()).0).from;
        assert_eq!(from("From: Aya (<noreply@c.example>) <a@c.example>\n").as_deref(), Some("a@c.example"));
        let encoded = "From: <a@c.example> =?utf-8?q?=3Cnoreply=40c.example=3E?=\n";
        assert_eq!(from(encoded).as_deref(), Some("a@c.example"));
        assert_eq!(from("From: a@c.example, noreply@c.example\n"), None);
        assert_eq!(from("From: a@c.example\nFrom: noreply@c.example\n"), None);
    }

    #[test]
    fn the_own_header_tells_what_it_answers_for_whom_it_is_and_where_each_check_stands() {
        let header = "Authentication-Results: mx.own.example; dkim=pass\nReceived: from a by b; x\n\
            Authentication-Results: mx.far.example;\n\tdkim=fail\nReceived: from c by d; x\nTo: X <X@c.example>\n\
            Cc: y@c.example\nIn-Reply-To: <two@c.example>\nReferences: <one@c.example> <two@c.example>\n\n";
        let told = envelope(&Fields::read(header.as_bytes()).0);
        assert_eq!(told.in_reply_to, ["two@c.example"]);
        assert_eq!(told.references, ["two@c.example", "one@c.example"]);
        assert_eq!(told.to, ["x@c.example", "y@c.example"]);
        let checks: Vec<_> = told.checks.iter().map(|check| (check.below, check.results.as_str())).collect();
        assert_eq!(checks, [(0, "mx.own.example; dkim=pass"), (1, "mx.far.example; dkim=fail")]);
    }
}
