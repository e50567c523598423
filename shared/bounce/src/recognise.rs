//! Whether a message tells of a delivery at all, and of what kind it is.
//!
//! No single sign recognises a bounce: barely two in three carry a null Return-Path, half of them a machine-readable
//! part, and answering machines sign with "auto-replied" just as Postfix does. So signs are added up.

use daimon_domain::bounce::Kind;

use crate::{
    mime::Fields,
    phrases::{
        AUTOMATIC_SUBJECTS, CHALLENGES, DELAYED_SUBJECTS, DELAYING_WORDS, FAILING_SUBJECTS, FAILING_WORDS,
        SYSTEM_LOCALS, SYSTEM_NAMES,
    },
    text,
};

/// What the header says.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a sign that is there or not")]
pub(crate) struct Signs {
    /// From a mail system: mailer-daemon, postmaster, "Mail Delivery System", an empty sender.
    pub(crate) from_system: bool,
    /// The subject tells of a failure.
    pub(crate) subject_fails: bool,
    /// The subject tells of a delay.
    pub(crate) subject_delays: bool,
    /// The header names failed recipients, or is a kind that only reports have.
    pub(crate) header_fails: bool,
    /// Sent with an empty envelope sender.
    pub(crate) null_sender: bool,
    /// The original, or its header, is in it.
    pub(crate) returns_original: bool,
    /// An answer to a mail, by a person or by a machine.
    pub(crate) is_reply: bool,
    /// Says of itself that a machine answered.
    pub(crate) is_automatic: bool,
}

impl Signs {
    pub(crate) fn read(fields: &Fields) -> Self {
        let from = fields.decoded("from").unwrap_or_default().to_lowercase();
        let sender = text::first_address(&from).unwrap_or_else(|| from.clone());
        let local = sender.split('@').next().unwrap_or_default();
        let subject = fields.decoded("subject").unwrap_or_default().to_lowercase();
        let auto = fields.get("auto-submitted").unwrap_or_default().to_lowercase();
        let has = |name: &str| fields.get(name).is_some();
        let subject_replies =
            ["re:", "aw:", "sv:", "antw:", "fwd:", "fw:", "wg:"].iter().any(|prefix| subject.starts_with(prefix));
        Self {
            from_system: from.replace(['<', '>', ' '], "").is_empty() && has("from")
                || SYSTEM_LOCALS.contains(&local)
                // A shop's no-reply wants its bounces back; a mail system's does not.
                || (matches!(local, "no-reply" | "noreply")
                    && fields.get("return-path").is_some_and(|value| value.replace(' ', "") == "<>"))
                || local.starts_with("mailer-daemon")
                || SYSTEM_NAMES.iter().any(|name| from.contains(name)),
            subject_fails: !subject_replies && FAILING_SUBJECTS.iter().any(|words| subject.contains(words)),
            subject_delays: DELAYED_SUBJECTS.iter().any(|words| subject.contains(words)),
            header_fails: ["x-failed-recipients", "x-ms-embedded-report", "x-postfix-queue-id"]
                .iter()
                .any(|name| has(name))
                || fields
                    .get("content-type")
                    .is_some_and(|value| value.to_ascii_lowercase().contains("delivery-status"))
                || fields.all("received").take(20).any(|line| line.contains("invoked for bounce")),
            null_sender: fields.get("return-path").is_some_and(|value| value.replace(' ', "") == "<>"),
            returns_original: false,
            is_reply: subject_replies || (has("in-reply-to") && !subject.is_empty()),
            is_automatic: auto.starts_with("auto-replied")
                || auto.starts_with("auto-generated")
                || ["x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply"].iter().any(|name| has(name))
                || fields.get("precedence").is_some_and(|value| value.trim().eq_ignore_ascii_case("auto_reply"))
                || AUTOMATIC_SUBJECTS.iter().any(|words| subject.starts_with(words)),
        }
    }

    fn weight(&self) -> u8 {
        u8::from(self.from_system) * 2
            + u8::from(self.subject_fails) * 2
            + u8::from(self.header_fails) * 3
            + u8::from(self.null_sender)
    }
}

fn says(letter: &str, words: &[&str]) -> bool {
    words.iter().any(|words| letter.contains(words))
}

/// Whether the letter asks its reader to prove to be human.
pub(crate) fn is_challenge(subject: &str, letter: &str) -> bool {
    let subject = subject.to_lowercase();
    says(&subject, &["please confirm", "confirm your message", "verification required", "verify your"])
        && says(letter, CHALLENGES)
        || letter.contains("spamarrest.com")
        || letter.contains("boxbe.com")
        || says(letter, CHALLENGES)
            && says(letter, &["click", "reply to this", "confirm"])
            && !says(letter, &["permanent error", "could not be delivered to", "550 ", "554 "])
}

/// What a message without a machine-readable part is; `letter` is folded text.
pub(crate) fn kind(signs: &Signs, letter: &str, names_recipients: bool) -> Kind {
    let fails = says(letter, FAILING_WORDS);
    let weight = signs.weight() + u8::from(fails) * 2;
    let speaks_of_failure = signs.from_system || signs.header_fails || (signs.subject_fails && fails);
    if signs.is_automatic && !speaks_of_failure {
        return Kind::AutoReply;
    }
    if signs.is_reply && !signs.from_system && !signs.null_sender && !signs.header_fails {
        return Kind::NotBounce;
    }
    // A shop also writes "your parcel could not be delivered"; words alone make no report.
    // But "to the following recipients" is how mail systems speak.
    let speaks_as_system = signs.subject_fails && says(letter, &["delivered to the following", "non-delivery report"]);
    let is_from_system =
        signs.from_system || signs.null_sender || signs.header_fails || signs.returns_original || speaks_as_system;
    let is_report = is_from_system
        && weight >= 4
        && (names_recipients || signs.returns_original || weight >= 6 || signs.header_fails);
    match () {
        () if !is_report && signs.is_automatic => Kind::AutoReply,
        () if !is_report => Kind::NotBounce,
        () if delays(signs, letter) => Kind::Delay,
        () => Kind::Bounce,
    }
}

/// Whether the letter tells of a delay rather than a failure.
pub(crate) fn delays(signs: &Signs, letter: &str) -> bool {
    signs.subject_delays
        || (says(letter, DELAYING_WORDS)
            && !says(letter, &["permanent error", "permanent fatal", "failed permanently", "giving up", "given up"]))
}
