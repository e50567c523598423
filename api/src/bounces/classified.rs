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
    /// Where they stand, and so whose they are.
    #[schema(schema_with = crate::words::notice_place)]
    place: (),
    /// The host whose answer the report quotes, where it names one.
    #[schema(nullable = false)]
    said_by: Option<String>,
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
    /// In-Reply-To alone.
    #[schema(nullable = false)]
    in_reply_to: Option<Vec<String>>,
    /// What receiving servers checked (RFC 8601), topmost first.
    #[schema(nullable = false)]
    checks: Option<Vec<Check>>,
    /// Its own date.
    #[schema(nullable = false)]
    date: Option<DateTime<Utc>>,
    /// How it came here itself, newest hop first.
    #[schema(nullable = false)]
    received: Option<Vec<Hop>>,
}

/// One Authentication-Results field.
#[derive(ToSchema)]
#[expect(dead_code, reason = "see above")]
pub(crate) struct Check {
    /// How many Received lines stand above it.
    below: usize,
    /// The field, unfolded.
    results: String,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
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

    fn assert_alike<S: PartialSchema>(least: &impl serde::Serialize, full: &impl serde::Serialize) {
        let [least, full] = [serde_json::to_value(least), serde_json::to_value(full)].map(Result::unwrap);
        assert_eq!(names(&S::schema()), (keys(&full), keys(&least)));
    }

    #[test]
    fn the_document_has_every_field_that_the_domain_writes_and_no_other() {
        use daimon_domain::{bounce, origin, reason};
        let (text, texts) = (|| Some("a".to_owned()), || vec!["a".to_owned()]);
        let (time, address) = (Some(DateTime::UNIX_EPOCH), "192.0.2.1".parse().ok());
        // Every field by name, so that a new one does not compile before it is here and in the document.
        let notice = bounce::ProviderNotice {
            id: "a".to_owned(),
            kind: bounce::NoticeKind::MailboxBlocked,
            strength: bounce::NoticeStrength::Hard,
            place: bounce::NoticePlace::Answer,
            said_by: text(),
        };
        let least_notice = bounce::ProviderNotice { said_by: None, ..notice.clone() };
        assert_alike::<ProviderNotice>(&least_notice, &notice);
        let check = bounce::Check { below: 0, results: "a".to_owned() };
        assert_alike::<Check>(&check, &check);
        let hop = origin::Hop {
            helo: text(),
            from_host: text(),
            from_ip: address,
            by: text(),
            with: text(),
            authenticated: true,
            authenticated_as: text(),
            local_submission: true,
            at: time,
        };
        assert_alike::<Hop>(&origin::Hop::default(), &hop);
        let full_origin = origin::Origin {
            returned: true,
            message_id: text(),
            date: time,
            from: text(),
            envelope_from: text(),
            subject: text(),
            charset: text(),
            content_language: text(),
            received: vec![hop.clone()],
            script: text(),
            originating_ip: address,
            mailer: text(),
            dkim_domains: texts(),
            dkim_keys: texts(),
            authentication_results: texts(),
            list: text(),
            auto_submitted: text(),
        };
        assert_alike::<Origin>(&origin::Origin::default(), &full_origin);
        let envelope = bounce::Envelope {
            message_id: text(),
            from: text(),
            null_return_path: true,
            references: texts(),
            in_reply_to: texts(),
            to: texts(),
            checks: vec![check],
            exchange_authenticated_as: texts(),
            poses_as_report: true,
            date: time,
            received: vec![hop],
        };
        assert_alike::<Envelope>(&bounce::Envelope::default(), &envelope);
        let least = bounce::Recipient {
            address: "a".to_owned(),
            original_address: None,
            reason: reason::Reason::Virus,
            status: None,
            reply: None,
            action: bounce::Action::Failed,
            permanence: reason::Permanence::Permanent,
            fault: reason::Fault::Content,
            diagnostic: None,
            remote_mta: None,
            will_retry_until: None,
            rule: "a".to_owned(),
        };
        let recipient = bounce::Recipient {
            original_address: text(),
            status: "5.1.1".parse().ok(),
            reply: Some(550),
            diagnostic: text(),
            remote_mta: text(),
            will_retry_until: time,
            ..least.clone()
        };
        assert_alike::<ClassifiedRecipient>(&least, &recipient);
        let least = bounce::Report {
            kind: bounce::Kind::Bounce,
            reporting_mta: None,
            arrival_date: None,
            received_from_mta: None,
            original_envelope_id: None,
            feedback_type: None,
            provider_notice: None,
            recipients: Vec::new(),
            origin: origin::Origin::default(),
            envelope: bounce::Envelope::default(),
            notes: Vec::new(),
        };
        let report = bounce::Report {
            reporting_mta: text(),
            arrival_date: time,
            received_from_mta: text(),
            original_envelope_id: text(),
            feedback_type: text(),
            provider_notice: Some(notice),
            notes: texts(),
            ..least.clone()
        };
        assert_alike::<Classified>(&least, &report);
    }
}
