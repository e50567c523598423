//! What one mail in a mailbox says of it: the step that the pool and `scan` share.
//!
//! The pool keeps a mailbox's history as hashes in a database, `scan` keeps what it read from folders in memory. What is
//! made of a mail, and what is learnt by the way, must not depend on that, or the two would answer differently.

mod coverage;
mod filing;
mod learned;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::bounce::{Kind, Recipient, Report};
use daimon_domain::origin::Origin;
use daimon_verdict::{Facts, Habits, Known, Observation, Signal, hosts, language, observe, signals, submission};

pub(crate) use self::filing::{Place, Sight, is_prompt};
pub(crate) use self::learned::Learned;

/// Whoever was first written to within this time before a bounce is no correspondent yet: where a provider files whatever
/// is submitted, a thief's recipients are in Sent too.
const SETTLED: TimeDelta = TimeDelta::days(2);

/// What there is of a mailbox's own mail, whoever keeps it.
pub(crate) trait History {
    /// Whether a copy of that message is in Sent; `None` where there is no Sent.
    fn is_in_sent(&self, message_id: &str) -> Option<bool>;
    /// When the mailbox first wrote to that address.
    fn first_written_to(&self, address: &str) -> Option<DateTime<Utc>>;
    /// Whether enough is known of whom it writes to for a stranger to be one.
    fn has_correspondents(&self) -> bool;
    /// Whether that mail belongs to a sending that its owner declared.
    fn is_campaign(&self, original: &Origin) -> bool;
    /// Which recipient it is, without his address.
    fn recipient_key(&self, recipient: &Recipient) -> String;
}

/// What a mail says.
pub(crate) struct Said<'r> {
    /// Each recipient of whom a failure or delay is told, and what is seen of it.
    pub(crate) bounces: Vec<(&'r Recipient, Observation)>,
    /// What it says beside them.
    pub(crate) signals: Vec<Signal>,
    /// It answers mail of the mailbox's own domain.
    pub(crate) is_answer: bool,
}

/// What a mail says of the mailbox it came to.
pub(crate) fn said<'r>(
    report: &'r Report,
    known: &Known,
    habits: &Habits,
    history: &impl History,
    at: DateTime<Utc>,
) -> Said<'r> {
    let original = &report.origin;
    let facts = Facts {
        recipient_key: "",
        sent_copy: original.message_id.as_deref().and_then(|id| history.is_in_sent(id)),
        recipient_known: None,
        fingerprint_seen: habits.fingerprint_seen(original, submission(report, known).as_ref(), at),
        campaign: history.is_campaign(original),
        is_usual: habits.writes_like(original),
        new_language: habits.is_new_language(&language::written_in(original), at),
    };
    let seen = |recipient: &'r Recipient| {
        let key = history.recipient_key(recipient);
        let is_known = history.first_written_to(written_to(recipient)).is_some_and(|first| first + SETTLED <= at);
        let recipient_known = (is_known || history.has_correspondents()).then_some(is_known);
        let facts = Facts { recipient_key: &key, recipient_known, ..facts };
        Some((recipient, observe(report, recipient, known, &facts, at)?))
    };
    let own: Vec<Option<bool>> = own_ids(report, known).map(|id| history.is_in_sent(id)).collect();
    let is_phantom = !own.is_empty() && own.iter().all(|is_in_sent| *is_in_sent == Some(false));
    Said {
        bounces: report.recipients.iter().filter_map(seen).collect(),
        signals: signals(report, known, is_phantom),
        is_answer: !own.is_empty(),
    }
}

/// Which of the mailbox's own messages it answers. Bounces answer nothing.
pub(crate) fn own_ids<'r>(report: &'r Report, known: &Known) -> impl Iterator<Item = &'r str> {
    let is_answer = matches!(report.kind, Kind::AutoReply | Kind::NotBounce);
    let ids = report.envelope.references.iter().filter(move |_| is_answer);
    ids.map(String::as_str).filter(|id| is_own_id(id, &known.own_domains))
}

/// The own messages that a mail answers itself, if it is a person's and to the mailbox. Further up in a thread stand
/// messages of others, and mail that is not to the mailbox answers somebody else.
pub(crate) fn answered<'a>(
    kind: Kind,
    to: &[String],
    ids: &'a [String],
    known: &Known,
) -> impl Iterator<Item = &'a str> {
    let is_ours = |to: &String| known.is_ours(to);
    let counts = kind == Kind::NotBounce && to.iter().any(is_ours);
    ids.iter().map(String::as_str).filter(move |id| counts && is_own_id(id, &known.own_domains))
}

/// Whether a Message-ID was made under one of those domains, by its server or by one of its machines.
fn is_own_id(id: &str, own_domains: &[String]) -> bool {
    id.rsplit_once('@').is_some_and(|(_, made_at)| own_domains.iter().any(|own| hosts::is_at_or_below(made_at, own)))
}

/// The address that was written to; what failed may be where it was forwarded.
pub(crate) fn written_to(recipient: &Recipient) -> &str {
    recipient.original_address.as_deref().unwrap_or(&recipient.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_persons_mail_to_the_mailbox_answers_itself_counts() {
        let ids = ["ours@pc.Sakura.example", "strangers@shop.example", "others@notsakura.example"].map(str::to_owned);
        let known = Known {
            address: "sato@sakura.example".to_owned(),
            own_domains: vec!["sakura.example".to_owned()],
            ..Known::default()
        };
        let count = |kind, to: &str| answered(kind, &[to.to_owned()], &ids, &known).count();
        assert_eq!(count(Kind::NotBounce, "Sato@sakura.example"), 1);
        assert_eq!(count(Kind::NotBounce, "suzuki@sakura.example"), 0);
        assert_eq!(count(Kind::AutoReply, "sato@sakura.example"), 0, "of a machine");
    }
}
