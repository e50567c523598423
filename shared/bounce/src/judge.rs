//! From what was found of a recipient to a reason that can explain itself.

use daimon_domain::{
    bounce::{Action, Recipient},
    reason::{Permanence, Reason},
    status::{Class, EnhancedStatus},
};

use crate::{
    forms::Found,
    rules::{self, Failure},
    status, step, text,
};

/// The most of one diagnostic that is kept.
const MAX_DIAGNOSTIC_BYTES: usize = 1_000;
/// The most of a text that rules are asked about.
const MAX_TEXT_BYTES: usize = 8 << 10;

/// What the whole report says, for recipients of whom it says nothing in particular.
#[derive(Debug)]
pub(crate) struct Whole<'a> {
    /// The letter, folded.
    pub(crate) letter: &'a str,
    pub(crate) reporting_mta: Option<&'a str>,
    pub(crate) default_action: Action,
    /// Only one recipient is reported, so that the whole letter is about it.
    pub(crate) is_about_one: bool,
}

/// Decides the reason: the words about the recipient, then those of the whole letter, then the code.
pub(crate) fn judge(found: Found, beside: Option<&str>, whole: &Whole<'_>) -> Recipient {
    let own = text::cut(&found.text, MAX_TEXT_BYTES);
    let action = found.action.unwrap_or(match found.status.map(|status| status.class) {
        Some(Class::Success) => Action::Delivered,
        Some(Class::PersistentTransient | Class::Permanent) | None => whole.default_action,
    });
    let reply = status::find_reply(own).or_else(|| beside.and_then(status::find_reply));
    let status = choose_status(&found, own, reply)
        .or_else(|| beside.and_then(status::find_status))
        .or(found.status)
        .or_else(|| status::find_status(whole.letter).filter(|_| own.trim().is_empty()));
    let own_folded = text::fold(own);
    let beside_folded = beside.map(|beside| text::fold(text::cut(beside, MAX_TEXT_BYTES))).unwrap_or_default();
    let comment = text::fold(&found.comment);
    let letter = text::cut(whole.letter, MAX_TEXT_BYTES);
    let step = found
        .step
        .or_else(|| step::find(&own_folded))
        .or_else(|| step::find(&beside_folded))
        .or_else(|| whole.is_about_one.then(|| step::find(letter)).flatten());
    let failure = |words| Failure {
        text: words,
        status,
        reply,
        senders: [found.remote_mta.as_deref(), whole.reporting_mta],
        step,
        action,
    };
    let says_nothing = status.is_none_or(is_vague);
    let rule = rules::by_words(&failure(&own_folded))
        .or_else(|| rules::by_words(&failure(&beside_folded)))
        .or_else(|| rules::by_words(&failure(&comment)))
        .or_else(|| says_nothing.then(|| rules::by_words(&failure(letter))).flatten())
        .or_else(|| rules::by_code(&failure(&comment)));
    let delivered = matches!(action, Action::Delivered | Action::Relayed | Action::Expanded);
    let reason = rule.filter(|_| !delivered).map_or(Reason::Undetermined, |rule| rule.reason);
    let name = rule.filter(|_| !delivered).map_or("undetermined", |rule| rule.name.as_str());
    let diagnostic = [own, beside.unwrap_or_default()].into_iter().map(str::trim).find(|text| !text.is_empty());
    Recipient {
        address: found.address,
        original_address: found.original,
        reason,
        status,
        reply,
        action,
        permanence: permanence(action, status, reply, reason),
        fault: reason.fault(),
        diagnostic: diagnostic.map(|text| {
            text::cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), MAX_DIAGNOSTIC_BYTES).to_owned()
        }),
        remote_mta: found.remote_mta.filter(|host| !host.is_empty()),
        will_retry_until: found.will_retry_until,
        rule: name.to_owned(),
    }
}

/// The status field of several servers is a constant; the one in the remote host's own words is better.
fn choose_status(found: &Found, own: &str, reply: Option<u16>) -> Option<EnhancedStatus> {
    let is_said_by_reply =
        |inner: EnhancedStatus| reply.is_some_and(|reply| reply / 100 == u16::from(inner.class.digit()));
    status::find_status(own)
        .filter(|inner| {
            found.status.is_none_or(|field| {
                is_vague(field) || !is_vague(*inner) && (inner.class == field.class || is_said_by_reply(*inner))
            })
        })
        .or(found.status.filter(|field| !is_vague(*field)))
}

/// `5.0.0` and the like say no more than "failed".
fn is_vague(status: EnhancedStatus) -> bool {
    status.subject == 0
}

fn permanence(action: Action, status: Option<EnhancedStatus>, reply: Option<u16>, reason: Reason) -> Permanence {
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
