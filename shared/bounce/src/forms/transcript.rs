//! sendmail's form: the addresses that failed, then the conversation that went wrong.

use super::{Found, MAX_RECIPIENTS, heads};
use crate::{lexicon, status, step::Step, text};

/// Where the list of addresses begins.
const LISTS: &[&str] = &[
    "had permanent fatal errors",
    "had delivery problems",
    "had transient non-fatal errors",
    "had permanent delivery errors",
    "had fatal errors",
];
const TRANSCRIPTS: &[&str] =
    &["transcript of session follows", "transcript of the session follows", "transcript of session"];

/// What a host says of DATA when it has taken none of the addresses.
const NONE_TAKEN: &[&str] = &["no valid recipients", "need rcpt", "rcpt first"];

pub(super) fn read(lines: &[&str]) -> Vec<Found> {
    let is_marker = |line: &str, words: &[&str]| {
        let lower = text::lower(line);
        words.iter().any(|words| lower.contains(words))
    };
    let list = lines.iter().position(|line| is_marker(line, LISTS));
    let transcript = lines.iter().position(|line| is_marker(line, TRANSCRIPTS));
    if list.is_none() && transcript.is_none() {
        return Vec::new();
    }
    let mut found: Vec<Found> = Vec::new();
    for line in list.and_then(|start| lines.get(start + 1..)).unwrap_or_default() {
        if line.trim_start().starts_with("---") || found.len() == MAX_RECIPIENTS {
            break;
        }
        let trimmed = line.trim();
        if let Some(reason) = trimmed.strip_prefix("(reason:").or_else(|| trimmed.strip_prefix("(reason :")) {
            if let Some(last) = found.last_mut() {
                last.text.push_str(reason.trim().trim_end_matches(')'));
            }
        } else if let Some(alias) = trimmed.strip_prefix("(expanded from:") {
            if let Some(last) = found.last_mut() {
                last.original = text::addresses(alias).into_iter().next();
            }
        } else if let Some((address, rest)) = heads::head(trimmed.trim_matches('"')) {
            found.push(Found { address, text: rest.to_owned(), ..Found::default() });
        } else if let Some(last) = found.last_mut().filter(|_| !trimmed.is_empty()) {
            last.text.push(' ');
            last.text.push_str(trimmed);
        }
    }
    if let Some(conversation) = transcript.and_then(|start| lines.get(start + 1..)) {
        add_conversation(conversation, &mut found, list.is_some());
    }
    found
}

/// Adds the replies that name a recipient to it, and those that name none to all that have no reason yet.
fn add_conversation(lines: &[&str], found: &mut Vec<Found>, has_list: bool) {
    let (mut common, mut asked): (String, Option<String>) = (String::new(), None);
    let (mut host, mut step, mut common_step) = (None, None::<Step>, None::<Step>);
    // The addresses that were taken before the content was refused.
    let mut taken: Vec<String> = Vec::new();
    // Commands are sent without awaiting replies: where none was taken, a refusal below DATA answers RCPT.
    let none_taken = lines.iter().take(2_000).any(|line| {
        line.trim_start().starts_with("<<<") && {
            let lower = line.to_lowercase();
            NONE_TAKEN.iter().any(|words| lower.contains(words))
        }
    });
    for line in lines.iter().take(2_000) {
        let trimmed = line.trim();
        if trimmed.starts_with("-----") {
            break;
        }
        if let Some(name) = trimmed.strip_prefix("... while talking to ") {
            host = Some(name.trim_end_matches([':', '.']).to_lowercase());
            continue;
        }
        if let Some(command) = trimmed.strip_prefix(">>>").or_else(|| trimmed.strip_prefix("In:")) {
            step = lexicon::step(&lexicon::search(&format!(">>> {}", command.trim()))).or(step);
            step = step.map(|step| if none_taken && step == Step::Data { Step::Rcpt } else { step });
            asked = text::addresses(command).into_iter().next().filter(|_| command.to_lowercase().contains("rcpt"));
            taken.extend(asked.clone().filter(|_| taken.len() < 200));
            continue;
        }
        let reply = trimmed.strip_prefix("<<<").or_else(|| trimmed.strip_prefix("Out:")).unwrap_or(trimmed).trim();
        let lower = reply.to_lowercase();
        let named = text::addresses(reply).into_iter().next().filter(|_| !lower.contains("from:"));
        let is_verdict = status::find_reply(reply).is_some() || status::find_status(reply).is_some();
        if trimmed.is_empty() || (!is_verdict && named.is_none() && common.is_empty()) {
            continue;
        }
        let about = named.or_else(|| asked.clone());
        let count = found.len();
        let known = about.as_ref().and_then(|about| found.iter_mut().take(200).find(|known| known.address == *about));
        match (known, about) {
            (Some(known), _) => {
                known.text.push(' ');
                known.text.push_str(reply);
                known.step = known.step.filter(|_| !is_verdict).or(step);
                known.remote_mta = known.remote_mta.take().or_else(|| host.clone());
            }
            (None, Some(about)) if !has_list && is_verdict && count < 200 => {
                found.push(Found {
                    address: about,
                    text: reply.to_owned(),
                    remote_mta: host.clone(),
                    step,
                    ..Found::default()
                });
            }
            (None, _) => {
                common.push(' ');
                common.push_str(reply);
                common_step = common_step.or(step);
            }
        }
    }
    // A refused RCPT has named its address; what no reply was about failed with the content.
    if found.is_empty() && !common.is_empty() {
        found.extend(taken.into_iter().map(|address| Found { address, ..Found::default() }));
    }
    for recipient in found.iter_mut() {
        recipient.remote_mta = recipient.remote_mta.take().or_else(|| host.clone());
        if recipient.text.trim().is_empty() || status::find_reply(&recipient.text).is_none() {
            recipient.text.push(' ');
            recipient.text.push_str(text::cut(&common, 2_000));
            recipient.step = recipient.step.or(common_step);
        } else if recipient.text.get(3..4) == Some("-") && common.trim_start().starts_with(recipient.text.trim()) {
            // Of a reply of several lines only the first is given as the reason.
            text::cut(&common, 2_000).clone_into(&mut recipient.text);
            recipient.step = recipient.step.or(common_step);
        }
    }
}
