//! Whether a message tells of a delivery at all, and of what kind it is.
//!
//! No single sign recognises a bounce: barely two in three carry a null Return-Path, half of them a machine-readable
//! part, and answering machines sign with "auto-replied" just as Postfix does. So signs are added up.

use daimon_domain::bounce::Kind;

use crate::{mime::Fields, text};

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

const SYSTEM_LOCALS: &[&str] = &[
    "mailer-daemon",
    "mailerdaemon",
    "mailer_daemon",
    "mail-daemon",
    "maildaemon",
    "postmaster",
    "postoffice",
    "mmdf",
    "mailadm",
    "mailsystem",
    "mdaemon",
    "mdaemon-return",
    "amavis",
    "bounce",
    "bounces",
    "mail_daemon",
    "mailmaster",
    "daemon",
    "mail-delivery-subsystem",
    "smtpd",
    "mailserver",
    "uucp",
];
const SYSTEM_NAMES: &[&str] = &[
    "mail delivery",
    "mailer-daemon",
    "mailer daemon",
    "delivery subsystem",
    "mail system",
    "system administrator",
    "postmaster",
    "mail administrator",
    "mail server",
    "mailsystem",
    "internet mail",
    "microsoft exchange",
    "mail gateway",
    "email delivery",
    "mail service",
    "message delivery",
    "delivery notification",
    "delivery agent",
    "delivery system",
    "smtp server",
    "mail router",
];
const FAILING_SUBJECTS: &[&str] = &[
    "undeliver",
    "delivery fail",
    "delivery status notification",
    "failure notice",
    "returned mail",
    "mail delivery",
    "delivery notification",
    "delivery error",
    "returned to sender",
    "message status - undeliverable",
    "non delivery",
    "non-delivery",
    "nondeliverable",
    "not delivered",
    "failure delivering",
    "failed mail",
    "mail failure",
    "message delivery failure",
    "delivery problem",
    "mail could not be delivered",
    "could not be delivered",
    "undelivered",
    "user unknown",
    "unknown user",
    "mail error",
    "email error",
    "returned message",
    "message returned",
    "delivery report",
    "failed delivery",
    "delivery has failed",
    "delivery unsuccessful",
    "mail system error",
    "delivery failure",
    "unzustellbar",
    "nicht zugestellt",
    "zurück an absender",
    "non remis",
    "échec",
    "no se puede entregar",
    "non recapitabile",
    "mancato recapito",
    "onbestelbaar",
    "配信不能",
    "配信エラー",
    "配達できません",
    "送信できません",
    "宛先不明",
    "エラーメール",
    "delivery to the following",
    "rejected mail",
    "mail rejected",
    "e-mail rejected",
    "message rejected",
    "rejected mail",
    "mail returned",
    "warning: message",
    "warning: could not send",
    "delivery delayed",
    "delayed",
    "nondelivery",
    "mailbox full",
    "mail not delivered",
    "bounced mail",
    "bounce",
    "dsn:",
    "account not found",
    "user not found",
    "over quota",
    "returned e-mail",
    "returned email",
    "delivery attempt",
    "your message to",
    "mail status report",
    "message undeliverable",
    "delivery warning",
    "permanent delivery",
    "transient delivery",
    "notification d'",
    "considered unsolicited",
];
const DELAYED_SUBJECTS: &[&str] = &[
    "delay",
    "warning: could not send",
    "warning: message",
    "still being retried",
    "delivery warning",
    "verzögert",
    "will retry",
    "遅延",
];

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

const AUTOMATIC_SUBJECTS: &[&str] = &[
    "out of office",
    "auto:",
    "auto-reply",
    "auto reply",
    "autoreply",
    "automatic reply",
    "automated reply",
    "automated response",
    "automatische antwort",
    "abwesen",
    "vacation",
    "away from",
    "on vacation",
    "réponse automatique",
    "respuesta automática",
    "risposta automatica",
    "自動返信",
    "自動応答",
    "不在",
    "autoresponse",
    "auto response",
    "i am out",
    "i'm out",
];

/// How a report written for people begins. In lower case.
const FAILING_WORDS: &[&str] = &[
    "could not be delivered",
    "couldn't be delivered",
    "was not delivered",
    "wasn't delivered",
    "not be delivered",
    "unable to deliver",
    "wasn't able to deliver",
    "not able to deliver",
    "could not deliver",
    "cannot be delivered",
    "can't be delivered",
    "permanent fatal errors",
    "delivery failed",
    "delivery has failed",
    "failed permanently",
    "delivery to the following",
    "did not reach",
    "undeliverable",
    "undelivered",
    "has been returned",
    "returned to you",
    "returned to sender",
    "mail delivery failed",
    "failed to deliver",
    "message was rejected",
    "was rejected",
    "transcript of session",
    "permanent error",
    "user unknown",
    "unknown user",
    "no such user",
    "mailbox full",
    "mailbox is full",
    "over quota",
    "address(es) failed",
    "delivery failure",
    "has not been delivered",
    "not been delivered",
    "not delivered",
    "unable to send",
    "cannot deliver",
    "delivery error",
    "non-delivery",
    "permanent failure",
    "could not send message",
    "delivery attempt",
    "unknown recipient",
    "bounced",
    "does not exist",
    "cannot accept",
    "not accepted",
    "unzustellbar",
    "nicht zugestellt",
    "konnte nicht",
    "n'a pas pu",
    "no se pudo",
    "non è stato",
    "届け",
    "配信できません",
    "送信できません",
    "送信でき",
    "配送",
    "エラー",
    "配達",
    "存在しません",
    "見つかりません",
    "不明",
    "not found",
    "is delayed",
    "been delayed",
    "delivery problem",
    "is disabled",
    "was undeliverable",
    "was not sent",
    "error sending",
    "refused",
    "failed recipient",
    "failed addresses",
    "deliverable",
    "unknown local user",
    "invalid recipient",
    "is full",
    "returned mail",
];
const DELAYING_WORDS: &[&str] = &[
    "will be retried",
    "will continue",
    "still trying",
    "keep trying",
    "warning message only",
    "do not need to resend",
    "has not yet been delivered",
    "is delayed",
    "been delayed",
    "delivery delayed",
    "will retry",
    "transient non-fatal",
    "will try again",
    "not necessary to resend",
    "delivery attempts will continue",
    "continue to be tried",
    "temporarily delayed",
];
const CHALLENGES: &[&str] = &[
    "confirm that you are",
    "confirm you are a",
    "confirm your email",
    "confirmation of your message",
    "verify that you are a",
    "prove that you are",
    "prove you are human",
    "spam arrest",
    "spamarrest",
    "challenge-response",
    "challenge/response",
    "boxbe",
    "tagged message delivery",
    "tmda",
    "click on the link below to complete the verification",
    "sender verification",
    "one-time verification",
    "whitelist request",
    "message is being held",
    "has been held until",
    "reply to this message to confirm",
    "to have your message delivered",
    "releases your message",
    "asked to confirm",
    "human verification",
];

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
