//! `daimon-worker scan`: a mailbox on disk, replayed through the reader and the engine in the order of time.
//!
//! No database, no queue, no network. What the pool learns over weeks (own hosts, Sent, correspondents) is taken from
//! a context file, and otherwise from the folders themselves.

mod context;
mod replay;
mod text;

use std::{fs, io::Write, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use daimon_domain::tenant::Language;
use daimon_domain::verdict::{EvidenceLine, Tier, Verdict};
use daimon_verdict::Assessment;
use serde::Serialize;

pub use self::context::Context;
use self::context::Folders;
use crate::mail_files::{self, NoMail};

/// The command line of `scan`.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "daimon-worker scan <PATH>... [--sent <PATH>...] [OPTIONS]",
    after_help = "Exit codes: 0 the question was answered, 1 a path can't be read (it is named), 2 the command line is \
                  wrong, 3 there is no mail in the paths."
)]
pub struct ScanArgs {
    /// Received mail: `.eml` files, folders of them, mbox files, Maildirs; `-` is one mail on standard input.
    #[arg(value_name = "PATH", required_unless_present = "inbox")]
    pub paths: Vec<PathBuf>,
    /// More received mail: the same as PATH.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub inbox: Vec<PathBuf>,
    /// The mailbox's own sent mail. With it, bounces of mail that is not in there are recognised. Without it, nothing is
    /// concluded from a missing copy.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub sent: Vec<PathBuf>,
    /// The mailbox's address; without it, the one that most mail is from or for.
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<String>,
    /// A JSON file of what is known of the mailbox, in place of what the folders tell. All of it may be left out:
    /// `address`, `own_domains`, `own_hosts` and `own_networks` (the provider's mail servers), `provider` (`gmail`,
    /// `m365`, `imap_host`, `pop_only`), `contained_at` (when its password was changed), `campaigns` (parts of the
    /// subjects of its newsletters).
    #[arg(long, value_name = "FILE", conflicts_with = "address")]
    pub context: Option<PathBuf>,
    /// How to write the answer.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Format::Text)]
    pub format: Format,
    /// The language of the text.
    #[arg(long, value_enum, value_name = "LANGUAGE", default_value_t = Lang::En)]
    pub lang: Lang,
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line: every move, every letter, the summary.
    Ndjson,
    /// The answer, why, and what to do.
    Text,
}

/// The language of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// English.
    En,
    /// Japanese.
    Ja,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::English,
            Lang::Ja => Self::Japanese,
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Tier(&'a Moved),
    Cluster { verdict: Verdict, bounces: u32, template: &'a str, evidence: Vec<Evidence<'a>> },
    Summary(&'a Summary),
}

#[derive(Serialize)]
struct Evidence<'a> {
    item: &'a str,
    value: &'a str,
    db: f64,
    against: Option<Verdict>,
}

impl<'a> From<&'a EvidenceLine> for Evidence<'a> {
    fn from(line: &'a EvidenceLine) -> Self {
        Self { item: &line.item, value: &line.value, db: line.db, against: line.against }
    }
}

/// The verdict or the tier changed.
#[derive(Clone, Debug, Serialize)]
pub struct Moved {
    /// When the mail that moved it arrived.
    pub at: DateTime<Utc>,
    /// The verdict that stands from then on.
    pub verdict: Verdict,
    /// Its tier.
    pub tier: Tier,
    /// The score, in decibans.
    pub score_db: f64,
    /// How many bounces had been seen by then.
    pub bounces_seen: u32,
}

/// The answer: the gravest verdict that stood at any time.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The gravest verdict.
    pub verdict: Verdict,
    /// Its tier.
    pub tier: Tier,
    /// Bounces, one for each recipient.
    pub bounces: u32,
    /// Recipients that nothing says the owner wrote to.
    pub unexpected_recipients: usize,
    /// Bounces of mail from before the mailbox was secured.
    pub trailing: u32,
    /// Recipients of mail from after that.
    pub continued: u32,
    /// When the first bounce of it arrived.
    pub first_bounce_at: Option<DateTime<Utc>>,
    /// When an incident of severity high or critical would have opened.
    pub alert_at: Option<DateTime<Utc>>,
}

/// A mail as the pool finds it when it comes.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'m> {
    /// When it came.
    pub at: DateTime<Utc>,
    /// The message.
    pub bytes: &'m [u8],
    /// A rule has put it into the bin, as if it had been read.
    pub is_binned: bool,
}

impl<'m> From<(DateTime<Utc>, &'m [u8])> for Arrived<'m> {
    fn from((at, bytes): (DateTime<Utc>, &'m [u8])) -> Self {
        Self { at, bytes, is_binned: false }
    }
}

/// Replays a mailbox that is in memory: what moved, the answer, and what the engine knew at the height of it. Received mail
/// with the time of its arrival, sent mail with that of its filing; no Sent folder is `None`.
pub fn replay<'m>(
    context: Context,
    received: impl IntoIterator<Item = impl Into<Arrived<'m>>>,
    sent: Option<impl IntoIterator<Item = (DateTime<Utc>, &'m [u8])>>,
) -> (Vec<Moved>, Summary, Assessment) {
    let folders = Folders::of(received.into_iter().map(Into::into), sent);
    let (context, _) = context::complete(Some(context), None, &folders);
    let replayed = replay::replay(&folders, &context);
    (replayed.moves, replayed.summary, replayed.assessment)
}

/// Replays the folders and writes the answer.
pub fn run(args: ScanArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let context = args.context.as_ref().map(|path| -> anyhow::Result<Context> {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no context", path.display()))
    });
    let inbox = [args.paths, args.inbox].concat();
    mail_files::are_there(inbox.iter().chain(&args.sent))?;
    let folders = Folders::read(&inbox, &args.sent);
    if folders.read == 0 && !folders.unreadable.is_empty() {
        anyhow::bail!("{}", folders.unreadable.join("\n"));
    }
    if !folders.has_received {
        return Err(NoMail::within(&inbox).into());
    }
    let (context, inferred) = context::complete(context.transpose()?, args.address.as_deref(), &folders);
    let replayed = replay::replay(&folders, &context);
    let written = match args.format {
        Format::Ndjson => write_lines(&replayed, out),
        Format::Text => text::write(&replayed, &inferred, &folders.unreadable, args.lang.into(), out),
    };
    match written.and_then(|()| Ok(out.flush()?)) {
        // `scan … | head` is not a failure.
        Err(fault) if is_broken_pipe(&fault) => Ok(ExitCode::SUCCESS),
        written => written.context("cannot write the answer").map(|()| ExitCode::SUCCESS),
    }
}

fn is_broken_pipe(fault: &anyhow::Error) -> bool {
    let of_json = fault.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
    let kind = fault.downcast_ref::<std::io::Error>().map(std::io::Error::kind).or(of_json);
    kind == Some(std::io::ErrorKind::BrokenPipe)
}

fn write_lines(replayed: &replay::Replayed, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut write = |line: &Line<'_>| -> anyhow::Result<()> {
        serde_json::to_writer(&mut *out, line)?;
        Ok(out.write_all(b"\n")?)
    };
    for moved in &replayed.moves {
        write(&Line::Tier(moved))?;
    }
    for cluster in &replayed.assessment.clusters {
        write(&Line::Cluster {
            verdict: cluster.verdict,
            bounces: cluster.bounces,
            template: &cluster.template,
            evidence: cluster.evidence.iter().map(Evidence::from).collect(),
        })?;
    }
    write(&Line::Summary(&replayed.summary))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// A Maildir-less folder of Postfix bounces: what a stolen mailbox finds in the morning.
    fn stolen_mailbox() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["inbox", "sent"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for number in 0..20 {
            let own = format!(
                "From: sato@sakura.example\nTo: friend{number}@shop.example\nSubject: Hello\n\
                 Message-ID: <own{number}@sakura.example>\n\nHello\n"
            );
            fs::write(folder.path().join(format!("sent/{number}.eml")), own).unwrap();
            let reply = format!(
                "Received: from mx.shop.example (mx.shop.example [192.0.2.7]) by mail.host.example (Postfix)\n\
                 \twith ESMTP id B{number}; Mon, 3 Aug 2026 09:{number:02}:00 +0900\n\
                 From: friend{number}@shop.example\nTo: sato@sakura.example\nSubject: Re: Hello\n\
                 In-Reply-To: <own{number}@sakura.example>\nMessage-ID: <r{number}@shop.example>\n\nHi\n"
            );
            fs::write(folder.path().join(format!("inbox/reply{number:02}.eml")), reply).unwrap();
            fs::write(folder.path().join(format!("inbox/spam{number:02}.eml")), postfix_bounce(number)).unwrap();
        }
        folder
    }

    fn postfix_bounce(number: u32) -> String {
        let (victim, time) =
            (format!("victim{number}@far{number}.example"), format!("10:{:02}:00 +0900", 3 * number % 60));
        let letter = ["Invoice", "Your parcel"][usize::from(number % 2 == 1)];
        // A thief's letter is also refused for what it says; one that is not could be a mailing to an old list.
        let (status, said) = [("5.1.1", "5.1.1 User unknown"), ("5.7.1", "5.7.1 Message rejected as spam")]
            [usize::from(number % 3 == 1)];
        let mut mail = String::new();
        write!(
            mail,
            "Return-Path: <>\nReceived: by mail.host.example (Postfix) id A{number}; Sun, 23 Aug 2026 {time}\n\
             Date: Sun, 23 Aug 2026 {time}\nFrom: MAILER-DAEMON@mail.host.example (Mail Delivery System)\n\
             Subject: Undelivered Mail Returned to Sender\nTo: sato@sakura.example\nAuto-Submitted: auto-replied\n\
             MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"B\"\n\
             Message-ID: <d{number}@mail.host.example>\n\n--B\nContent-Type: text/plain\n\n\
             <{victim}>: host mx.far{number}.example[192.0.2.9] said: 550 {said}\n\n\
             --B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mail.host.example\n\
             X-Postfix-Sender: rfc822; sato@sakura.example\nArrival-Date: Sun, 23 Aug 2026 {time}\n\n\
             Final-Recipient: rfc822; {victim}\nAction: failed\nStatus: {status}\n\
             Remote-MTA: dns; mx.far{number}.example\nDiagnostic-Code: smtp; 550 {said}\n\n\
             --B\nContent-Type: text/rfc822-headers\n\nReturn-Path: <sato@sakura.example>\n\
             Received: from pc (unknown [198.51.100.66]) (Authenticated sender: sato@sakura.example)\n\
             \tby mail.host.example (Postfix) with ESMTPSA id C{number}; Sun, 23 Aug 2026 {time}\n\
             From: sato@sakura.example\nTo: {victim}\nSubject: {letter} {number}\n\
             Message-ID: <x{number}@sakura.example>\n\n--B--\n",
        )
        .unwrap();
        mail
    }

    fn arguments(path: PathBuf) -> ScanArgs {
        ScanArgs {
            paths: vec![path],
            inbox: Vec::new(),
            sent: Vec::new(),
            address: None,
            context: None,
            format: Format::Text,
            lang: Lang::En,
        }
    }

    fn failure(args: ScanArgs) -> anyhow::Error {
        let mut out = Vec::new();
        let failure = run(args, &mut out).unwrap_err();
        assert!(out.is_empty(), "{}", String::from_utf8_lossy(&out));
        failure
    }

    #[test]
    fn where_there_is_no_mail_nothing_is_said_of_the_mailbox() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let empty = || failure(arguments(path.clone()));
        assert_eq!(empty().downcast_ref(), Some(&NoMail::within(std::slice::from_ref(&path))), "{:#}", empty());
        fs::write(path.join("notes.txt"), "milk, bread\n").unwrap();
        assert!(empty().is::<NoMail>(), "{:#}", empty());
        // Sent mail alone answers nothing either.
        let sent = tempfile::tempdir().unwrap();
        fs::write(sent.path().join("1.eml"), "From: a@b.example\nTo: c@d.example\n\nHello\n").unwrap();
        let args = ScanArgs { sent: vec![sent.path().to_owned()], ..arguments(path) };
        assert!(failure(args).is::<NoMail>());
    }

    #[test]
    fn a_path_that_is_not_there_is_named_whatever_else_is_there() {
        let folder = stolen_mailbox();
        let absent = folder.path().join("absent");
        for args in [
            arguments(absent.clone()),
            ScanArgs { inbox: vec![absent.clone()], ..arguments(folder.path().join("inbox")) },
            ScanArgs { sent: vec![absent.clone()], ..arguments(folder.path().join("inbox")) },
        ] {
            let said = failure(args).to_string();
            assert!(said.contains(&absent.display().to_string()), "{said}");
        }
    }

    #[test]
    fn paths_need_no_flag_and_one_of_them_is_needed() {
        #[derive(clap::Parser)]
        struct CommandLine {
            #[command(flatten)]
            scan: ScanArgs,
        }
        let parsed = |text: &str| <CommandLine as clap::Parser>::try_parse_from(text.split(' ')).map(|line| line.scan);
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let args = parsed("scan a b --sent c").unwrap();
        assert_eq!((args.paths, args.inbox, args.sent), (paths(&["a", "b"]), paths(&[]), paths(&["c"])));
        let args = parsed("scan --inbox a b --sent c").unwrap();
        assert_eq!((args.paths, args.inbox, args.sent), (paths(&[]), paths(&["a", "b"]), paths(&["c"])));
        assert!(parsed("scan").is_err() && parsed("scan --sent c").is_err());
    }

    fn scan(folder: &tempfile::TempDir, format: Format, lang: Lang) -> String {
        let args = ScanArgs {
            sent: vec![folder.path().join("sent")],
            address: Some("sato@sakura.example".to_owned()),
            format,
            lang,
            ..arguments(folder.path().join("inbox"))
        };
        let mut out = Vec::new();
        assert_eq!(format!("{:?}", run(args, &mut out).unwrap()), format!("{:?}", ExitCode::SUCCESS));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_folder_of_real_bounces_is_answered_line_by_line() {
        let text = scan(&stolen_mailbox(), Format::Ndjson, Lang::En);
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let summary = lines.last().unwrap();
        assert_eq!(summary["type"], "summary", "{text}");
        assert_eq!(summary["verdict"], "account_takeover", "{text}");
        assert_eq!((&summary["bounces"], &summary["unexpected_recipients"]), (&20.into(), &20.into()), "{text}");
        assert!(summary["alert_at"].is_string(), "{text}");
        let tier = lines.iter().find(|line| line["type"] == "tier").unwrap();
        assert!(tier["bounces_seen"].as_u64().unwrap() <= 8, "{text}");
        let cluster = lines.iter().find(|line| line["type"] == "cluster").unwrap();
        let evidence = cluster["evidence"].as_array().unwrap();
        assert!(evidence.iter().any(|e| e["item"] == "sent_copy" && e["value"] == "missing"), "{text}");
        assert!(!text.contains("victim") && !text.contains("Invoice"), "no address and no subject is told");
    }

    #[test]
    fn a_person_reads_the_answer_first_in_either_language() {
        let folder = stolen_mailbox();
        let english = scan(&folder, Format::Text, Lang::En);
        assert!(english.starts_with("This mailbox was taken over"), "{english}");
        let headline = "  Somebody signed in as sato@sakura.example from 198.51.100.66 with a client that calls itself pc: 20 mails";
        assert!(english.contains(headline), "{english}");
        let refused = "The mail was refused for what it says (7 bounces): a very strong sign of a stolen mailbox rather than the owner's";
        assert!(
            english.contains(refused) && english.contains("likelier than any other cause: more than 1,000"),
            "{english}"
        );
        assert!(!english.contains(" dB"), "decibans are for programs: {english}");
        assert!(english.contains("C01") && english.contains("host.example"), "{english}");
        let japanese = scan(&folder, Format::Text, Lang::Ja);
        assert!(japanese.contains("198.51.100.66 から sato@sakura.example としてログイン"), "{japanese}");
        assert!(japanese.contains("自社のメール配信ではなく、メールボックスの乗っ取りを示す"), "{japanese}");
        assert!(japanese.starts_with("このメールボックスは乗っ取られています"), "{japanese}");
    }
}
