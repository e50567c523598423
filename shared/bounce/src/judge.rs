//! From what was found of a recipient to a reason that can explain itself.

use std::{borrow::Cow, cell::OnceCell};

use daimon_domain::{
    bounce::{Action, Recipient},
    reason::{Permanence, Reason},
    status::{Class, EnhancedStatus},
};

use crate::{
    address::spec,
    forms::Found,
    lexicon::{self, search},
    rules::{self, Failure},
    search::Hits,
    status,
    step::Step,
    text,
};

/// The most of one diagnostic that is kept.
const MAX_DIAGNOSTIC_BYTES: usize = 1_000;
/// The most of a text that rules are asked about.
const MAX_TEXT_BYTES: usize = 8 << 10;

/// A text about a recipient, read once however many recipients share it.
#[derive(Debug)]
pub(crate) struct Beside {
    text: String,
    /// What the remote host answered to.
    step: Option<Step>,
    status: OnceCell<Option<EnhancedStatus>>,
    reply: OnceCell<Option<u16>>,
    words: OnceCell<Hits>,
}

impl Beside {
    pub(crate) fn new(mut text: String, step: Option<Step>) -> Self {
        text.truncate(text::cut(&text, MAX_TEXT_BYTES).len());
        Self { text, step, status: OnceCell::new(), reply: OnceCell::new(), words: OnceCell::new() }
    }

    fn status(&self) -> Option<EnhancedStatus> {
        *self.status.get_or_init(|| status::find_status(&self.text))
    }

    fn reply(&self) -> Option<u16> {
        *self.reply.get_or_init(|| status::find_reply(&self.text))
    }

    /// Whether a host has answered.
    pub(crate) fn has_reply(&self) -> bool {
        self.reply().is_some()
    }

    fn words(&self) -> &Hits {
        self.words.get_or_init(|| search(&status::without_repeats(without_label(&text::fold(&self.text)))))
    }
}

/// Judges the recipients of one report.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    /// What the whole letter says, for recipients of whom it says nothing in particular.
    letter: &'a str,
    letter_words: Cow<'a, Hits>,
    letter_status: OnceCell<Option<EnhancedStatus>>,
    /// What the subject says, where it is one that gives the reason.
    subject_words: Option<&'a Hits>,
    reporting_mta: Option<&'a str>,
    default_action: Action,
    /// Only one recipient is reported, so that the whole letter is about it.
    is_about_one: bool,
    /// Something is said of each recipient, or of some: the letter has nothing for the others.
    pub(crate) tells_apart: bool,
    /// The text judged last, for reports that give many recipients the same.
    last: Option<Beside>,
    /// Something said of a recipient may be a provider's notice.
    pub(crate) may_notify: bool,
}

impl<'a> Judge<'a> {
    /// `letter` is folded, `words` what was found in it.
    pub(crate) fn new(
        letter: &'a str,
        words: &'a Hits,
        reporting_mta: Option<&'a str>,
        default_action: Action,
        is_about_one: bool,
    ) -> Self {
        let start = text::cut(letter, MAX_TEXT_BYTES);
        let letter_words = if start.len() == letter.len() { Cow::Borrowed(words) } else { Cow::Owned(search(start)) };
        let letter_status = OnceCell::new();
        let subject_words = None;
        Self {
            letter,
            letter_words,
            letter_status,
            subject_words,
            reporting_mta,
            default_action,
            is_about_one,
            tells_apart: false,
            last: None,
            may_notify: false,
        }
    }

    /// Adds a subject that gives the reason.
    pub(crate) fn with_subject(self, words: Option<&'a Hits>) -> Self {
        Self { subject_words: words, ..self }
    }

    /// Decides the reason: the words about the recipient, then those of the whole letter, then the code.
    pub(crate) fn judge(&mut self, mut found: Found, beside: Option<&Beside>) -> Recipient {
        let action = found.action.unwrap_or(match found.status.map(|status| status.class) {
            Some(Class::Success) => Action::Delivered,
            Some(Class::PersistentTransient | Class::Permanent) | None => self.default_action,
        });
        let said = std::mem::take(&mut found.text);
        let own = self
            .last
            .take()
            .filter(|last| last.text == text::cut(&said, MAX_TEXT_BYTES))
            .unwrap_or_else(|| Beside::new(said, None));
        let reply = own.reply().or_else(|| beside.and_then(Beside::reply));
        let letter_status = || *self.letter_status.get_or_init(|| status::find_status(self.letter));
        let own_status = choose_status(&found, own.status(), reply)
            .or_else(|| beside.and_then(Beside::status))
            .or(found.status)
            .or_else(|| own.text.trim().is_empty().then(letter_status).flatten());
        // MailMarshal gives the reason above the address, and what it knows of the mail below.
        let status = own_status.or_else(|| self.is_about_one.then(|| status::find_behind_reply(self.letter)).flatten());
        let nothing = Hits::default();
        let beside_words = beside.map_or(&nothing, Beside::words);
        self.may_notify |= [own.words(), beside_words].into_iter().any(lexicon::may_notify);
        let mut own_words = Cow::Borrowed(own.words());
        if !found.comment.is_empty() {
            own_words.to_mut().add_all(&search(&text::fold(&found.comment)));
        }
        let step = found
            .step
            .or_else(|| beside.and_then(|beside| beside.step))
            .or_else(|| lexicon::step(own.words()))
            .or_else(|| lexicon::step(beside_words))
            .or_else(|| self.is_about_one.then(|| lexicon::step(&self.letter_words)).flatten());
        let failure = |words| Failure {
            words,
            status,
            reply,
            senders: [found.remote_mta.as_deref(), self.reporting_mta],
            step,
            action,
            is_letter: false,
        };
        let has_no_words = own.text.trim().is_empty() && beside.is_none_or(|beside| beside.text.trim().is_empty());
        // Of a group of fields without any words its status is all that is known, if it says anything.
        let says_nothing = if has_no_words {
            found.status.is_none_or(|field| is_vague(field) || field.detail == 0)
        } else {
            own_status.is_none_or(is_vague)
        };
        // Where a host has answered about this one, what the letter says of others is not said of it.
        let asks_letter =
            says_nothing && (self.is_about_one || own.reply().is_none() && !(has_no_words && self.tells_apart));
        let of_letter = Failure { is_letter: true, ..failure(&self.letter_words) };
        let rule = self
            .is_about_one
            .then(|| rules::by_words(&of_letter))
            .flatten()
            .or_else(|| rules::by_words(&failure(&own_words)))
            .or_else(|| rules::by_words(&failure(beside_words)))
            .or_else(|| asks_letter.then(|| rules::by_words(&failure(&self.letter_words))).flatten())
            .or_else(|| self.subject_words.filter(|_| says_nothing).and_then(|words| rules::by_words(&failure(words))))
            .or_else(|| rules::by_code(&failure(&own_words)));
        let delivered = matches!(action, Action::Delivered | Action::Relayed | Action::Expanded);
        let reason = rule.filter(|_| !delivered).map_or(Reason::Undetermined, |rule| rule.reason);
        let name = rule.filter(|_| !delivered).map_or("undetermined", |rule| rule.name.as_str());
        let texts = [own.text.as_str(), beside.map_or("", |beside| beside.text.as_str())];
        let diagnostic = texts.into_iter().find(|text| !text.trim().is_empty()).map(diagnostic);
        drop(own_words);
        self.last = Some(own);
        Recipient {
            address: without_gateway(found.address),
            original_address: found.original,
            reason,
            status,
            reply,
            action,
            permanence: permanence(action, status, reply, reason),
            fault: reason.fault(),
            diagnostic,
            remote_mta: found.remote_mta.filter(|host| !host.is_empty()),
            will_retry_until: found.will_retry_until,
            rule: name.to_owned(),
        }
    }
}

/// The status field of several servers is a constant; the one in the remote host's own words is better.
fn choose_status(found: &Found, said: Option<EnhancedStatus>, reply: Option<u16>) -> Option<EnhancedStatus> {
    let is_said_by_reply =
        |inner: EnhancedStatus| reply.is_some_and(|reply| reply / 100 == u16::from(inner.class.digit()));
    said.filter(|inner| {
        found.status.is_none_or(|field| {
            is_vague(field) || !is_vague(*inner) && (inner.class == field.class || is_said_by_reply(*inner))
        })
    })
    .or(found.status.filter(|field| !is_vague(*field)))
}

/// The words with single spaces, as many as are kept.
fn diagnostic(text: &str) -> String {
    let mut kept = String::with_capacity(text.len().min(MAX_DIAGNOSTIC_BYTES));
    for word in text.split_whitespace() {
        if !kept.is_empty() {
            kept.push(' ');
        }
        kept.push_str(text::cut(word, MAX_DIAGNOSTIC_BYTES));
        if kept.len() >= MAX_DIAGNOSTIC_BYTES {
            break;
        }
    }
    kept.truncate(text::cut(&kept, MAX_DIAGNOSTIC_BYTES).len());
    kept
}

/// The address within one that Exchange made for a gateway: `IMCEASMTP-user+40example+2Eorg@host`.
fn without_gateway(address: String) -> String {
    let Some(inner) = address.strip_prefix("imceasmtp-").and_then(|rest| rest.split('@').next()) else {
        return address;
    };
    let mut pieces = inner.split('+');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(piece.get(2..).unwrap_or_default());
            }
            None => return address,
        }
    }
    spec(&plain).unwrap_or(address)
}

/// Cisco calls every refusal of an address an "unknown address error", and quotes what was said behind it.
fn without_label(folded: &str) -> &str {
    folded.split_once("unknown address error ").map_or(folded, |(_, said)| if said.len() > 6 { said } else { folded })
}

/// `5.0.0` and the like say no more than "failed".
fn is_vague(status: EnhancedStatus) -> bool {
    status.subject == 0
}

fn permanence(action: Action, status: Option<EnhancedStatus>, reply: Option<u16>, reason: Reason) -> Permanence {
    // Exim says 5.0.0 of all that it gives up, also of what was only refused for now.
    let passes = matches!(reason, Reason::Expired | Reason::NetworkError | Reason::TlsFailure);
    let status =
        status.filter(|status| !(is_vague(*status) && (matches!(reply, Some(400..=499)) || reply.is_none() && passes)));
    let is_temporary = match (action, status.map(|status| status.class), reply) {
        (Action::Delayed, _, _) | (_, Some(Class::PersistentTransient), _) | (_, None, Some(400..=499)) => true,
        (_, Some(Class::Permanent), _) | (_, None, Some(500..=599)) => false,
        _ => matches!(
            reason,
            Reason::MailboxFull
                | Reason::Expired
                | Reason::NetworkError
                | Reason::SystemError
                | Reason::RateLimited
                | Reason::TlsFailure
                | Reason::Undetermined
        ),
    };
    if is_temporary { Permanence::Temporary } else { Permanence::Permanent }
}

/// Whether what is said of a recipient gives a cause for which mail is not delivered.
pub(crate) fn tells_cause(said: &str) -> bool {
    let folded = text::fold(said);
    let words = &search(&folded);
    let (status, action) = (status::find_status(&folded), Action::Failed);
    let failure = Failure { words, status, reply: None, senders: [None, None], step: None, action, is_letter: false };
    status.is_some()
        || rules::by_words(&failure).is_some_and(|rule| {
            matches!(
                rule.reason,
                Reason::UserUnknown
                    | Reason::MailboxFull
                    | Reason::MailboxDisabled
                    | Reason::HostUnknown
                    | Reason::RecipientRefused
                    | Reason::RateLimited
                    | Reason::SenderRejected
                    | Reason::IpBlocked
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_within_one_for_a_gateway_is_the_recipient() {
        let inner = |address: &str| without_gateway(address.to_owned());
        assert_eq!(inner("imceasmtp-dora+40example+2eorg@host.test"), "dora@example.org");
        assert_eq!(inner("imceaex-_o=a_ou=b@host.test"), "imceaex-_o=a_ou=b@host.test");
        assert_eq!(inner("imceasmtp-dora+zz@host.test"), "imceasmtp-dora+zz@host.test");
    }

    #[test]
    fn what_was_said_outweighs_the_label_before_it() {
        assert_eq!(without_label("5.1.0 - unknown address error 554-'5.7.1 spam'"), "554-'5.7.1 spam'");
        assert_eq!(without_label("unknown address error "), "unknown address error ");
    }
}
