//! Whether a message tells of a delivery at all, and of what kind it is.
//!
//! No single sign recognises a bounce: barely two in three carry a null Return-Path, half of them a machine-readable
//! part, and answering machines sign with "auto-replied" just as Postfix does. So signs are added up.

use daimon_domain::bounce::Kind;

use crate::{
    address,
    fields::Fields,
    lexicon::{says, search},
    phrases::{self, AUTOMATIC_SUBJECTS, HAND_TOOLS, List, REPEATING_SUBJECTS, SYSTEM_LOCALS, TRANSCRIPT_SUBJECTS},
    search::Hits,
};

/// How the subject of an answer, or of a mail sent on, begins.
pub(crate) const REPLIES: &[&str] = &["re:", "aw:", "sv:", "antw:", "fwd:", "fw:", "wg:"];

/// What the header says.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a sign that is there or not")]
pub(crate) struct Signs {
    /// From a mail system: mailer-daemon, postmaster, "Mail Delivery System", an empty sender.
    pub(crate) from_system: bool,
    /// From a mailer-daemon, and nobody is called so.
    pub(crate) from_daemon: bool,
    /// The subject tells of a failure.
    pub(crate) subject_fails: bool,
    /// The subject tells of a delay.
    pub(crate) subject_delays: bool,
    /// The subject tells of many mails or of a mailbox's room, before it tells of a failure.
    pub(crate) subject_sums_up: bool,
    /// The subject tells that the mail waits to be let go, before it tells of a failure.
    pub(crate) subject_holds: bool,
    /// The header names failed recipients, or is a kind that only reports have.
    pub(crate) header_fails: bool,
    /// Sent with an empty envelope sender.
    pub(crate) null_sender: bool,
    /// Sent by a postmaster, not a daemon, who wants his own mail back: a report would have no envelope sender (RFC 3464, 2).
    pub(crate) wants_bounces: bool,
    /// From an address to which nobody shall answer, as much else is that has an empty envelope sender.
    pub(crate) from_nobody: bool,
    /// Tells of mail that came in: a Sieve notification (RFC 5436), an entry of a journal, a mail that a filter took away.
    pub(crate) tells_of_incoming: bool,
    /// The text gives a code with which mail is refused.
    pub(crate) tells_code: bool,
    /// The original, or its header, is in it.
    pub(crate) returns_original: bool,
    /// An answer to a mail, by a person or by a machine.
    pub(crate) is_reply: bool,
    /// Can be unsubscribed from.
    pub(crate) is_bulk: bool,
    /// Says that a machine answered, which may repeat what it answers (RFC 3834, 3.1.5). What a machine wrote of its own
    /// accord, "auto-generated", is none unless it names what it answers.
    pub(crate) is_auto_replied: bool,
    /// A person wrote it with a mail program.
    pub(crate) is_by_hand: bool,
}

impl Signs {
    /// `subject` is the decoded one in lower case, `subject_words` what was found in it.
    pub(crate) fn read(fields: &Fields<'_>, subject: &str, subject_words: &Hits) -> Self {
        let auto = fields.get("auto-submitted").unwrap_or_default().to_lowercase();
        let has = |name: &str| fields.has(name);
        let subject_replies = REPLIES.iter().any(|prefix| subject.starts_with(prefix));
        let precedes =
            |word: &str| fields.get("precedence").is_some_and(|value| value.trim().eq_ignore_ascii_case(word));
        let answers = || has("in-reply-to") && !has("list-id") && !precedes("list");
        let is_auto_replied = auto.starts_with("auto-replied")
            || auto.starts_with("auto-generated") && answers()
            || ["x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "delivered-by-the-graces-of"]
                .iter()
                .any(|name| has(name))
            || precedes("auto_reply")
            || is_automatic_subject(subject);
        let null_sender = is_null_sender(fields);
        let sender = fields.get("from").as_deref().and_then(address::first);
        let path = fields.get("return-path").filter(|_| !null_sender).as_deref().and_then(address::first);
        let subject_fails = !subject_replies && says(subject_words, List::FailingSubjects);
        let tells = |list: List| {
            says(subject_words, list)
                && (!subject_fails || phrases::of(list).iter().any(|words| subject.starts_with(words)))
        };
        Self {
            from_system: is_from_system(fields),
            from_daemon: sender.as_deref().is_some_and(|sender| sender.starts_with("mailer-daemon@")),
            subject_fails,
            subject_sums_up: tells(List::SummarySubjects),
            subject_holds: tells(List::HoldingSubjects),
            subject_delays: says(subject_words, List::DelayedSubjects) && !repeats_subject(subject),
            header_fails: ["x-failed-recipients", "x-ms-embedded-report", "x-postfix-queue-id"]
                .iter()
                .any(|name| has(name))
                // fml refuses so what others than members send to a list.
                || has("x-mlserver") && subject.contains("not member")
                || is_delivery_status(fields)
                || fields.all("received").take(20).any(|line| line.contains("invoked for bounce")),
            null_sender,
            wants_bounces: path.is_some_and(|path| !path.contains("daemon") && sender.as_ref() == Some(&path)),
            from_nobody: sender.as_deref().is_some_and(is_nobody),
            tells_of_incoming: auto.starts_with("auto-notified") || has("x-ms-journal-report"),
            tells_code: false,
            returns_original: false,
            is_reply: subject_replies || (has("in-reply-to") && !subject.is_empty()),
            is_bulk: has("list-unsubscribe")
                && fields.get("from").is_none_or(|from| {
                    let from = from.to_lowercase();
                    !from.contains("mailer-daemon") && !from.contains("postmaster")
                }),
            is_auto_replied,
            is_by_hand: is_by_hand(fields),
        }
    }

    fn weight(&self) -> u8 {
        u8::from(self.from_system) * 2
            + u8::from(self.subject_fails) * 2
            + u8::from(self.header_fails) * 3
            + u8::from(self.null_sender)
    }
}

/// Whether the message says that it is a report of a delivery, or a machine-readable part of one.
pub(crate) fn is_delivery_status(fields: &Fields<'_>) -> bool {
    fields.get("content-type").is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        ["multipart/report", "message/"].iter().any(|media| value.starts_with(media))
            && value.contains("delivery-status")
    })
}

/// Whether the subject repeats that of the original behind a word for what happened, as Exchange does.
fn repeats_subject(subject: &str) -> bool {
    subject.contains([':', '：']) && REPEATING_SUBJECTS.iter().any(|words| subject.starts_with(words))
}

/// Whether the subject, or what follows the brackets before it, begins as answering machines do.
fn is_automatic_subject(subject: &str) -> bool {
    let inside = subject.trim_start_matches(['[', '(', '【', '「', '<', '*', ' ']);
    let behind = subject.split_once([']', ')', '】', '」']).map_or("", |(_, behind)| behind.trim_start());
    AUTOMATIC_SUBJECTS.iter().any(|words| [subject, inside, behind].iter().any(|subject| subject.starts_with(words)))
}

/// Whether a mail server tells its own postmaster of a conversation; nobody's mail came back, unless its content was
/// already on the way.
pub(crate) fn is_transcript(subject: &str, letter: &str) -> bool {
    TRANSCRIPT_SUBJECTS.iter().any(|words| subject.starts_with(words)) && !letter.contains("out: 354")
}

fn is_null_sender(fields: &Fields<'_>) -> bool {
    fields.get("return-path").is_some_and(|value| value.replace(' ', "") == "<>")
}

/// Whether nobody shall answer to the address.
fn is_nobody(address: &str) -> bool {
    ["no-reply@", "noreply@"].iter().any(|start| address.starts_with(start))
}

/// Whether the sender is a mail system.
pub(crate) fn is_from_system(fields: &Fields<'_>) -> bool {
    let from = fields.decoded("from").unwrap_or_default().to_lowercase();
    let sender = fields.get("from").as_deref().and_then(address::first);
    let local = sender.as_deref().unwrap_or(&from).split('@').next().unwrap_or_default();
    // MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e, the same everywhere, though its name is "Microsoft Outlook".
    from.trim_matches(['<', '>', ' ']).is_empty() && fields.has("from")
        || SYSTEM_LOCALS.contains(&local)
        // A shop's no-reply wants its bounces back; a mail system's does not.
        || sender.as_deref().is_some_and(is_nobody) && is_null_sender(fields)
        || ["mailer-daemon", "microsoftexchange"].iter().any(|start| local.starts_with(start))
        || says(&search(&from), List::SystemNames)
}

/// Whether a program for people sent it: a postmaster who writes himself is no mail system.
fn is_by_hand(fields: &Fields<'_>) -> bool {
    ["user-agent", "x-mailer"].iter().filter_map(|name| fields.get(name)).any(|value| {
        let value = value.to_ascii_lowercase();
        HAND_TOOLS.iter().any(|tool| value.trim_start().starts_with(tool))
    })
}

/// Whether Amazon's notification service sent it.
pub(crate) fn is_from_sns(fields: &Fields<'_>) -> bool {
    fields.has("x-amz-sns-message-id") || fields.mailbox("from").as_deref() == Some("no-reply@sns.amazonaws.com")
}

/// Whether the letter asks its reader to prove to be human.
pub(crate) fn is_challenge(subject: &Hits, letter: &Hits) -> bool {
    says(subject, List::ChallengingSubjects) && says(letter, List::Challenges)
        || says(letter, List::ChallengingSites)
        || says(letter, List::Challenges) && says(letter, List::Tasks) && !says(letter, List::NoChallenge)
}

/// Whom the text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Named {
    Nobody,
    /// The one who reads it, and only in the text: mail to him, not from him.
    Reader,
    /// The one who reads it, in fields.
    ReaderInFields,
    Others,
    /// Others, each with a cause.
    OthersAndWhy,
}

/// What a message without a machine-readable part is; `letter` is what was found in its text.
pub(crate) fn kind(signs: &Signs, letter: &Hits, named: Named) -> Kind {
    let fails = says(letter, List::FailingWords);
    let names_recipients = named != Named::Nobody;
    // What is held is shown, and a report may repeat the subject of the original.
    let holds = signs.subject_holds && !signs.from_daemon;
    if (holds || signs.subject_sums_up && !signs.returns_original) && !signs.header_fails {
        return if signs.is_auto_replied && !signs.from_system { Kind::AutoReply } else { Kind::NotBounce };
    }
    // A mail system that names somebody else and a cause tells of a failure, whatever its language. What else comes
    // from there doesn't put a cause behind an address.
    let tells = signs.from_system && (named == Named::OthersAndWhy || named == Named::Others && signs.tells_code);
    let weight = signs.weight() + u8::from(fails) * 2 + if tells { 1 + u8::from(signs.from_daemon) } else { 0 };
    let speaks_of_failure = signs.from_system || signs.header_fails || (signs.subject_fails && fails);
    if signs.is_auto_replied && !speaks_of_failure {
        return Kind::AutoReply;
    }
    if signs.tells_of_incoming {
        return Kind::NotBounce;
    }
    let is_by_hand = signs.is_by_hand
        || signs.wants_bounces && (signs.is_reply || named < Named::OthersAndWhy && !says(letter, List::SystemWords));
    let is_by_hand = is_by_hand && !signs.returns_original;
    if (is_by_hand || signs.is_reply && !signs.from_system) && !signs.null_sender && !signs.header_fails {
        return Kind::NotBounce;
    }
    // A shop also writes "your parcel could not be delivered"; words alone make no report.
    // But "to the following recipients" is how mail systems speak.
    let speaks_as_system = signs.subject_fails && says(letter, List::SystemWords);
    let is_from_system =
        signs.from_system || signs.null_sender || signs.header_fails || signs.returns_original || speaks_as_system;
    // Parcels, payments and faxes come back as well; a mail system says of which mail it speaks.
    let is_loose = signs.is_bulk || signs.from_nobody && !signs.tells_code;
    let tells_of_own = signs.returns_original || signs.header_fails || signs.tells_code && signs.subject_fails;
    let is_to_reader = named == Named::Reader && !tells_of_own;
    let is_report = is_from_system
        && weight >= 4
        && (names_recipients || signs.returns_original || (weight >= 6 && !is_loose) || signs.header_fails)
        && !is_to_reader;
    match () {
        () if !is_report && signs.is_auto_replied => Kind::AutoReply,
        () if !is_report => Kind::NotBounce,
        () if delays(signs, letter) => Kind::Delay,
        () => Kind::Bounce,
    }
}

/// Whether a person would take it for a report: in a mail system's name, about mail that failed. What is held in quarantine
/// is told by many programs that mean it, with a link to let it go.
pub(crate) fn poses(signs: &Signs, letter: &Hits) -> bool {
    let fails = signs.subject_fails || says(letter, List::FailingWords);
    signs.from_system && fails && !signs.subject_holds && !signs.is_reply
}

/// Whether the letter tells of a delay rather than a failure.
pub(crate) fn delays(signs: &Signs, letter: &Hits) -> bool {
    signs.subject_delays || (says(letter, List::DelayingWords) && !says(letter, List::FinalWords))
}
