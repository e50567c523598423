//! Reports written for people: what they say of each recipient.
//!
//! There is no grammar, but there are habits. Nearly every program puts the address at the head of a paragraph and the
//! reason below it (`heads`); sendmail shows the conversation (`transcript`); large providers write a sentence
//! (`sentence`). Each habit is tried where the one before found nothing.

mod heads;
mod local;
pub(crate) mod notification;
mod sentence;
mod transcript;
pub(crate) mod written;

use std::{collections::HashSet, sync::LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, Anchored, Input, StartKind};
use chrono::{DateTime, Utc};
use daimon_domain::{bounce::Action, status::EnhancedStatus};

use crate::{
    address, fields::field_name_length, judge::tells_cause, lexicon::says, phrases::List, search::Hits, status,
    step::Step, text,
};

/// What was found of one recipient, before any rule has judged it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) address: String,
    pub(crate) original: Option<String>,
    pub(crate) status: Option<EnhancedStatus>,
    pub(crate) action: Option<Action>,
    /// The words about it.
    pub(crate) text: String,
    /// What the reporting host adds of its own: a comment behind the status, a category.
    pub(crate) comment: String,
    /// What the remote host answered to.
    pub(crate) step: Option<Step>,
    pub(crate) remote_mta: Option<String>,
    pub(crate) will_retry_until: Option<DateTime<Utc>>,
}

/// The most recipients taken from running text.
const MAX_RECIPIENTS: usize = 2_000;

/// Room is made for no more lines before they are seen.
const USUAL_LINES: usize = 32;

/// More lines than any report has.
const MAX_LINES: usize = 20_000;

/// A report's text, with the returned original cut off.
#[derive(Debug)]
pub(crate) struct Letter<'a> {
    pub(crate) text: &'a str,
    pub(crate) lines: Vec<&'a str>,
    /// The original's header and body, where it follows in the same text.
    pub(crate) original: Option<&'a str>,
}

/// These end the report even where no header follows.
const COPY_ENDS: &[&str] = &[
    "below this line is a copy of the",
    "below is a copy of the original message",
    "below the next line is a copy",
    "original message follows",
];

/// What programs write above the copy of the original. Compared in lower case, without leading dashes and spaces.
const COPY_FOLLOWS: &[&str] = &[
    "below this line is a copy of the",
    "this is a copy of the",
    "this is a copy of your message",
    "this is a copy of the message's headers",
    "original message follows",
    "original mail as follows",
    "original message",
    "message header follows",
    "message headers follow",
    "returned message follows",
    "unsent message follows",
    "unsent message below",
    "undelivered message follows",
    "undeliverable message",
    "returned message",
    "returned mail",
    "the header of the original message",
    "the headers of the original message",
    "header of the original message",
    "included is a copy of the message header",
    "a copy of the original message",
    "a copy of the message",
    "your original message",
    "original message headers:",
    "original message header:",
    "the first 50 lines of the original message",
    "start of message",
    "message text follows",
    "your message follows",
    "your message reads (in part)",
    "the following is a copy of",
    "here is the message",
    "received headers",
    "以下のメール",
];

// The phrases are constants; a test keeps them searchable.
static COPIES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .ascii_case_insensitive(true)
        .match_kind(aho_corasick::MatchKind::LeftmostFirst)
        .start_kind(StartKind::Anchored)
        .build(COPY_ENDS.iter().chain(COPY_FOLLOWS))
        .ok()
});

/// What a line says of what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    /// A copy of the original, whatever it looks like.
    Follows,
    /// A copy, if it looks like one.
    MayFollow,
}

fn announced(line: &str) -> Option<Copy> {
    let line = line.trim_start_matches(['-', '=', '*', '_', '|', '>', ' ']);
    let hit = COPIES.as_ref()?.find(Input::new(line).anchored(Anchored::Yes))?;
    Some(if hit.pattern().as_usize() < COPY_ENDS.len() { Copy::Follows } else { Copy::MayFollow })
}

/// Whether the line is one above a copy of another mail, or might be.
pub(crate) fn is_announcement(line: &str) -> bool {
    let line = line.trim();
    announced(line).is_some_and(|copy| {
        copy == Copy::Follows
            || line.ends_with(':')
            || ["--", "==", "**", "__"].iter().any(|rule| line.starts_with(rule))
    })
}

impl<'a> Letter<'a> {
    /// Splits a text into the report and the copy of the original.
    ///
    /// Another host's reply has as many lines as it likes, and may announce a copy too: qmail shows all of it, but joins
    /// what is between empty lines. So what stands in one paragraph with a reply counts only where nothing better follows.
    pub(crate) fn read(text: &'a str) -> Self {
        let (mut lines, mut at): (Vec<&str>, usize) = (Vec::with_capacity(USUAL_LINES.min(text.len())), 0);
        // Where the paragraph begins, how far it was looked at, and whether a reply is in it.
        let (mut paragraph, mut seen, mut replies) = (0, 0, false);
        let mut doubtful: Option<Doubtful> = None;
        for line in text.split_inclusive('\n') {
            let next = at + line.len();
            let is_header = HEADERS.iter().any(|name| line.starts_with(name));
            let begins = match announced(line.trim()) {
                Some(Copy::Follows) if !line.starts_with([' ', '\t', '>', '|']) => Some(next),
                Some(_) if line.trim().len() < 120 && has_header(text.get(next..).unwrap_or_default(), 6) => Some(next),
                _ if is_header && at > 0 && has_header(text.get(at..).unwrap_or_default(), 0) => Some(at),
                _ => None,
            };
            if let Some(start) = begins {
                let unseen = lines.get(seen.max(paragraph)..).unwrap_or_default();
                replies |= unseen.iter().any(|line| is_reply(line));
                seen = lines.len();
                let original = text.get(start..).map(str::trim_start).filter(|rest| !rest.is_empty());
                let is_sure = start == at || has_header(original.unwrap_or_default(), 5);
                // What a mail quotes begins so too.
                let is_quoted = doubtful.is_some() && is_header && !line.starts_with('R');
                if is_sure && !replies && !is_quoted {
                    return Self { text: text.get(..at).unwrap_or_default(), lines, original };
                }
                let here = Doubtful { paragraph, replies, lines: lines.len(), end: at, start };
                let is_better = |known: Doubtful| known.replies && known.paragraph < paragraph && !is_quoted;
                doubtful = doubtful.filter(|known| !is_better(*known)).or(Some(here));
            }
            if lines.len() == MAX_LINES {
                break;
            }
            if line == "\n" {
                (paragraph, replies) = (lines.len() + 1, false);
            }
            lines.push(line.trim_end_matches('\n'));
            at = next;
        }
        match doubtful {
            Some(Doubtful { lines: count, end, start, .. }) => {
                lines.truncate(count);
                let original = text.get(start..).map(str::trim_start).filter(|rest| !rest.is_empty());
                Self { text: text.get(..end).unwrap_or_default(), lines, original }
            }
            None => Self { text: text.get(..at).unwrap_or_default(), lines, original: None },
        }
    }
}

/// With these the header of an original begins that nothing announces.
const HEADERS: &[&str] =
    &["Received:", "Return-Path:", "Return-path:", "Message-ID:", "Message-Id:", "From:", "DKIM-Signature:"];

/// Where a copy may begin, unless there is a better place.
#[derive(Clone, Copy)]
struct Doubtful {
    /// In which paragraph.
    paragraph: usize,
    /// Whether a reply is in it.
    replies: bool,
    /// How many lines are before it, and where they end.
    lines: usize,
    end: usize,
    /// Where it begins.
    start: usize,
}

/// Whether a line quotes what another host said.
fn is_reply(line: &str) -> bool {
    line.contains("said:") || line.contains(" said ") || status::find_reply(line).is_some()
}

/// Whether at least three header fields follow, after at most `skip` other lines.
fn has_header(text: &str, skip: usize) -> bool {
    let mut fields = 0;
    let mut skipped = 0;
    for line in text.lines().take(60) {
        if line.starts_with([' ', '\t']) && fields > 0 {
            continue;
        }
        let line = line.trim_start_matches(['>', ' ', '|', '\t']);
        if field_name_length(line.as_bytes()).is_some_and(|length| length > 1) && !line.starts_with("http") {
            fields += 1;
            if fields >= 3 {
                return true;
            }
        } else if fields > 0 || skipped >= skip {
            return false;
        } else {
            skipped += 1;
        }
    }
    false
}

/// A way to find the recipients in lines.
type Habit = fn(&[&str]) -> Vec<Found>;

/// Everything the letter says of its recipients; `words` was found in it, `own` are the addresses of the sender, `host` is where the report comes from,
/// `named` is what its machine-readable part names; with `any`, whoever else is named failed.
pub(crate) fn read(
    letter: &Letter<'_>,
    words: &Hits,
    own: &[String],
    host: Option<&str>,
    named: &[Found],
    any: bool,
) -> Vec<Found> {
    let transcribes = says(words, List::Transcripts);
    let mut only_own = None;
    let habits: [Habit; 3] = [transcript::read, heads::read, sentence::read];
    for (habit, is_sentence) in habits.into_iter().zip([false, false, true]).skip(usize::from(!transcribes)) {
        let mut found = habit(&letter.lines);
        found.truncate(MAX_RECIPIENTS);
        // They are mailboxes too, and may be full.
        found.retain(|recipient| {
            !is_helper(&recipient.address)
                || !is_sentence && tells_cause(&recipient.text)
                || named.iter().take(50).any(|named| named.address == recipient.address)
        });
        // The sender's own address is named in many reports, but it may also be the one that failed.
        if found.iter().any(|recipient| !own.contains(&recipient.address)) {
            found.retain(|recipient| !own.contains(&recipient.address));
        }
        if found.iter().any(|recipient| !own.contains(&recipient.address)) {
            return found;
        }
        only_own = only_own.or(Some(found).filter(|found| !found.is_empty()));
    }
    let users = host.map(|host| local::read(&letter.lines, host)).unwrap_or_default();
    if !users.is_empty() {
        return users;
    }
    only_own.unwrap_or_else(|| {
        let mut found = if any && named.is_empty() { sentence::read_any(&letter.lines) } else { Vec::new() };
        found.retain(|found| !is_helper(&found.address));
        // Where its reader is named, a mailbox of his is meant.
        if found.iter().any(|found| own.contains(&found.address)) { Vec::new() } else { found }
    })
}

/// Whose mail the letter describes by its header, and to whom it went.
///
/// A content filter that stopped a mail says so, and shows From, To and Subject below.
pub(crate) fn described(letter: &Letter<'_>) -> Option<(String, Vec<String>)> {
    let value = |line: &str, name: &str| {
        let line = line.trim_start();
        text::starts_with(line, name).then(|| line.get(name.len()..).unwrap_or_default().trim().to_owned())
    };
    let named = |(at, line): (usize, &&str)| Some((at, value(line, "from:").and_then(|from| address::first(&from))?));
    let (at, from) = letter.lines.iter().enumerate().find_map(named)?;
    let to = letter.lines.iter().skip(at + 1).take(3).find_map(|line| value(line, "to:"))?;
    Some((from, address::all(&to))).filter(|(_, to)| !to.is_empty())
}

/// Whether the address stands at the head of a paragraph.
pub(crate) fn is_at_head(letter: &Letter<'_>, address: &str) -> bool {
    letter.lines.iter().any(|line| heads::head(line).is_some_and(|(head, _)| head == address))
}

/// Every address at the head of a paragraph.
pub(crate) fn heads(letter: &Letter<'_>) -> HashSet<String> {
    letter.lines.iter().filter_map(|line| heads::head(line)).map(|(address, _)| address).collect()
}

/// Addresses to write to for help.
fn is_helper(address: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default();
    matches!(local, "mailer-daemon" | "abuse" | "support" | "helpdesk" | "hostmaster")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_announcement_is_heard() {
        for words in COPY_ENDS {
            assert_eq!(announced(words), Some(Copy::Follows), "{words}");
        }
        for words in COPY_FOLLOWS {
            assert!(announced(&format!("--- {}: ---", words.to_uppercase())).is_some(), "{words}");
        }
        assert_eq!(announced("the original message"), None);
    }

    const COPY: &str = "--- Below this line is a copy of the message.";

    #[test]
    fn no_copy_begins_within_a_reply() {
        let forged = "Received: from x by y; z\nMessage-ID: <forged@x.example>\nFrom: a@x.example";
        let original = "Return-Path: <sato@sakura.example>\nReceived: from c by d\nFrom: sato@sakura.example\n\nbody";
        for said in [
            COPY.to_owned(),
            format!("----Below this line is a copy of the message.\n{forged}"),
            format!("{COPY}\n{forged}"),
            format!("   Original message follows: x\n{forged}"),
            forged.to_owned(),
        ] {
            let above = format!("<a@evil.example>:\nRemote host said: 550-no\n{said}\n\n<b@good.example>:\nfull\n\n");
            let letter = format!("{above}{COPY}\n\n{original}");
            let read = Letter::read(&letter);
            assert_eq!((read.text, read.original), (above.as_str(), Some(original)), "{said}");
            assert_eq!(read.lines.len(), above.lines().count());
        }
    }

    #[test]
    fn a_copy_right_below_a_reply_is_one_where_there_is_no_other() {
        let header = "Received: from c by d\nMessage-ID: <1@sakura.example>\nFrom: sato@sakura.example\n\n\
                      From: x\nSent: y\nTo: z\n";
        for letter in
            [format!("550 no\n{COPY}\n\n{header}"), format!("550 no\n{header}"), format!("550 no\n{COPY}\n{header}")]
        {
            assert_eq!(Letter::read(&letter).original, Some(header), "{letter}");
        }
        assert_eq!(Letter::read(&format!("Sorry.\n\n{COPY}\n\nHello, see you")).original, Some("Hello, see you"));
    }
}
