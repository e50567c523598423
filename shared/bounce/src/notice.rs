//! Providers that say themselves what they did to the account.
//!
//! The patterns are data (`data/provider-notices.toml`): a provider's own words about
//! its own customer are the strongest evidence there is, so each names where it was seen.
//!
//! A report also quotes what other hosts answered and what the returned mail was called, and a stranger may write there
//! whatever he likes: so it is told whose words they are.

use daimon_domain::bounce::{NoticeKind, NoticePlace, NoticeStrength, ProviderNotice, Recipient};
use regex::{Regex, RegexBuilder};
use regex_syntax::hir::literal::Extractor;
use serde::Deserialize;

use crate::{
    forms,
    lexicon::{self, lexicon},
    recognise::REPLIES,
    search::{Hits, Words},
    text,
};

#[derive(Deserialize)]
struct File {
    notice: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    id: String,
    kind: NoticeKind,
    strength: NoticeStrength,
    pattern: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "a test checks that the pattern matches it"))]
    example: String,
}

/// A notice whose pattern is fit for use.
#[derive(Debug)]
struct Notice {
    entry: Entry,
    pattern: Regex,
    /// What every match begins with: without one of these in the text the pattern need not be tried.
    beginnings: Hits,
}

#[derive(Debug, Default)]
pub(crate) struct Notices {
    all: Vec<Notice>,
    /// The beginnings of any.
    beginnings: Hits,
}

impl Notices {
    /// Whether one may begin where these words were found.
    pub(crate) fn may_begin(&self, words: &Hits) -> bool {
        words.meets(&self.beginnings)
    }

    pub(crate) fn read(words: &mut Words) -> Self {
        let entries = toml::from_str::<File>(include_str!("../data/provider-notices.toml"))
            .map(|file| file.notice)
            .unwrap_or_default();
        let mut beginnings_of_any = Vec::new();
        // One broken pattern must not silence the others; a test refuses it before it ships.
        let fit = entries.into_iter().filter_map(|entry| {
            let pattern = RegexBuilder::new(&entry.pattern).case_insensitive(true).build().ok()?;
            let beginnings = words.add_all(&beginnings(&entry.pattern)?);
            beginnings_of_any.extend_from_slice(&beginnings);
            Some(Notice { entry, pattern, beginnings: Hits::of(&beginnings) })
        });
        let all = fit.collect();
        Self { all, beginnings: Hits::of(&beginnings_of_any) }
    }
}

/// The words of which every match of the pattern begins with one. A pattern of which they cannot be named is refused, for
/// it would be tried on every text.
fn beginnings(pattern: &str) -> Option<Vec<String>> {
    let pattern = regex_syntax::parse(pattern).ok()?;
    let beginnings = Extractor::new().extract(&pattern);
    let beginnings = beginnings.literals()?.iter().map(|literal| String::from_utf8(literal.as_bytes().to_vec()));
    beginnings.collect::<Result<Vec<_>, _>>().ok().filter(|all| all.iter().all(|word| !word.is_empty()))
}

/// More text than this is not searched.
const MAX_BYTES: usize = 64 << 10;
/// By so many characters a subject is known again: programs shorten it.
const SUBJECT_CHARS: usize = 20;

/// With these a report begins to show a conversation, whose last answer it repeats in its fields. Sendmail does not say
/// there whose it is, where the host refused the sender. In lower case.
const CONVERSING: &[&str] = &["while talking to", "<<< ", ">>> "];

/// With these a report begins to quote another host, or the mail that it is about. In lower case.
const QUOTING: &[&str] = &[
    " said:",
    " said ",
    "remote server",
    "remote host",
    "remote mail server",
    "remote system",
    "remote mta",
    "smtp error from",
    "connected to",
    "refused to talk to me",         // Postfix
    "following list of recipients:", // OpenSMTPD
    "reason: 4",
    "reason: 5",
    "<-- ", // MDaemon
    "--> ",
    " says:",          // CommuniGate
    "gave this error", // Exchange
    "rejected your message",
    "protocol returned",              // Domino
    "undeliverable to the following", // GroupWise
    "antwort lautet",
    "response was",
    "response from",
    "responded",
    "replied",
    "answered",
    "returned the following",
    "reported error",
    "reported the following",
    "the recipient's server",
    "recipient server",
    "destination server",
    "receiving server",
    "antwortete",
    "相手サーバ",
    "相手先",
    "リモート",
    "宛先サーバ",
    "受信サーバ",
    "subject:",
    "subject of the message",
    "件名",
];

/// What a message tells, by who tells it.
pub(crate) struct Told<'a> {
    /// The subject, where it is the writer's own: that of a bounce or of an answer repeats another mail's.
    pub(crate) subject: Option<(&'a str, &'a Hits)>,
    /// The folded letter.
    pub(crate) letter: (&'a str, &'a Hits),
    /// The letter as it is, as far as its writer may speak there; `None` where all of it may be somebody else's.
    pub(crate) own: Option<&'a str>,
    /// What its fields say of each recipient.
    pub(crate) diagnostics: &'a [Recipient],
    /// What the returned mail was called.
    pub(crate) quoted_subject: Option<&'a str>,
}

/// A provider's own words. What the writer of the report says comes before what it quotes.
pub(crate) fn heard(told: &Told<'_>) -> Option<ProviderNotice> {
    let (letter, words) = told.letter;
    let by_writer = |place| move |entry| notice(entry, place, None);
    let in_subject = told.subject.and_then(|(text, words)| find(text, words)).map(by_writer(NoticePlace::Subject));
    if in_subject.is_some() {
        return in_subject;
    }
    let mut in_diagnostic = None;
    let mut in_answer = None;
    for recipient in told.diagnostics.iter().take(5) {
        let Some(text) = recipient.diagnostic.as_deref() else { continue };
        let Some(entry) = find(text, &lexicon::search(text)) else { continue };
        let is_quoted = recipient.remote_mta.is_some()
            || own_words(&text::lower(text)).len() < text.len()
            || first_of(CONVERSING, letter).is_some();
        let (found, place) = if is_quoted {
            (&mut in_answer, NoticePlace::Answer)
        } else {
            (&mut in_diagnostic, NoticePlace::Diagnostic)
        };
        found.get_or_insert_with(|| notice(entry, place, recipient.remote_mta.clone()));
    }
    if in_diagnostic.is_some() {
        return in_diagnostic;
    }
    let Some(entry) = find(letter, words) else { return in_answer };
    // Programs that only hint at whom they quote repeat the answer in the fields.
    let is_repeated = |entry: &Entry| in_answer.as_ref().is_some_and(|answer: &ProviderNotice| answer.id == entry.id);
    let own = told.own.map(unquoted).unwrap_or_default();
    let own = own_words(&own);
    let own = told.quoted_subject.map_or_else(|| own.to_owned(), |subject| without_subject(own, subject));
    let in_letter = find(&own, words).filter(|entry| !is_repeated(entry)).map(by_writer(NoticePlace::Letter));
    in_letter.or(in_answer).or_else(|| Some(notice(entry, NoticePlace::Answer, None)))
}

/// The folded text without lines that are marked as quoted, up to where a copy of another mail is announced.
fn unquoted(text: &str) -> String {
    let lines = text::cut(text, MAX_BYTES).lines().take_while(|line| !forms::is_announcement(line));
    let own: Vec<&str> = lines.filter(|line| !line.trim_start().starts_with(['>', '|'])).collect();
    text::fold(&own.join("\n"))
}

/// The folded text without what the returned mail was called. Programs shorten that, and leave out that it was an answer.
fn without_subject(text: &str, subject: &str) -> String {
    let folded = text::fold(subject);
    let mut subject = folded.as_str();
    while let Some(rest) = REPLIES.iter().find_map(|prefix| subject.strip_prefix(prefix)) {
        subject = rest.trim_start();
    }
    let start = subject.char_indices().nth(SUBJECT_CHARS).and_then(|(end, _)| subject.get(..end)).unwrap_or(subject);
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(start).filter(|_| !start.is_empty()) {
        let (before, here) = rest.split_at_checked(at).unwrap_or_default();
        kept.extend([before, " "]);
        let same = here.chars().zip(subject.chars()).take_while(|(here, subject)| here == subject);
        rest = here.get(same.map(|(same, _)| same.len_utf8()).sum()..).unwrap_or_default();
    }
    kept + rest
}

/// What stands before the first quotation. Nobody can tell where it ends: an answer has as many lines as its host likes.
fn own_words(text: &str) -> &str {
    let start = [QUOTING, CONVERSING].into_iter().filter_map(|words| first_of(words, text)).min();
    start.and_then(|start| text.get(..start)).unwrap_or(text)
}

/// Where the first of these stands.
fn first_of(words: &[&str], text: &str) -> Option<usize> {
    words.iter().filter_map(|words| text.find(words)).min()
}

fn notice(entry: &Entry, place: NoticePlace, said_by: Option<String>) -> ProviderNotice {
    ProviderNotice { id: entry.id.clone(), kind: entry.kind, strength: entry.strength, place, said_by }
}

/// The first notice found in the text, in which these words are; runs of spaces must be single ones.
fn find(text: &str, words: &Hits) -> Option<&'static Entry> {
    let notices = &lexicon().notices;
    if !notices.may_begin(words) {
        return None;
    }
    let text = text::cut(text, MAX_BYTES);
    let may_match = |notice: &&Notice| words.meets(&notice.beginnings);
    notices.all.iter().filter(may_match).find(|notice| notice.pattern.is_match(text)).map(|notice| &notice.entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::search;

    fn find(text: &str) -> Option<&'static Entry> {
        super::find(text, &search(text))
    }

    #[test]
    fn every_notice_is_found_in_its_own_example() {
        let file: File = toml::from_str(include_str!("../data/provider-notices.toml")).unwrap();
        assert_eq!(lexicon().notices.all.len(), file.notice.len());
        for entry in &file.notice {
            let found = find(&entry.example).unwrap_or_else(|| panic!("{} is not found in its example", entry.id));
            assert_eq!(found.id, entry.id);
        }
    }

    #[test]
    fn an_ordinary_bounce_is_no_notice() {
        assert!(find("550 5.1.1 User unknown").is_none());
    }

    fn place(fields: &str, letter: &str, subject: &str) -> Option<(NoticePlace, Option<String>)> {
        let mail = format!(
            "Return-Path: <>\nFrom: MAILER-DAEMON@mail.host.example\nTo: sato@sakura.example\nSubject: {subject}\n\
             MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\n\
             {letter}\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mail.host.example\n\n\
             Final-Recipient: rfc822; x@evil.example\nAction: failed\nStatus: 5.1.8\n{fields}\n\n--b\n\
             Content-Type: message/rfc822\n\nFrom: sato@sakura.example\nSubject: Re: Warning: 9 non-existant E-Mails\n \
             have just been sent by you\n\nAway.\n\n--b--\n"
        );
        crate::read(mail.as_bytes()).provider_notice.map(|notice| (notice.place, notice.said_by))
    }

    #[test]
    fn it_is_told_whose_words_they_are() {
        const SAID: &str = "550 5.1.8 Access denied, bad outbound sender";
        let (own, quoted) = (format!("Diagnostic-Code: smtp; {SAID}"), "Undelivered Mail Returned to Sender");
        let foreign = format!("Remote-MTA: dns; mx.evil.example\n{own}");
        let answer = Some((NoticePlace::Answer, Some("mx.evil.example".to_owned())));
        assert_eq!(place(&own, "Sorry.", quoted), Some((NoticePlace::Diagnostic, None)));
        assert_eq!(place(&foreign, "Sorry.", quoted), answer);
        let postfix = format!("<x@evil.example>: host mx.evil.example[192.0.2.1] said: 550\n    5.1.8 {SAID}");
        assert_eq!(place(&foreign, &postfix, quoted), answer);
        assert_eq!(place(&foreign, SAID, quoted), answer, "what the fields say it quotes, it quotes");
        for letter in [&*postfix, &format!("Remote host said: {SAID}"), &format!("Remote Server returned '{SAID}'")] {
            assert_eq!(place("", letter, quoted), Some((NoticePlace::Answer, None)), "{letter}");
        }
        assert_eq!(place("", SAID, quoted), Some((NoticePlace::Letter, None)));
    }

    #[test]
    fn what_the_returned_mail_was_called_is_no_notice() {
        let called = "Re: Warning: 9 non-existant E-Mails have just been sent by you";
        assert_eq!(place("", "Sorry.", &format!("Undeliverable: {called}")), None);
        let told = format!("Your message {called} could not be delivered.");
        assert_eq!(place("", &told, "Undeliverable"), None, "such a notice begins with these words");
    }

    /// Where a message tells that its sender was stopped.
    fn place_in(mail: &str) -> Option<NoticePlace> {
        crate::read(mail.as_bytes()).provider_notice.map(|notice| notice.place)
    }

    const STOPPED: &str = "550 5.1.8 Access denied, bad outbound sender";

    #[test]
    fn what_an_answer_repeats_is_nobodys_own_word() {
        let answer = "Return-Path: <>\nFrom: support@host.example\nTo: sato@sakura.example\n";
        let subjects = [
            "Auto-Submitted: auto-replied\nSubject: Warning: 9 non-existant E-Mails have just been sent by you",
            "X-Autoreply: yes\nSubject: 【重要】パスワード緊急変更のお知らせ",
            "Subject: Automatic reply: 【重要】パスワード緊急変更のお知らせ",
            "Subject: Auto: Warning: 9 non-existant E-Mails have just been sent by you",
            "Subject: Re: 【重要】パスワード緊急変更のお知らせ",
            "In-Reply-To: <q@sakura.example>\nSubject: 【重要】パスワード緊急変更のお知らせ",
        ];
        for subject in subjects {
            assert_eq!(place_in(&format!("{answer}{subject}\n\nWe shall answer soon.\n")), None, "{subject}");
        }
        for fields in ["Auto-Submitted: auto-replied\nSubject: Auto: hello", "Subject: Re: hello", "Subject: hello"] {
            let said = place_in(&format!("{answer}{fields}\n\nWe have:\n> {STOPPED}\n"));
            assert_eq!(said, Some(NoticePlace::Answer), "{fields}");
        }
        let said = place_in(&format!("{answer}Auto-Submitted: auto-replied\nSubject: hello\n\n{STOPPED}\n"));
        assert_eq!(said, Some(NoticePlace::Answer));
        let said = place_in(&format!("{answer}Auto-Submitted: auto-generated\nSubject: hello\n\n{STOPPED}\n"));
        assert_eq!(said, Some(NoticePlace::Letter));
    }

    #[test]
    fn what_a_bounce_repeats_of_the_returned_mail_is_nobodys_own_word() {
        let bounce = |parts: &str| {
            format!(
                "Return-Path: <>\nFrom: MAILER-DAEMON@mail.host.example\nTo: sato@sakura.example\nSubject: failure notice\n\
                 Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\n{parts}\n--b--\n"
            )
        };
        let status = "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mail.host.example\n\n\
                      Final-Recipient: rfc822; a@evil.example\nAction: failed\nStatus: 5.1.1\n";
        let original = |subject: &str| {
            format!("--b\nContent-Type: message/rfc822\n\nFrom: sato@sakura.example\nSubject: {subject}\n\nx\n")
        };
        let called = format!("Re: {STOPPED} and more");
        for (said, returned) in [
            (format!("Your mail \"{STOPPED}...\" came back."), original(&called)),
            (format!("Your mail {called} came back."), original(&called)),
            (format!("Your mail came back:\n{STOPPED}"), String::new()),
            (format!("Sorry.\n----- Original message -----\n\n{STOPPED}"), original("hi")),
            (format!("Sorry.\n| {STOPPED}"), original("hi")),
        ] {
            let mail = bounce(&format!("{said}\n{status}\n{returned}"));
            assert_eq!(place_in(&mail), Some(NoticePlace::Answer), "{said}");
        }
        let third = bounce(&format!("Sorry.\n{status}\n--b\n\n{STOPPED}\n{}", original("hi")));
        assert_eq!(place_in(&third), Some(NoticePlace::Answer));
        let own = bounce(&format!("{STOPPED}\n{status}\n{}", original("hi")));
        assert_eq!(place_in(&own), Some(NoticePlace::Letter));
    }
}
