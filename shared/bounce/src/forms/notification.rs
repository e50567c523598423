//! Amazon SES tells of bounces in JSON, which SNS mails on as it is or wrapped in JSON once more.

use daimon_domain::bounce::{Action, Kind};
use serde::{Deserialize, de::DeserializeOwned};

use super::Found;
use crate::{address, report::Status};

/// What such a notification says.
#[derive(Debug)]
pub(crate) struct Notification {
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    /// The header of the mail it is about.
    pub(crate) original: String,
    pub(crate) feedback_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wrapped {
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(alias = "eventType")]
    notification_type: String,
    #[serde(default)]
    mail: Mail,
    #[serde(default)]
    bounce: Details,
    #[serde(default)]
    delivery: Details,
    #[serde(default)]
    delivery_delay: Details,
    #[serde(default)]
    complaint: Details,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Mail {
    source: String,
    message_id: String,
    headers: Vec<Header>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

/// The fields of every sort of event; each has some of them.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Details {
    bounce_type: String,
    bounce_sub_type: String,
    delay_type: String,
    bounced_recipients: Vec<Person>,
    delayed_recipients: Vec<Person>,
    recipients: Vec<String>,
    #[serde(rename = "reportingMTA")]
    reporting_mta: String,
    smtp_response: String,
    complaint_feedback_type: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Person {
    email_address: String,
    action: String,
    status: String,
    diagnostic_code: String,
}

/// Reads a text that is one JSON object and nothing else; only SNS may write below it how to unsubscribe. Anybody may
/// paste one into a mail.
pub(crate) fn read(text: &str, from_sns: bool) -> Option<Notification> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    // What passes on mail breaks long lines, also within a JSON string, where none may end.
    let text = text.replace('\n', "");
    let (event, rest) = first::<Event>(&text).or_else(|| {
        let (outer, rest) = first::<Wrapped>(&text)?;
        Some((first(&outer.message)?.0, rest))
    })?;
    let rest = rest.trim_start();
    let is_all = rest.is_empty() || from_sns && rest.starts_with("--");
    if !is_all {
        return None;
    }
    let (kind, details, action) = match event.notification_type.as_str() {
        "Bounce" => (Kind::Bounce, event.bounce, Action::Failed),
        "DeliveryDelay" => (Kind::Delay, event.delivery_delay, Action::Delayed),
        "Delivery" => (Kind::Delivered, event.delivery, Action::Delivered),
        "Complaint" => (Kind::Feedback, event.complaint, Action::Delivered),
        _ => return None,
    };
    let feedback_type = (kind == Kind::Feedback)
        .then(|| details.complaint_feedback_type.clone().unwrap_or_else(|| "abuse".to_owned()).to_lowercase());
    // A hop is the claim of whoever wrote the JSON.
    let headers = event.mail.headers.into_iter().filter(|header| !header.name.eq_ignore_ascii_case("received"));
    let mut original = String::new();
    let message_id = Header { name: "Message-ID".to_owned(), value: event.mail.message_id };
    for header in headers.chain(Some(message_id).filter(|header| !header.value.is_empty())) {
        let value = header.value.split(['\r', '\n']).collect::<Vec<_>>().join(" ");
        original.extend([&header.name, ": ", &value, "\n"]);
    }
    let status = Status {
        reporting_mta: details
            .reporting_mta
            .rsplit(';')
            .next()
            .map(|host| host.trim().to_lowercase())
            .filter(|host| !host.is_empty()),
        envelope_from: address::first(&event.mail.source),
        recipients: recipients(&details, action),
        ..Status::default()
    };
    Some(Notification { kind, status, original, feedback_type })
}

/// What a text begins with, and the rest of it.
fn first<T: DeserializeOwned>(text: &str) -> Option<(T, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    let value = values.next()?.ok()?;
    Some((value, text.get(values.byte_offset()..).unwrap_or_default()))
}

fn recipients(details: &Details, action: Action) -> Vec<Found> {
    let comment = [&details.bounce_type, &details.bounce_sub_type, &details.delay_type]
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(|word| format!("bounce category: {word}"))
        .collect::<Vec<_>>()
        .join("; ");
    let named = details.bounced_recipients.iter().chain(&details.delayed_recipients).map(|person| Found {
        address: address::first(&person.email_address).unwrap_or_default(),
        status: person.status.parse().ok(),
        action: person.action.to_lowercase().parse().ok().or(Some(action)),
        text: person.diagnostic_code.trim_start_matches("smtp;").trim().to_owned(),
        comment: comment.clone(),
        ..Found::default()
    });
    let delivered = details.recipients.iter().map(|address| Found {
        address: address::first(address).unwrap_or_default(),
        action: Some(action),
        text: details.smtp_response.clone(),
        ..Found::default()
    });
    named.chain(delivered).filter(|found| !found.address.is_empty()).take(super::MAX_RECIPIENTS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General",
        "bouncedRecipients":[{"emailAddress":"Dora@example.org","action":"failed","status":"5.1.1",
        "diagnosticCode":"smtp; 550 5.1.1 user unknown"}],"reportingMTA":"dsn; a1.smtp-out.amazonses.com"},
        "mail":{"source":"shop@example.com","messageId":"0001","headers":[{"name":"Subject","value":"Hello"}]}}"#;

    #[test]
    fn a_bounce_is_read_as_it_is_and_wrapped_by_sns() {
        let wrapped = serde_json::json!({"Type": "Notification", "Message": EVENT}).to_string();
        for text in [EVENT, &wrapped, &format!("{EVENT}\n\n--\nIf you wish to stop"), &EVENT.replace("Hel", "H\nel")] {
            let found = read(text, true).unwrap();
            assert_eq!(found.kind, Kind::Bounce);
            assert_eq!(found.status.recipients[0].address, "dora@example.org");
            assert_eq!(found.status.recipients[0].text, "550 5.1.1 user unknown");
            assert_eq!(found.original, "Subject: Hello\nMessage-ID: 0001\n");
        }
    }

    #[test]
    fn other_json_is_no_notification() {
        assert!(read(r#"{"Message": "hello"}"#, true).is_none());
        assert!(read("{", true).is_none());
        assert!(read("hello {}", true).is_none());
    }

    #[test]
    fn one_that_somebody_pasted_is_none() {
        assert!(read(EVENT, false).is_some());
        assert!(read(&format!("{EVENT}\n\n-- \nAnna"), false).is_none());
        for from_sns in [false, true] {
            assert!(read(&format!("{EVENT}\n\nThis is what our log has."), from_sns).is_none());
        }
    }

    #[test]
    fn no_hop_is_taken_from_it() {
        let event =
            EVENT.replace(r#"{"name":"Subject""#, r#"{"name":"Received","value":"from x by y"},{"name":"Subject""#);
        assert_eq!(read(&event, true).unwrap().original, "Subject: Hello\nMessage-ID: 0001\n");
    }
}
