//! What must be read from a report: from the script, not from the reader.
#![expect(clippy::indexing_slicing, reason = "to assign to an index of a JSON object inserts")]

use anyhow::Context;
use daimon_domain::reason::Reason;
use serde_json::{Map, Value, json};

use super::script::{Answer, At, By, Mail, Mta, Scene, Script};

/// What the mail server did, as it says itself (RFC 3464, 2.3.3).
fn action(report: &str) -> &'static str {
    // One report tells of one thing; Sendmail's reports of success may mix two.
    for action in ["failed", "delayed", "relayed", "expanded", "delivered"] {
        if report.lines().any(|line| {
            line.to_ascii_lowercase().strip_prefix("action:").is_some_and(|rest| rest.trim().starts_with(action))
        }) {
            return action;
        }
    }
    "failed"
}

/// The mail's name and its expected answer.
pub fn expected(script: &Script, mta: &Mta, scene: &Scene, id: &str, report: &str) -> anyhow::Result<(String, Value)> {
    let mail = script.mail(&scene.mail)?;
    let action = action(report);
    let (kind, suffix) = match action {
        "delayed" => ("delay", "-delay"),
        "failed" => ("bounce", ""),
        _done => ("delivered", "-delivered"),
    };
    let answers: Vec<&Answer> = scene.to.iter().map(|name| script.answer(name)).collect::<anyhow::Result<_>>()?;
    let mut recipients = Vec::new();
    for address in addresses(report) {
        let answer = answers
            .iter()
            .find(|answer| answer.to.to_lowercase() == address || answer.alias.as_deref() == Some(&address))
            .with_context(|| format!("{} tells of {address}", scene.name))?;
        recipients.push(recipient(mta, answer, &address, action, report));
    }
    anyhow::ensure!(!recipients.is_empty(), "{}: the report names nobody:\n{report}", scene.name);
    let mut all = json!({ "kind": kind, "reporting_mta": mta.host, "recipients": recipients });
    if let Some(id) = report.to_lowercase().contains("original-envelope-id:").then_some(scene.envid.as_ref()).flatten()
    {
        all["original_envelope_id"] = json!(id);
    }
    if let Some(notice) = answers.iter().find_map(|answer| answer.notice.as_ref()) {
        all["provider_notice"] = json!({ "id": notice });
    }
    if report.contains(id) {
        all["origin"] = Value::Object(origin(mta, mail, answers.iter().any(|answer| answer.alias.is_some()), id));
    }
    Ok((format!("{}{suffix}", scene.name), all))
}

/// The recipients of the machine-readable part, in its order.
fn addresses(report: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in report.lines() {
        let Some(value) = line.strip_prefix("Final-Recipient:").or_else(|| line.strip_prefix("Final-recipient:"))
        else {
            continue;
        };
        let address = value.split(';').nth(1).unwrap_or_default().trim().trim_matches(['<', '>']).to_lowercase();
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

fn recipient(mta: &Mta, answer: &Answer, address: &str, action: &str, report: &str) -> Value {
    let mut recipient = json!({ "address": address, "action": action });
    if let Some(alias) = answer.alias.as_ref().filter(|_alias| mta.names_alias) {
        recipient["original_address"] = json!(alias);
    }
    if !matches!(action, "failed" | "delayed") {
        return recipient;
    }
    // A server that only says how long it waited tells of no other cause.
    let instead = answer.instead.get(&format!("{} {action}", mta.name)).copied();
    let unsaid = answer.unsaid.contains(&mta.name).then_some(Reason::Expired);
    let reason = instead.or(unsaid).or(answer.reason);
    if let Some(reason) = reason {
        recipient["reason"] = json!(reason);
    }
    // A refusal for now stays one after the last try: to write again later can help.
    let first = answer.reply.trim_start().chars().next();
    let is_temporary = action == "delayed"
        || first == Some('4')
        || first.is_none() && answer.is_passing()
        // Postfix takes a refusal at the greeting for one of this host at this time, and goes on trying.
        || answer.at == At::Connect
            && answer.status.is_none()
            && report.lines().any(|line| line.starts_with("Status: 4"));
    recipient["permanence"] = json!(if is_temporary { "temporary" } else { "permanent" });
    if let Some(status) = answer.status.as_ref().filter(|_status| instead.is_none()) {
        recipient["status"] = json!(status);
    }
    recipient
}

/// Where the original says it is from.
fn origin(mta: &Mta, mail: &Mail, is_forwarded: bool, id: &str) -> Map<String, Value> {
    let mut origin = mail.origin.clone();
    origin.insert("returned".to_owned(), json!(true));
    origin.insert("from".to_owned(), json!(mail.from));
    if mta.returns_sender {
        origin.insert("envelope_from".to_owned(), json!(mail.envelope_from.as_ref().unwrap_or(&mail.from)));
    }
    if !is_forwarded {
        let mut ours = json!({ "by": mta.host });
        match mail.by {
            By::SignedIn if !mta.signs_in => ours["authenticated"] = json!(false),
            By::SignedIn => {
                ours["authenticated"] = json!(true);
                if mta.names_user {
                    ours["authenticated_as"] = json!(mail.from);
                }
            }
            By::Relay => ours["authenticated"] = json!(false),
            By::Local if mta.local_hops == 1 => ours["local_submission"] = json!(true),
            By::Local => {}
        }
        if let (Some(client), By::SignedIn | By::Relay) = (mail.client, mail.by) {
            ours["from_ip"] = json!(client);
        }
        let mut hops = vec![ours];
        if mail.by == By::Local && mta.local_hops > 1 {
            hops.push(json!({ "by": mta.host, "local_submission": true }));
        }
        hops.extend((0..mail.hops).map(|_brought| json!({})));
        origin.insert("received".to_owned(), Value::Array(hops));
    }
    if let Some(domain) = origin.remove("message_id_domain").as_ref().and_then(Value::as_str) {
        origin.insert("message_id".to_owned(), json!(format!("{id}@{domain}")));
    }
    origin
}
