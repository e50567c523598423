//! One message, from its parts to its answer.

use std::{borrow::Cow, collections::HashMap};

use daimon_domain::{
    bounce::{Action, Envelope, Kind, Recipient, Report},
    origin::Origin,
    status::Class,
};

use crate::{
    address, bounds,
    fields::{self, Fields},
    forms::{self, Found, Letter, notification, written},
    judge::{Beside, Judge, tells_cause},
    lexicon,
    mime::Part,
    notes::{Note, Notes},
    notice, origin,
    parameter::parameter,
    phrases::List,
    recognise,
    recognise::{Named, Signs},
    report::{self, Status},
    search::Hits,
    status, text,
};

/// More of the letter than this is not weighed.
const MAX_LETTER_BYTES: usize = 256 << 10;
/// More than this is not read to make the letter of, however little of it is text.
const MAX_TEXT_BYTES: usize = 4 * MAX_LETTER_BYTES;
/// Enough for the groups of ten thousand recipients.
const MAX_STATUS_BYTES: usize = 8 << 20;
/// More than a header has room for.
const MAX_FAILED: usize = 10_000;
/// Nobody sends a report to more.
const MAX_READERS: usize = 64;

/// The parts that matter, found by walking the tree once.
#[derive(Debug, Default)]
struct Pieces<'a> {
    /// What people read, part after part, a line end between.
    text: Option<String>,
    /// How many bytes that was made of.
    taken: usize,
    /// Where in the text the first part for machines or copy of a mail stands: what people read is before it (RFC 6522, 3).
    own_end: Option<usize>,
    statuses: Vec<Cow<'a, [u8]>>,
    feedback: Option<Cow<'a, [u8]>>,
    /// The returned original, or its header.
    original: Option<Cow<'a, [u8]>>,
    /// A disposition notification (RFC 8098): somebody's mail program answers.
    is_disposition: bool,
}

impl<'a> Pieces<'a> {
    fn collect(&mut self, part: &Part<'a>) {
        if part.media.starts_with("message/") || part.media.contains("rfc822-header") {
            self.own_end.get_or_insert(self.text.as_deref().map_or(0, str::len));
        }
        match part.media.as_str() {
            "message/delivery-status" | "message/global-delivery-status" => {
                self.statuses.push(part.decoded(MAX_STATUS_BYTES));
            }
            "message/feedback-report" => {
                self.feedback = self.feedback.take().or_else(|| Some(part.decoded(fields::MAX_BYTES)));
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
                self.original = self.original.take().or_else(|| Some(part.decoded(fields::MAX_BYTES)));
            }
            "multipart/alternative" => {
                // The plain text first; HTML only where it says more than nothing.
                let before = self.text.as_deref().map_or(0, str::len);
                for child in &part.children {
                    if self
                        .text
                        .as_deref()
                        .and_then(|text| text.get(before..))
                        .is_none_or(|text| text.trim().is_empty())
                        || !child.media.starts_with("text/")
                    {
                        self.collect(child);
                    }
                }
            }
            media if media.starts_with("multipart/") => {
                if part.children.is_empty() {
                    self.add_text(part);
                }
                for child in &part.children {
                    self.collect(child);
                }
            }
            media if media.starts_with("text/") || media.is_empty() => self.add_text(part),
            _ => {}
        }
    }

    fn add_text(&mut self, part: &Part<'a>) {
        if self.taken >= MAX_TEXT_BYTES || self.text.as_ref().is_some_and(|text| text.len() >= MAX_LETTER_BYTES) {
            return;
        }
        self.taken += part.body.len().min(MAX_LETTER_BYTES);
        let text = part.text(MAX_LETTER_BYTES);
        match &mut self.text {
            Some(before) => {
                before.push('\n');
                before.push_str(&text);
            }
            None => self.text = Some(text),
        }
    }
}

/// Reads a message with any line ends.
pub(crate) fn read(message: &[u8]) -> Report {
    let mut report = read_wrapped(&text::with_one_line_end(message), true);
    bounds::cut(&mut report);
    report
}

/// Reads a message; one that only wraps a report, as gateways and help desks send them on, is read as that report.
fn read_wrapped(message: &[u8], may_wrap: bool) -> Report {
    let (root, fields) = Part::read(message);
    let mut pieces = Pieces::default();
    pieces.collect(&root);
    let mut notes = Notes::default();
    let mut status = Status::default();
    for bytes in &pieces.statuses {
        status.add(bytes, &mut notes);
    }
    let text = pieces.text.take().unwrap_or_default();
    let mut letter = Letter::read(text::cut(&text, MAX_LETTER_BYTES));
    let folded = text::fold(letter.text);
    let words = lexicon::search(&folded);
    let in_text = status.recipients.is_empty().then(|| written::begin(&letter.lines)).flatten();
    let in_text = in_text.map(|start| letter.lines.split_off(start));
    let subject = fields.decoded("subject").unwrap_or_default();
    let lower_subject = subject.to_lowercase();
    let subject_words = lexicon::search(&lower_subject);
    let mut signs = Signs {
        returns_original: pieces.original.is_some() || letter.original.is_some(),
        ..Signs::read(&fields, &lower_subject, &subject_words)
    };
    signs.tells_code = signs.from_system && status.recipients.is_empty() && status::find_status(&folded).is_some();
    let returned = match (&pieces.original, letter.original) {
        (Some(bytes), _) => bytes.trim_ascii_start(),
        (None, Some(text)) => text.as_bytes(),
        (None, None) => b"",
    };
    let mut original = Fields::read(returned).0;

    let mut own: Vec<String> = fields.get("to").as_deref().map(address::all).unwrap_or_default();
    own.truncate(MAX_READERS);
    let readers = own.len();
    // A list takes its bounces elsewhere than its mails.
    if let Some((local, domain)) = own.first().and_then(|own| own.split_once('@')) {
        let list = ["-bounces", "-admin", "-owner", "-errors"].iter().find_map(|end| local.strip_suffix(end));
        own.extend(list.map(|list| format!("{list}@{domain}")));
    }
    for name in ["from", "sender", "return-path"] {
        own.extend(original.get(name).as_deref().and_then(address::first));
    }
    let from = fields.mailbox("from").filter(|_| signs.from_system);
    let host = from.as_deref().and_then(|from| from.rsplit_once('@')).map(|(_, host)| host);
    let in_letter = if may_tell(&signs, &status) {
        let fails = signs.subject_fails || signs.from_daemon && lexicon::says(&words, List::FailingWords);
        let any = signs.from_system && signs.null_sender && (signs.tells_code || fails);
        forms::read(&letter, &words, &own, host, &status.recipients, any)
    } else {
        Vec::new()
    };
    if may_wrap && status.recipients.is_empty() && in_letter.is_empty() && signs.from_system && is_report(&original) {
        return Report { envelope: origin::envelope(&fields), ..read_wrapped(returned, false) };
    }
    let mut feedback_type = None;
    // Nobody answers with one, and a machine-readable part says more.
    let is_json = text.trim_start().starts_with('{');
    let may_notify = is_json && !signs.is_reply && !signs.is_auto_replied && pieces.own_end.is_none();
    let notification = may_notify.then(|| notification::read(&text, recognise::is_from_sns(&fields))).flatten();
    let other = in_letter.iter().find(|found| !own.contains(&found.address));
    // A filter shows whose mail to its reader it took away.
    if other.is_none() && status.recipients.is_empty() && pieces.original.is_none() && signs.from_system {
        let is_reader = |address: &String| own.iter().take(readers).any(|own| own == address);
        signs.tells_of_incoming |= shown(&letter, &original)
            .is_some_and(|(from, to)| !is_reader(&from) && !to.is_empty() && to.iter().all(is_reader));
    }
    let named = match other {
        Some(found)
            if signs.from_system
                && status.recipients.is_empty()
                && forms::is_at_head(&letter, &found.address)
                && tells_cause(&found.text) =>
        {
            Named::OthersAndWhy
        }
        Some(_) => Named::Others,
        None if in_text.is_some() => Named::ReaderInFields,
        None if !in_letter.is_empty() => Named::Reader,
        None => Named::Nobody,
    };
    // Phishing dressed as a report names nobody but its reader, and wants something of him.
    let is_bare = other.is_none() && status.recipients.is_empty() && !signs.null_sender && !signs.header_fails;
    let lures = is_bare && !signs.returns_original && lexicon::says(&words, List::Lures);
    let lures = lures && lures_outside_replies(&letter);
    let own_end = pieces.own_end.map_or(letter.text.len(), |end| end.min(letter.text.len()));
    let seen = Seen {
        pieces: &pieces,
        status: &status,
        signs: &signs,
        subject: &subject_words,
        letter: &words,
        in_letter: &in_letter,
        named,
        fields: &fields,
        explains_itself: text.get(..own_end).is_some_and(|own| !own.trim().is_empty()),
    };
    let mut kind = kind(&seen);
    let poses = lures && recognise::poses(&signs, &words);
    if matches!(kind, Kind::Bounce | Kind::Delay) && (lures || recognise::is_transcript(&lower_subject, &folded)) {
        kind = Kind::NotBounce;
    }
    let notified;
    if let Some(found) = notification {
        (kind, status, notified, feedback_type) = (found.kind, found.status, found.original, found.feedback_type);
        original = Fields::read(notified.as_bytes()).0;
    } else if matches!(kind, Kind::Bounce | Kind::Delay)
        && let Some(found) = in_text.and_then(|lines| written::read(&lines, &mut notes))
    {
        status = found;
    }
    // Without a word in the fields a diagnostic is what the letter says.
    let is_in_fields = status.recipients.iter().any(|found| !found.text.is_empty());
    let (mut recipients, mut may_notify) = (Vec::new(), false);
    if matches!(kind, Kind::Bounce | Kind::Delay | Kind::Delivered) {
        let default_action = if kind == Kind::Delay { Action::Delayed } else { Action::Failed };
        let found = std::mem::take(&mut status.recipients);
        let is_about_one = found.len().max(in_letter.len()) <= 1;
        // sendmail and Domino give the reason there; others repeat the original's subject.
        let explains = ["returned mail:", "delivery failure:"].iter().any(|start| lower_subject.starts_with(start));
        let mut judge = Judge::new(&folded, &words, status.reporting_mta.as_deref(), default_action, is_about_one)
            .with_subject(Some(&subject_words).filter(|_| explains));
        let described = || {
            let shown = forms::described(&letter).filter(|(from, _)| own.contains(from));
            shown.map(|(_, to)| to).unwrap_or_default()
        };
        let likely = || {
            let ways: [&dyn Fn() -> Vec<String>; 3] =
                [&|| written_to(&original), &described, &|| text::addresses(&subject)];
            ways.iter().map(|way| way()).find(|likely| !likely.is_empty()).unwrap_or_default()
        };
        recipients = judge_all(found, in_letter, &letter, &fields, likely, &mut judge, &mut notes);
        may_notify = judge.may_notify;
    }

    let mut traces = if matches!(kind, Kind::NotBounce | Kind::AutoReply | Kind::Challenge) && pieces.original.is_none()
    {
        Origin::default()
    } else {
        origin::read(&original)
    };
    let is_of_other = !matches!(kind, Kind::NotBounce | Kind::AutoReply);
    let is_own = !is_of_other && !signs.is_auto_replied && !signs.is_reply;
    let feedback = pieces.feedback.as_ref().map(|bytes| Fields::read(bytes.trim_ascii_start()).0);
    let of_feedback = |name: &str| feedback.as_ref().and_then(|fields| fields.get(name));
    traces.envelope_from = status
        .envelope_from
        .or_else(|| of_feedback("original-mail-from").as_deref().and_then(address::first))
        .or(traces.envelope_from);
    Report {
        kind,
        reporting_mta: status.reporting_mta.or_else(|| of_feedback("reporting-mta").map(|mta| report::host(&mta))),
        arrival_date: status.arrival_date.or_else(|| {
            feedback
                .as_ref()
                .and_then(|fields| fields.first_of(&["arrival-date", "received-date"]))
                .as_deref()
                .and_then(text::date)
        }),
        received_from_mta: status.received_from_mta,
        original_envelope_id: status
            .original_envelope_id
            .or_else(|| of_feedback("original-envelope-id").map(Cow::into_owned)),
        feedback_type: feedback
            .as_ref()
            .map(|fields| fields.get("feedback-type").map_or_else(|| "abuse".to_owned(), |kind| kind.to_lowercase()))
            .or(feedback_type)
            .or_else(|| (kind == Kind::Feedback).then(|| "abuse".to_owned())),
        provider_notice: notice::heard(&notice::Told {
            subject: Some((&*subject, &subject_words)).filter(|_| is_own),
            letter: (&folded, &words),
            // A report without the original's subject may still repeat it.
            own: text.get(..own_end).filter(|_| is_own || is_of_other && traces.subject.is_some()),
            diagnostics: if is_in_fields && may_notify { &recipients } else { &[] },
            quoted_subject: traces.subject.as_deref(),
        }),
        recipients,
        origin: traces,
        envelope: Envelope { poses_as_report: poses, ..origin::envelope(&fields) },
        notes: notes.into_sentences(),
    }
}

/// Whether a returned mail is a report itself.
fn is_report(original: &Fields<'_>) -> bool {
    recognise::is_delivery_status(original) && recognise::is_from_system(original)
}

/// Ordinary mail is not searched for failed addresses.
fn may_tell(signs: &Signs, status: &Status) -> bool {
    !status.recipients.is_empty() || signs.from_system || signs.subject_fails || signs.header_fails || signs.null_sender
}

/// What a message is told by.
#[derive(Clone, Copy)]
struct Seen<'a> {
    pieces: &'a Pieces<'a>,
    status: &'a Status,
    signs: &'a Signs,
    /// What was found in the subject.
    subject: &'a Hits,
    /// What was found in the letter.
    letter: &'a Hits,
    in_letter: &'a [Found],
    named: Named,
    fields: &'a Fields<'a>,
    /// Something for people stands before the first part for machines.
    explains_itself: bool,
}

fn kind(seen: &Seen<'_>) -> Kind {
    let Seen { pieces, status, signs, subject, letter, in_letter, named, fields, explains_itself } = *seen;
    let content_type = fields.get("content-type").unwrap_or_default().to_lowercase();
    let is_report = content_type.starts_with("multipart/report");
    // Whoever sends failed groups tells of failures, whatever his header says.
    if pieces.feedback.is_some() || status.recipients.is_empty() && complains(fields, &content_type) {
        return Kind::Feedback;
    }
    let is_answer = signs.is_reply && !signs.from_system && !is_report;
    // A person shows somebody a report that is attached.
    let is_shown = explains_itself
        && !is_report
        && !(signs.from_system || signs.null_sender || signs.subject_fails || signs.header_fails);
    if !status.recipients.is_empty() && !is_answer && !is_shown {
        let action = |found: &Found| {
            found.action.or_else(|| match found.status?.class {
                Class::Success => Some(Action::Delivered),
                Class::Permanent => Some(Action::Failed),
                Class::PersistentTransient => None,
            })
        };
        let acts = |wanted: Action| status.recipients.iter().any(|found| action(found) == Some(wanted));
        let all_act = status.recipients.iter().all(|found| action(found).is_some());
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
    // What a refusing host says of its reasons makes no challenge.
    let replies = || in_letter.iter().take(50).any(|found| status::find_reply(&found.text).is_some());
    if recognise::is_challenge(subject, letter) && !signs.header_fails && named != Named::OthersAndWhy && !replies() {
        return Kind::Challenge;
    }
    let is_final = |found: &Found| {
        let class = status::find_status(&found.text).map(|status| status.class);
        class == Some(Class::Permanent)
            || class.is_none() && status::find_reply(&found.text).is_some_and(|code| code >= 500)
    };
    let kind = recognise::kind(signs, letter, named);
    // One recipient's host may speak of a delay; what another one refused for good failed.
    if kind == Kind::Delay && in_letter.iter().take(50).any(is_final) { Kind::Bounce } else { kind }
}

/// Whether the header says that somebody complains.
fn complains(fields: &Fields<'_>, content_type: &str) -> bool {
    let is_feedback = content_type.starts_with("multipart/")
        && content_type.contains("feedback-report")
        && parameter(content_type, "report-type").as_deref() == Some("feedback-report");
    // Outlook.com sends complaints as a mail with the original in it, and says in a field of its own whose it was.
    is_feedback
        || fields.has("x-hmxmroriginalrecipient")
        || fields.get("subject").is_some_and(|subject| subject.starts_with("complaint about message from"))
            && fields.mailbox("from").as_deref() == Some("staff@hotmail.com")
}

/// Whether the letter wants something of its reader, besides what a refusing host said.
fn lures_outside_replies(letter: &Letter<'_>) -> bool {
    let is_code = |line: &str| status::find_reply(line).is_some() || status::find_status(line).is_some();
    let lines: Vec<&str> = letter.lines.iter().filter(|line| !is_code(line)).copied().collect();
    lexicon::says(&lexicon::search(&text::fold(&lines.join("\n"))), List::Lures)
}

/// Joins what the machine-readable part and the letter say of the same address, and judges each; `likely` are those to
/// whom the mail went, for when neither names anybody.
fn judge_all(
    mut machine: Vec<Found>,
    found: Vec<Found>,
    letter: &Letter<'_>,
    fields: &Fields<'_>,
    likely: impl FnOnce() -> Vec<String>,
    judge: &mut Judge<'_>,
    notes: &mut Notes,
) -> Vec<Recipient> {
    // A Final-Recipient without a local part is no address; the letter may know better.
    if let ([only], [named]) = (machine.as_mut_slice(), found.as_slice())
        && (only.address.starts_with('@') || !only.address.contains('@'))
    {
        only.address.clone_from(&named.address);
    }
    let (mut all, found) =
        if machine.is_empty() { (named(found, letter, fields), Vec::new()) } else { (machine, found) };
    if all.is_empty() {
        match <[String; 1]>::try_from(likely()) {
            Ok([address]) => all.push(Found { address, ..Found::default() }),
            Err(likely) if likely.is_empty() => {}
            // One of them failed, or two; the others get their mail.
            Err(_) => notes.add(Note::NobodyNamed, ""),
        }
    }
    let names_one = found.len() == 1;
    let beside: HashMap<String, Beside> =
        found.into_iter().map(|found| (found.address, Beside::new(found.text, found.step))).collect();
    let only = beside.values().next().filter(|_| names_one);
    judge.tells_apart = beside.values().any(Beside::has_reply);
    let mut at: HashMap<String, usize> = HashMap::new();
    let mut judged: Vec<Recipient> = Vec::new();
    for found in all {
        let words = beside
            .get(&found.address)
            .or_else(|| found.original.as_ref().and_then(|original| beside.get(original)))
            .or(only);
        let recipient = judge.judge(found, words);
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

/// What the letter says of those that the header names as failed, and of others at the head of a paragraph; or of all that
/// it names itself.
fn named(found: Vec<Found>, letter: &Letter<'_>, fields: &Fields<'_>) -> Vec<Found> {
    // Exim begins a new field after fifty.
    let failed = fields.all("x-failed-recipients").flat_map(|field| address::all(&field)).take(MAX_FAILED);
    let mut failed: Vec<Found> = failed.map(|address| Found { address, ..Found::default() }).collect();
    if failed.is_empty() {
        return found;
    }
    let at: HashMap<String, usize> =
        failed.iter().enumerate().map(|(at, failed)| (failed.address.clone(), at)).rev().collect();
    let mut others = Vec::new();
    for found in found {
        let known = at.get(&found.address).or_else(|| at.get(found.original.as_ref()?)).copied();
        match known.and_then(|at| failed.get_mut(at)) {
            Some(failed) => *failed = Found { address: std::mem::take(&mut failed.address), original: None, ..found },
            None => others.push(found),
        }
    }
    if !others.is_empty() {
        let heads = forms::heads(letter);
        failed.extend(others.into_iter().filter(|found| heads.contains(&found.address)));
        failed.truncate(MAX_FAILED);
    }
    failed
}

/// Who wrote the mail of which the letter holds a copy, or shows some fields, and to whom.
fn shown(letter: &Letter<'_>, original: &Fields<'_>) -> Option<(String, Vec<String>)> {
    match original.get("from").as_deref().and_then(address::first) {
        Some(from) => Some((from, original.get("to").as_deref().map(address::all).unwrap_or_default())),
        None => forms::described(letter),
    }
}

/// To whom the original was addressed, each once.
fn written_to(original: &Fields<'_>) -> Vec<String> {
    // What a server on the way wrote names the one whose copy this was.
    let one =
        ["delivered-to", "x-original-to"].iter().find_map(|name| original.get(name).as_deref().and_then(address::only));
    if let Some(one) = one {
        return vec![one];
    }
    let names = ["to", "apparently-to", "cc"];
    let mut found: Vec<String> =
        names.iter().flat_map(|name| original.all(name).take(1)).flat_map(|field| address::all(&field)).collect();
    found.sort_unstable();
    found.dedup();
    found
}
