//! Our own mails and what must be read from them.
//!
//! Each `corpus/FOLDER/NAME.eml` has a `NAME.json` beside it: what the answer must contain (it may contain more). Each
//! is read with LF, CRLF and CR line ends and must give the same answer. That the corpus covers what the reader can
//! say is a test too: a reason that no mail asks for could break unseen.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use daimon_domain::{
    bounce::{Action, Kind, NoticeKind},
    reason::{Permanence, Reason},
};
use regex::bytes::Regex;
use serde_json::Value;

/// Folders of mails that real servers wrote; the others are written by hand.
const MADE: [&str; 5] = ["courier", "exim", "opensmtpd", "postfix", "sendmail"];
/// What only a few need, but those often: the least number of mails.
const LEAST: usize = 250;
const MOST_BYTES: usize = 4 << 20;
const LEAST_MEAN_BYTES: usize = 5_000;

/// A mail of the corpus.
struct Mail {
    path: PathBuf,
    bytes: Vec<u8>,
    expected: Value,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Every mail. A folder without any, and a file that belongs to none, are faults.
fn mails() -> io::Result<Vec<Mail>> {
    let mut mails = Vec::new();
    for folder in entries(&root())? {
        if !folder.is_dir() {
            assert!(folder.ends_with("README.md"), "{} is in no folder", folder.display());
            continue;
        }
        let before = mails.len();
        for path in entries(&folder)? {
            let is_mail = path.extension().is_some_and(|end| end == "eml");
            let twin = path.with_extension(if is_mail { "json" } else { "eml" });
            assert!(twin.exists(), "{} is missing", twin.display());
            if is_mail {
                let mut expected: Value = serde_json::from_slice(&fs::read(&twin)?)?;
                // A provider's notice ends an investigation: none is heard where none is named.
                if let Some(fields) = expected.as_object_mut() {
                    fields.entry("provider_notice").or_insert(Value::Null);
                }
                mails.push(Mail { bytes: fs::read(&path)?, path, expected });
            }
        }
        assert!(mails.len() > before, "{} has no mail", folder.display());
    }
    Ok(mails)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// Whether everything in `expected` is in `given`; lists must have the same length, and what is expected to be null is not
/// there.
fn contains(given: &Value, expected: &Value) -> bool {
    match (given, expected) {
        (Value::Object(given), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| contains(given.get(name).unwrap_or(&Value::Null), value))
        }
        (Value::Array(given), Value::Array(expected)) => {
            given.len() == expected.len()
                && given.iter().zip(expected).all(|(given, expected)| contains(given, expected))
        }
        (given, expected) => given == expected,
    }
}

/// The mail with LF line ends only.
fn with_lf(mail: &[u8]) -> Vec<u8> {
    mail.iter().copied().filter(|byte| *byte != b'\r').collect()
}

fn with_line_end(mail: &[u8], end: &[u8]) -> Vec<u8> {
    mail.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(end)
}

#[test]
fn every_mail_of_the_corpus_reads_as_expected_with_any_line_end() {
    let mut faults = Vec::new();
    for mail in mails().unwrap() {
        let lf = with_lf(&mail.bytes);
        for end in ["\n", "\r\n", "\r"] {
            let report = daimon_bounce::read(&with_line_end(&lf, end.as_bytes()));
            let given = serde_json::to_value(&report).unwrap();
            if !contains(&given, &mail.expected) {
                faults.push(format!("{} with {end:?}: {given:#}", mail.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_corpus_is_large_enough_to_tell_and_small_enough_to_run() {
    let mails = mails().unwrap();
    assert!(mails.len() >= LEAST, "{} mails", mails.len());
    let all: usize = mails.iter().map(|mail| mail.bytes.len()).sum();
    assert!(all < MOST_BYTES, "{all} bytes");
    let made = |mail: &&Mail| MADE.iter().any(|folder| mail.path.parent().is_some_and(|path| path.ends_with(folder)));
    let sizes: Vec<usize> = mails.iter().filter(made).map(|mail| mail.bytes.len()).collect();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!(mean >= LEAST_MEAN_BYTES, "the mails of real servers have {mean} bytes on average");
}

/// Every word at this place of some expected answer; `*` stands for any item of a list.
fn words(mails: &[Mail], place: &str) -> BTreeSet<String> {
    fn walk(value: &Value, place: &[&str], found: &mut BTreeSet<String>) {
        let Some((first, rest)) = place.split_first() else {
            found.insert(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            return;
        };
        let items = value.as_array().filter(|_| *first == "*").into_iter().flatten();
        for value in items.chain(value.get(first)) {
            walk(value, rest, found);
        }
    }
    let place: Vec<&str> = place.split('.').collect();
    let mut found = BTreeSet::new();
    for mail in mails {
        walk(&mail.expected, &place, &mut found);
    }
    found
}

#[test]
fn every_word_of_an_answer_is_expected_of_some_mail() {
    let mails = mails().unwrap();
    let notices: toml::Table = toml::from_str(include_str!("../data/provider-notices.toml")).unwrap();
    let notices = notices["notice"].as_array().unwrap();
    let ids = notices.iter().map(|notice| notice["id"].as_str().unwrap().to_owned()).collect();
    let all = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let wanted: [(&str, Vec<String>); 7] = [
        ("kind", Kind::ALL.iter().map(ToString::to_string).collect()),
        ("recipients.*.action", Action::ALL.iter().map(ToString::to_string).collect()),
        ("recipients.*.reason", Reason::ALL.iter().map(ToString::to_string).collect()),
        ("recipients.*.permanence", Permanence::ALL.iter().map(ToString::to_string).collect()),
        ("provider_notice.id", ids),
        ("provider_notice.kind", NoticeKind::ALL.iter().map(ToString::to_string).collect()),
        ("feedback_type", all(&["abuse", "auth-failure", "fraud", "virus", "not-spam"])),
    ];
    let mut missing = Vec::new();
    for (place, wanted) in wanted {
        let found = words(&mails, place);
        missing.extend(wanted.into_iter().filter(|word| !found.contains(word)).map(|word| format!("{place}: {word}")));
    }
    assert!(missing.is_empty(), "no mail is expected to say\n{}", missing.join("\n"));
}

#[test]
fn every_trace_of_an_origin_is_expected_of_some_mail() {
    let mails = mails().unwrap();
    let places = [
        "message_id",
        "date",
        "from",
        "envelope_from",
        "subject",
        "script",
        "originating_ip",
        "mailer",
        "dkim_domains.*",
        "authentication_results.*",
        "list",
        "auto_submitted",
        "received.*.helo",
        "received.*.from_host",
        "received.*.from_ip",
        "received.*.by",
        "received.*.with",
        "received.*.authenticated_as",
        "received.*.at",
    ];
    let mut missing: Vec<String> = places
        .iter()
        .filter(|place| words(&mails, &format!("origin.{place}")).is_empty())
        .map(ToString::to_string)
        .collect();
    for place in ["received.*.authenticated", "received.*.local_submission", "returned"] {
        if !words(&mails, &format!("origin.{place}")).contains("true") {
            missing.push(format!("{place}: true"));
        }
    }
    assert!(missing.is_empty(), "no mail is expected to tell\n{}", missing.join("\n"));
}

/// What providers call themselves may be real, since that is how they are recognised; no person has such an address.
const ROLES: [&str; 4] = ["mailer-daemon", "no-reply", "postmaster", "staff"];

#[test]
fn every_address_is_one_that_nobody_has() {
    let address = Regex::new(r"([A-Za-z0-9._%+-]+)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)").unwrap();
    let reserved = [".example", ".test", ".invalid", ".localhost"];
    let reserved_domains = ["example.com", "example.net", "example.org"];
    let mut faults = BTreeSet::new();
    for mail in mails().unwrap() {
        for found in address.captures_iter(&mail.bytes) {
            let domain = String::from_utf8_lossy(&found[2]).trim_end_matches('.').to_ascii_lowercase();
            let is_under = |end: &str| domain == end || domain.ends_with(&format!(".{end}"));
            // Exim cuts off what it was told; no top-level domain begins as `example` does.
            let is_cut = domain.rsplit('.').next().is_some_and(|end| end.len() > 1 && "example".starts_with(end));
            let nobodys = reserved.iter().any(|end| domain.ends_with(end))
                || is_cut
                || reserved_domains.into_iter().any(is_under)
                || ROLES.iter().any(|role| found[1].eq_ignore_ascii_case(role.as_bytes()))
                || domain.split('.').all(|label| label.parse::<u32>().is_ok());
            if !nobodys {
                faults.insert(format!("{} names {}", mail.path.display(), String::from_utf8_lossy(&found[0])));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_poses_as_a_report_is_phishing_dressed_as_one_and_nothing_else() -> io::Result<()> {
    let is_dressed = |mail: &Mail| mail.path.to_string_lossy().contains("phishing-as-report");
    for mail in mails()? {
        let poses = daimon_bounce::read(&mail.bytes).envelope.poses_as_report;
        assert_eq!(poses, is_dressed(&mail), "{}", mail.path.display());
    }
    Ok(())
}
