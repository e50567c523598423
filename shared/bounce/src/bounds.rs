//! How much of a message's own words an answer holds. A header may have 256 KiB, in one field.

use daimon_domain::{
    bounce::{Envelope, Report},
    origin::{Hop, Origin},
};

use crate::text;

/// The most of one value: what a line may have (RFC 5322, 2.1.1).
const MAX_VALUE_BYTES: usize = 998;
/// The most of what one server says of its checks: DKIM signatures are named one by one.
const MAX_RESULTS_BYTES: usize = 8_000;

/// Cuts what is longer.
pub(crate) fn cut(report: &mut Report) {
    let Report { reporting_mta, received_from_mta, original_envelope_id, feedback_type, .. } = report;
    cut_all([reporting_mta, received_from_mta, original_envelope_id, feedback_type].into_iter().flatten());
    cut_all(report.provider_notice.iter_mut().filter_map(|notice| notice.said_by.as_mut()));
    cut_all(report.recipients.iter_mut().filter_map(|recipient| recipient.remote_mta.as_mut()));
    cut_origin(&mut report.origin);
    cut_envelope(&mut report.envelope);
}

fn cut_origin(origin: &mut Origin) {
    let Origin { message_id, subject, charset, content_language, script, mailer, list, auto_submitted, .. } = origin;
    let texts = [message_id, subject, charset, content_language, script, mailer, list, auto_submitted];
    cut_all(texts.into_iter().flatten());
    cut_all(origin.dkim_domains.iter_mut().chain(&mut origin.dkim_keys));
    origin.authentication_results.iter_mut().for_each(|results| cut_one(results, MAX_RESULTS_BYTES));
    origin.received.iter_mut().for_each(cut_hop);
}

fn cut_envelope(envelope: &mut Envelope) {
    cut_all(envelope.message_id.iter_mut());
    cut_all(envelope.references.iter_mut().chain(&mut envelope.in_reply_to));
    cut_all(envelope.exchange_authenticated_as.iter_mut());
    envelope.checks.iter_mut().for_each(|check| cut_one(&mut check.results, MAX_RESULTS_BYTES));
    envelope.received.iter_mut().for_each(cut_hop);
}

fn cut_hop(hop: &mut Hop) {
    let Hop { helo, from_host, by, with, authenticated_as, .. } = hop;
    cut_all([helo, from_host, by, with, authenticated_as].into_iter().flatten());
}

fn cut_all<'a>(values: impl Iterator<Item = &'a mut String>) {
    values.for_each(|value| cut_one(value, MAX_VALUE_BYTES));
}

fn cut_one(value: &mut String, bytes: usize) {
    if value.len() > bytes {
        value.truncate(text::cut(value, bytes).len());
        // A long one would be kept with all the room it had.
        value.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_answer_holds_no_endless_words() {
        let long = "あ".repeat(20_000);
        let groups = "Action: failed\n\n".repeat(100);
        let mail = format!(
            "From: MAILER-DAEMON@mx.example\nReferences: <{long}@b.example>\nMessage-ID: <{long}>\n\
            Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n\
            Reporting-MTA: dns; {long}\nOriginal-Envelope-Id: {long}\nReceived-From-MTA: dns; {long}\n\n{groups}\
            Final-Recipient: rfc822; a@b.example\nAction: failed\nRemote-MTA: dns; {long}\n\
            --b\nContent-Type: message/rfc822\n\nSubject: {long}\nMessage-ID: <{long}>\n"
        );
        for original in [
            format!("List-Id: {long}\nX-Mailer: {long}"),
            format!("X-PHP-Script: {long}\nAuto-Submitted: {long}"),
            format!("Received: from {long} ({long}.example) by {long} with {long}; x"),
            format!("DKIM-Signature: d={long}\nAuthentication-Results: {long}"),
        ] {
            let report = crate::read(format!("{mail}{original}\n\n--b--\n").as_bytes());
            let written = serde_json::to_string(&report).unwrap();
            assert!(written.len() < 30_000, "{} bytes", written.len());
            assert_eq!(report.origin.subject.unwrap().len(), 996);
            assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
        }
    }
}
