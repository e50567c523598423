//! One message, from its parts to its answer.

use std::{borrow::Cow, collections::HashMap};

use daimon_domain::{
    bounce::{Action, Kind, Recipient, Report},
    origin::Origin,
};

use crate::{
    forms::{self, Found, Letter, notification},
    judge::{self, Whole},
    mime::{Fields, Part},
    notice, origin, recognise,
    recognise::Signs,
    report::Status,
    text,
};

/// More of the letter than this is not weighed.
const MAX_LETTER_BYTES: usize = 256 << 10;

/// The parts that matter, found by walking the tree once.
#[derive(Debug, Default)]
struct Pieces<'a> {
    /// What people read.
    texts: Vec<String>,
    statuses: Vec<Cow<'a, [u8]>>,
    feedback: Option<Fields>,
    /// The returned original, or its header.
    original: Option<Cow<'a, [u8]>>,
    /// A disposition notification (RFC 8098): somebody's mail program answers.
    is_disposition: bool,
}

impl<'a> Pieces<'a> {
    fn collect(&mut self, part: &Part<'a>) {
        match part.media.as_str() {
            "message/delivery-status" | "message/global-delivery-status" => self.statuses.push(part.decoded()),
            "message/feedback-report" => {
                self.feedback = self.feedback.take().or_else(|| Some(Fields::read(&skip_blank(&part.decoded())).0));
            }
            "message/disposition-notification" | "message/global-disposition-notification" => {
                self.is_disposition = true;
            }
            "message/rfc822"
            | "message/global"
            | "text/rfc822-headers"
            | "message/rfc822-headers"
            | "message/global-headers"
            | "message/partial"
            | "text/rfc822-header" => {
                self.original = self.original.take().or_else(|| Some(part.decoded()));
            }
            "multipart/alternative" => {
                // The plain text first; HTML only where it says more than nothing.
                let before = self.texts.len();
                for child in &part.children {
                    if self.texts.get(before..).is_none_or(|texts| texts.iter().all(|text| text.trim().is_empty()))
                        || !child.media.starts_with("text/")
                    {
                        self.collect(child);
                    }
                }
            }
            media if media.starts_with("multipart/") => {
                if part.children.is_empty() {
                    self.texts.push(part.text());
                }
                for child in &part.children {
                    self.collect(child);
                }
            }
            media if media.starts_with("text/") || media.is_empty() => self.texts.push(part.text()),
            _ => {}
        }
    }
}

fn skip_blank(bytes: &[u8]) -> Cow<'_, [u8]> {
    Cow::Borrowed(bytes.trim_ascii_start())
}

/// Reads a message whose line ends are LF.
pub(crate) fn read(message: &[u8]) -> Report {
    read_wrapped(message, true)
}

/// Reads a message; one that only wraps a report, as gateways and help desks send them on, is read as that report.
fn read_wrapped(message: &[u8], may_wrap: bool) -> Report {
    let root = Part::read(message);
    let mut pieces = Pieces::default();
    pieces.collect(&root);
    let mut notes = Vec::new();
    let mut status = Status::default();
    for bytes in &pieces.statuses {
        status.add(bytes, &mut notes);
    }
    let text = pieces.texts.join("\n");
    let letter = Letter::read(text::cut(&text, MAX_LETTER_BYTES));
    let folded = text::fold(&letter.lines.join("\n"));
    let signs =
        Signs { returns_original: pieces.original.is_some() || letter.original.is_some(), ..Signs::read(&root.fields) };
    let subject = root.fields.decoded("subject").unwrap_or_default();
    let returned = match (&pieces.original, letter.original) {
        (Some(bytes), _) => skip_blank(bytes),
        (None, Some(text)) => Cow::Borrowed(text.as_bytes()),
        (None, None) => Cow::Borrowed(&b""[..]),
    };
    let mut original = Fields::read(&returned).0;

    let own = root.fields.get("to").and_then(text::first_address);
    let in_letter = if may_tell(&signs, &status) { forms::read(&letter, own.as_deref()) } else { Vec::new() };
    if may_wrap && status.recipients.is_empty() && in_letter.is_empty() && signs.from_system && is_report(&original) {
        return Report { envelope: origin::envelope(&root.fields), ..read_wrapped(&returned, false) };
    }
    let mut feedback_type = None;
    let notification = notification::read(&text);
    let mut kind = kind(&pieces, &status, &signs, &subject, &folded, !in_letter.is_empty(), &root.fields);
    if let Some(found) = notification {
        (kind, status, original, feedback_type) = (found.kind, found.status, found.original, found.feedback_type);
    } else if matches!(kind, Kind::Bounce | Kind::Delay)
        && status.recipients.is_empty()
        && let Some(found) = forms::read_fields(&letter.lines, &mut notes)
    {
        status = found;
    }
    let mut recipients = Vec::new();
    if matches!(kind, Kind::Bounce | Kind::Delay | Kind::Delivered) {
        let whole = Whole {
            letter: &folded,
            reporting_mta: status.reporting_mta.as_deref(),
            default_action: if kind == Kind::Delay { Action::Delayed } else { Action::Failed },
            is_about_one: status.recipients.len().max(in_letter.len()) <= 1,
        };
        recipients = judge_all(std::mem::take(&mut status.recipients), in_letter, &root.fields, &original, &whole);
    }

    let mut traces = if matches!(kind, Kind::NotBounce | Kind::AutoReply | Kind::Challenge) && pieces.original.is_none()
    {
        Origin::default()
    } else {
        origin::read(&original)
    };
    traces.envelope_from = status.envelope_from.or(traces.envelope_from);
    let feedback = pieces.feedback;
    Report {
        kind,
        reporting_mta: status
            .reporting_mta
            .or_else(|| feedback.as_ref().and_then(|fields| fields.get("reporting-mta").map(str::to_lowercase))),
        arrival_date: status.arrival_date.or_else(|| {
            feedback
                .as_ref()
                .and_then(|fields| fields.first_of(&["arrival-date", "received-date"]).and_then(text::date))
        }),
        received_from_mta: status.received_from_mta,
        original_envelope_id: status.original_envelope_id,
        feedback_type: feedback
            .as_ref()
            .map(|fields| fields.get("feedback-type").unwrap_or("abuse").to_lowercase())
            .or(feedback_type),
        provider_notice: find_notice(&subject, &folded, &recipients),
        recipients,
        origin: traces,
        envelope: origin::envelope(&root.fields),
        notes,
    }
}

/// Whether a returned mail is a report itself.
fn is_report(original: &Fields) -> bool {
    let content_type = original.get("content-type").unwrap_or_default().to_ascii_lowercase();
    content_type.contains("delivery-status") && Signs::read(original).from_system
}

/// Ordinary mail is not searched for failed addresses.
fn may_tell(signs: &Signs, status: &Status) -> bool {
    !status.recipients.is_empty() || signs.from_system || signs.subject_fails || signs.header_fails || signs.null_sender
}

fn kind(
    pieces: &Pieces<'_>,
    status: &Status,
    signs: &Signs,
    subject: &str,
    letter: &str,
    names: bool,
    fields: &Fields,
) -> Kind {
    let content_type = fields.get("content-type").unwrap_or_default().to_lowercase();
    if pieces.feedback.is_some() || content_type.contains("feedback-report") {
        return Kind::Feedback;
    }
    let is_answer = signs.is_reply && !signs.from_system && !content_type.contains("report");
    if !status.recipients.is_empty() && !is_answer {
        let acts = |action: Action| status.recipients.iter().any(|found| found.action == Some(action));
        let all_act = status.recipients.iter().all(|found| found.action.is_some());
        return match () {
            () if acts(Action::Failed) => Kind::Bounce,
            () if acts(Action::Delayed) => Kind::Delay,
            () if all_act => Kind::Delivered,
            () if recognise::delays(signs, letter) => Kind::Delay,
            () => Kind::Bounce,
        };
    }
    // Dovecot's Sieve says so that it refused a mail for good.
    if pieces.is_disposition && !(signs.from_system && signs.subject_fails) {
        return Kind::AutoReply;
    }
    if recognise::is_challenge(subject, letter) && !signs.header_fails {
        return Kind::Challenge;
    }
    recognise::kind(signs, letter, names)
}

/// Joins what the machine-readable part and the letter say of the same address, and judges each.
fn judge_all(
    machine: Vec<Found>,
    letter: Vec<Found>,
    fields: &Fields,
    original: &Fields,
    whole: &Whole<'_>,
) -> Vec<Recipient> {
    let beside: HashMap<String, Found> = letter.iter().map(|found| (found.address.clone(), found.clone())).collect();
    let only_one = (letter.len() == 1).then(|| letter.first().cloned()).flatten();
    let is_machine = !machine.is_empty();
    let mut all = machine;
    // A Final-Recipient without a local part is no address; the letter may know better.
    if let ([only], [named]) = (all.as_mut_slice(), letter.as_slice())
        && (only.address.starts_with('@') || !only.address.contains('@'))
    {
        only.address.clone_from(&named.address);
    }
    if !is_machine {
        let failed = fields.get("x-failed-recipients").map(text::addresses).unwrap_or_default();
        if failed.is_empty() {
            all = letter;
        } else {
            let mut texts: HashMap<String, Found> =
                letter.into_iter().map(|found| (found.address.clone(), found)).collect();
            all = failed
                .into_iter()
                .map(|address| texts.remove(&address).unwrap_or(Found { address, ..Found::default() }))
                .collect();
        }
    }
    if all.is_empty() {
        let names = ["x-failed-recipients", "delivered-to", "x-original-to", "to", "apparently-to", "cc"];
        let to = names
            .iter()
            .skip(1)
            .find_map(|name| original.get(name).map(text::addresses).filter(|found| !found.is_empty()));
        all = to.unwrap_or_default().into_iter().map(|address| Found { address, ..Found::default() }).collect();
    }
    let mut at: HashMap<String, usize> = HashMap::new();
    let mut judged: Vec<Recipient> = Vec::new();
    for mut found in all {
        let words = is_machine
            .then(|| {
                beside
                    .get(&found.address)
                    .or_else(|| found.original.as_ref().and_then(|original| beside.get(original)))
                    .or(only_one.as_ref())
            })
            .flatten();
        found.step = found.step.or(words.and_then(|words| words.step));
        let recipient = judge::judge(found, words.map(|words| words.text.as_str()), whole);
        // A report may repeat an address, once for each try; a failure outweighs the rest.
        match at.get(&recipient.address).and_then(|at| judged.get_mut(*at)) {
            Some(known) if known.action != Action::Failed && recipient.action == Action::Failed => *known = recipient,
            Some(_) => {}
            None => {
                at.insert(recipient.address.clone(), judged.len());
                judged.push(recipient);
            }
        }
    }
    judged
}

/// A provider's own words, wherever they stand.
fn find_notice(subject: &str, letter: &str, recipients: &[Recipient]) -> Option<daimon_domain::bounce::ProviderNotice> {
    let diagnostics = recipients.iter().take(5).filter_map(|recipient| recipient.diagnostic.as_deref());
    std::iter::once(subject).chain(diagnostics).find_map(notice::find).or_else(|| notice::find(letter))
}
