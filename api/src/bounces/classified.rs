//! How a message that was read appears in the document.
//!
//! The answer itself is the domain's own report, as `daimon-worker classify` writes it: the domain knows nothing of
//! `OpenAPI`, so its shape is told here. A test keeps both alike.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

/// A message as it was understood. What it does not say is left out; nothing of it is kept.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the domain's report and is never made")]
#[schema(as = Classified, example = json!({
    "kind": "bounce", "reporting_mta": "mx.host.example", "recipients": [{"address": "nobody@other.example",
        "reason": "user_unknown", "status": "5.1.1", "reply": 550, "action": "failed", "permanence": "permanent",
        "fault": "recipient", "diagnostic": "550 5.1.1 User unknown", "remote_mta": "mx.other.example",
        "rule": "user_unknown.words"}],
    "origin": {"returned": true, "message_id": "1@host.example", "from": "anna@host.example"},
    "envelope": {"from": "mailer-daemon@mx.host.example", "null_return_path": true}
}))]
pub(crate) struct Classified {
    /// What the message is.
    #[schema(schema_with = crate::words::bounce_kind)]
    kind: (),
    /// Who wrote the report (RFC 3464, 2.2.2; otherwise as the text says).
    #[schema(nullable = false)]
    reporting_mta: Option<String>,
    /// When the reporting MTA got the original (RFC 3464, 2.2.5).
    #[schema(nullable = false)]
    arrival_date: Option<DateTime<Utc>>,
    /// From whom it got it (RFC 3464, 2.2.4).
    #[schema(nullable = false)]
    received_from_mta: Option<String>,
    /// The sender's envelope id (RFC 3464, 2.2.1).
    #[schema(nullable = false)]
    original_envelope_id: Option<String>,
    /// `abuse`, `auth-failure` … of a feedback report (RFC 5965).
    #[schema(nullable = false)]
    feedback_type: Option<String>,
    /// The provider itself says that the account was throttled or blocked.
    #[schema(nullable = false)]
    provider_notice: Option<ProviderNotice>,
    /// What it says of each recipient.
    recipients: Vec<ClassifiedRecipient>,
    /// What the returned original tells of where it came from.
    origin: Origin,
    /// The message's own header.
    envelope: Envelope,
    /// What could not be read and was skipped, one sentence each.
    #[schema(nullable = false)]
    notes: Option<Vec<String>>,
}

/// What it says of one recipient.
#[derive(ToSchema)]
#[expect(dead_code, reason = "see above")]
pub(crate) struct ClassifiedRecipient {
    /// The address that failed, in lower case.
    address: String,
    /// The address that was written to, where it differs.
    #[schema(nullable = false)]
    original_address: Option<String>,
    /// Why.
    #[schema(schema_with = crate::words::reason)]
    reason: (),
    /// The enhanced status code (RFC 3463).
    #[schema(nullable = false, example = "5.1.1")]
    status: Option<String>,
    /// The SMTP reply code.
    #[schema(nullable = false)]
    reply: Option<u16>,
    /// What the reporting server did.
    #[schema(schema_with = crate::words::action)]
    action: (),
    /// Whether trying again can help.
    #[schema(schema_with = crate::words::permanence)]
    permanence: (),
    /// Whose matter it is.
    #[schema(schema_with = crate::words::fault)]
    fault: (),
    /// The line that decided, unfolded.
    #[schema(nullable = false)]
    diagnostic: Option<String>,
    /// Who refused.
    #[schema(nullable = false)]
    remote_mta: Option<String>,
    /// Until when it will be tried (RFC 3464, 2.3.8).
    #[schema(nullable = false)]
    will_retry_until: Option<DateTime<Utc>>,
    /// The name of the rule that decided the reason.
    rule: String,
}

/// A provider's own words about the account.
#[derive(ToSchema)]
#[expect(dead_code, reason = "see above")]
pub(crate) struct ProviderNotice {
    /// Which words, such as `m365_restricted_user`.
    id: String,
    /// What it says was done.
    #[schema(schema_with = crate::words::notice_kind)]
    kind: (),
    /// How much it proves.
    #[schema(schema_with = crate::words::notice_strength)]
    strength: (),
}

/// What the returned original tells of where it came from.
#[derive(ToSchema)]
#[expect(dead_code, reason = "see above")]
pub(crate) struct Origin {
    /// Whether any header of the original came back.
    returned: bool,
    /// Its Message-ID, without angle brackets.
    #[schema(nullable = false)]
    message_id: Option<String>,
    /// Its date, as its author wrote it.
    #[schema(nullable = false)]
    date: Option<DateTime<Utc>>,
    /// From whom it says it is, in lower case.
    #[schema(nullable = false)]
    from: Option<String>,
    /// The envelope sender, in lower case.
    #[schema(nullable = false)]
    envelope_from: Option<String>,
    /// Its subject, decoded.
    #[schema(nullable = false)]
    subject: Option<String>,
    /// Its Received chain, newest hop first.
    #[schema(nullable = false)]
    received: Option<Vec<Hop>>,
    /// The script that wrote it: `X-PHP-Originating-Script` and the like.
    #[schema(nullable = false)]
    script: Option<String>,
    /// `X-Originating-IP` and the like.
    #[schema(nullable = false, value_type = Option<String>)]
    originating_ip: Option<IpAddr>,
    /// The program that wrote it: `X-Mailer` or `User-Agent`.
    #[schema(nullable = false)]
    mailer: Option<String>,
    /// The domains that signed it (DKIM), in lower case.
    #[schema(nullable = false)]
    dkim_domains: Option<Vec<String>>,
    /// Each Authentication-Results field, unfolded.
    #[schema(nullable = false)]
    authentication_results: Option<Vec<String>>,
    /// `List-Id` or, without one, `List-Unsubscribe`.
    #[schema(nullable = false)]
    list: Option<String>,
    /// `Auto-Submitted`, where it is not `no` (RFC 3834).
    #[schema(nullable = false)]
    auto_submitted: Option<String>,
}

/// One Received line (RFC 5321, 4.4).
#[derive(ToSchema)]
#[expect(dead_code, reason = "see above")]
pub(crate) struct Hop {
    /// What the client called itself, in lower case.
    #[schema(nullable = false)]
    helo: Option<String>,
    /// The client's name by reverse look-up, in lower case.
    #[schema(nullable = false)]
    from_host: Option<String>,
    /// The client's address.
    #[schema(nullable = false, value_type = Option<String>)]
    from_ip: Option<IpAddr>,
    /// Who wrote the line, in lower case.
    #[schema(nullable = false)]
    by: Option<String>,
    /// `ESMTPSA`, `LMTP`, `LOCAL` … in upper case (RFC 3848).
    #[schema(nullable = false)]
    with: Option<String>,
    /// The sender had signed in.
    authenticated: bool,
    /// As whom, where the line says so, in lower case.
    #[schema(nullable = false)]
    authenticated_as: Option<String>,
    /// It was handed in on the host itself.
    local_submission: bool,
    /// When.
    #[schema(nullable = false)]
    at: Option<DateTime<Utc>>,
}

/// The header of the message itself.
#[derive(ToSchema)]
#[expect(dead_code, reason = "see above")]
pub(crate) struct Envelope {
    /// Its own Message-ID, without angle brackets.
    #[schema(nullable = false)]
    message_id: Option<String>,
    /// Who it says it is from, in lower case.
    #[schema(nullable = false)]
    from: Option<String>,
    /// Whether Return-Path is there and empty.
    null_return_path: bool,
    /// In-Reply-To and References, without angle brackets.
    #[schema(nullable = false)]
    references: Option<Vec<String>>,
    /// Its own date.
    #[schema(nullable = false)]
    date: Option<DateTime<Utc>>,
    /// How it came here itself, newest hop first.
    #[schema(nullable = false)]
    received: Option<Vec<Hop>>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use utoipa::PartialSchema;

    use super::*;

    /// Every name in a schema, and those that are always there.
    fn names(schema: &utoipa::openapi::RefOr<utoipa::openapi::Schema>) -> (Vec<String>, Vec<String>) {
        let schema = serde_json::to_value(schema).unwrap();
        let mut all: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        let mut required: Vec<String> = serde_json::from_value(schema["required"].clone()).unwrap_or_default();
        all.sort();
        required.sort();
        (all, required)
    }

    fn keys(value: &Value) -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    }

    fn assert_alike<S: PartialSchema, T: serde::Serialize + serde::de::DeserializeOwned>(least: &Value, full: &Value) {
        let written = |value: &Value| {
            let read: T = serde_json::from_value(value.clone()).unwrap();
            keys(&serde_json::to_value(&read).unwrap())
        };
        assert_eq!(names(&S::schema()), (written(full), written(least)));
    }

    #[test]
    fn the_document_has_every_field_that_the_domain_writes_and_no_other() {
        use daimon_domain::{bounce, origin};
        let time = "2026-01-03T01:05:34Z";
        let notice = json!({"id": "a", "kind": "mailbox_blocked", "strength": "hard"});
        assert_alike::<ProviderNotice, bounce::ProviderNotice>(&notice, &notice);
        let hop = json!({"authenticated": true, "local_submission": true});
        let full_hop = json!({"helo": "a", "from_host": "a", "from_ip": "192.0.2.1", "by": "a", "with": "a",
            "authenticated": true, "authenticated_as": "a", "local_submission": true, "at": time});
        assert_alike::<Hop, origin::Hop>(&hop, &full_hop);
        let origin = json!({"returned": true});
        let full_origin = json!({"returned": true, "message_id": "a", "date": time, "from": "a", "envelope_from": "a",
            "subject": "a", "received": [hop], "script": "a", "originating_ip": "192.0.2.1", "mailer": "a",
            "dkim_domains": ["a"], "authentication_results": ["a"], "list": "a", "auto_submitted": "a"});
        assert_alike::<Origin, origin::Origin>(&origin, &full_origin);
        let envelope = json!({"null_return_path": true});
        let full_envelope = json!({"message_id": "a", "from": "a", "null_return_path": true, "references": ["a"],
            "date": time, "received": [hop]});
        assert_alike::<Envelope, bounce::Envelope>(&envelope, &full_envelope);
        let recipient = json!({"address": "a", "reason": "virus", "action": "failed", "permanence": "permanent",
            "fault": "content", "rule": "a"});
        let full_recipient = json!({"address": "a", "original_address": "a", "reason": "virus", "status": "5.1.1",
            "reply": 550, "action": "failed", "permanence": "permanent", "fault": "content", "diagnostic": "a",
            "remote_mta": "a", "will_retry_until": time, "rule": "a"});
        assert_alike::<ClassifiedRecipient, bounce::Recipient>(&recipient, &full_recipient);
        let report = json!({"kind": "bounce", "recipients": [], "origin": origin, "envelope": envelope});
        let full_report = json!({"kind": "bounce", "reporting_mta": "a", "arrival_date": time, "received_from_mta": "a",
            "original_envelope_id": "a", "feedback_type": "a", "provider_notice": notice, "recipients": [],
            "origin": origin, "envelope": envelope, "notes": ["a"]});
        assert_alike::<Classified, bounce::Report>(&report, &full_report);
    }
}
