//! The names and phrases by which mail systems, answering machines and challenges give themselves away. In lower case.

mod telling;

use telling::{DELAYED_SUBJECTS, DELAYING_WORDS, FAILING_SUBJECTS, FAILING_WORDS};

/// A list of phrases of which any one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    SystemNames,
    FailingSubjects,
    DelayedSubjects,
    FailingWords,
    DelayingWords,
    /// A failure for good, whatever is said of trying again.
    FinalWords,
    Challenges,
    /// Sites that only challenge.
    ChallengingSites,
    ChallengingSubjects,
    /// What the reader of a challenge is to do.
    Tasks,
    /// What a challenge never says.
    NoChallenge,
    /// How only mail systems speak.
    SystemWords,
    /// What stands above the addresses and the conversation in sendmail's form.
    Transcripts,
}

impl List {
    /// In the order of their declaration.
    pub(crate) const ALL: &[Self] = &[
        Self::SystemNames,
        Self::FailingSubjects,
        Self::DelayedSubjects,
        Self::FailingWords,
        Self::DelayingWords,
        Self::FinalWords,
        Self::Challenges,
        Self::ChallengingSites,
        Self::ChallengingSubjects,
        Self::Tasks,
        Self::NoChallenge,
        Self::SystemWords,
        Self::Transcripts,
    ];
}

pub(crate) fn of(list: List) -> &'static [&'static str] {
    match list {
        List::SystemNames => SYSTEM_NAMES,
        List::FailingSubjects => FAILING_SUBJECTS,
        List::DelayedSubjects => DELAYED_SUBJECTS,
        List::FailingWords => FAILING_WORDS,
        List::DelayingWords => DELAYING_WORDS,
        List::FinalWords => &["permanent error", "permanent fatal", "failed permanently", "giving up", "given up"],
        List::Challenges => CHALLENGES,
        List::ChallengingSites => &["spamarrest.com", "boxbe.com"],
        List::ChallengingSubjects => {
            &["please confirm", "confirm your message", "verification required", "verify your"]
        }
        List::Tasks => &["click", "reply to this", "confirm"],
        List::NoChallenge => &["permanent error", "could not be delivered to", "550 ", "554 "],
        List::Transcripts => TRANSCRIPTS,
        List::SystemWords => &["delivered to the following", "non-delivery report", "could not be delivered to:"],
    }
}

pub(crate) const SYSTEM_LOCALS: &[&str] = &[
    "mailer-daemon",
    "mailerdaemon",
    "mailer_daemon",
    "mail-daemon",
    "maildaemon",
    "postmaster",
    "post_master",
    "post-master",
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

pub(crate) const AUTOMATIC_SUBJECTS: &[&str] = &[
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
    "[auto",
    "(auto",
    "autom. antwort",
    "automatisch antwoord",
    "automatiskt svar",
    "automatisk svar",
    "automaattinen vastaus",
    "automatická odpověď",
    "odpowiedź automatyczna",
    "automatyczna odpowiedź",
    "resposta automática",
    "fuera de la oficina",
    "fora do escritório",
    "fuori sede",
    "fuori ufficio",
    "außer haus",
    "ooo:",
    "absence du bureau",
    "absence :",
    "urlaubsabwesenheit",
    "автоответ",
    "автоматический ответ",
    "自动回复",
    "自动答复",
    "自動回覆",
    "부재중",
    "자동 회신",
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
    "sent by a person",
    "to the list of approved senders",
];

const TRANSCRIPTS: &[&str] = &[
    "had permanent fatal errors",
    "had delivery problems",
    "had transient non-fatal errors",
    "had permanent delivery errors",
    "had fatal errors",
    "transcript of session follows",
    "transcript of the session follows",
    "transcript of session",
];
