//! A mailbox in memory, judged as the pool and `scan` judge it.

use std::{fs, path::Path, process::ExitCode};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::verdict::{Severity, Tier, Verdict};
use daimon_verdict::Assessment;
use daimon_worker::scan::{self, Context, Format, Lang, Moved, ScanArgs, Summary};
use serde_json::{Value, json};

use crate::mails::{self, filled};

pub(crate) const SATO: &str = "sato@sakura.example";

/// The day on which things happen, after a month of ordinary life.
pub(crate) const DAY: i64 = 30;

/// A time, counted from Friday, 2 May 2025, nine o'clock in Tokyo.
pub(crate) fn at(day: i64, minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_746_144_000, 0).unwrap() + TimeDelta::minutes(day * 1440 + minute)
}

/// Who keeps Sato's mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// A hoster's Postfix and Dovecot.
    Postfix,
    /// Exim on a server that many customers share.
    Cpanel,
    /// Exchange Online.
    Microsoft365,
}

impl Host {
    /// The lines with which the host takes a mail from outside.
    pub(crate) fn takes(self, sender: &str, host: &str, ip: &str, number: i64, when: DateTime<Utc>) -> String {
        let lines = match self {
            Self::Postfix => include_str!("mails/lines/into-postfix.txt"),
            Self::Cpanel => include_str!("mails/lines/into-cpanel.txt"),
            Self::Microsoft365 => include_str!("mails/lines/into-exchange-online.txt"),
        };
        let (queue, date) = (mails::queue(number), when.to_rfc2822());
        filled(lines, &[("sender", sender), ("host", host), ("ip", ip), ("queue", &queue), ("date", &date)])
    }
}

/// What lies in the mailbox, and what is known of it beside that.
#[derive(Clone)]
pub(crate) struct Mailbox {
    context: Value,
    received: Vec<(DateTime<Utc>, String)>,
    /// Of those, the ones that a rule put into the bin.
    binned: Vec<(DateTime<Utc>, String)>,
    sent: Vec<(DateTime<Utc>, String)>,
}

impl Mailbox {
    /// Sato's mailbox after a month in which she wrote to one patient a day, who answered. Of its host no more is told
    /// than an MSP would enter.
    pub(crate) fn lived_in(host: Host) -> Self {
        let provider = if host == Host::Microsoft365 { "m365" } else { "imap_host" };
        let context = json!({ "address": SATO, "provider": provider });
        let mut mailbox = Self { context, received: Vec::new(), binned: Vec::new(), sent: Vec::new() };
        for day in 1..28 {
            let (id, number) = (mails::own_id(day), day.to_string());
            let (domain, when) = (format!("patient{day}.example"), at(day, 0));
            let to = format!("aya@{domain}");
            let letter = [("id", &id), ("date", &when.to_rfc2822()), ("to", &to), ("day", &number)];
            let letter = letter.map(|(name, value)| (name, value.as_str()));
            mailbox.keeps(when, filled(include_str!("mails/life/sent.eml"), &letter));
            let when = at(day, 90);
            let arrival = host.takes(&to, &format!("mail.{domain}"), "192.0.2.17", 9000 + day, when);
            let date = when.to_rfc2822();
            let answer = [
                ("arrival", arrival.as_str()),
                ("id", &id),
                ("from", &to),
                ("date", &date),
                ("domain", &domain),
                ("day", &number),
            ];
            mailbox.gets(when, filled(include_str!("mails/life/answer.eml"), &answer));
        }
        mailbox
    }

    /// Tells more of it, as a context file of `scan` does.
    pub(crate) fn knowing(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.context[name] = value.into();
        self
    }

    /// A mail arrives.
    pub(crate) fn gets(&mut self, when: DateTime<Utc>, mail: String) {
        self.received.push((when, whole(mail)));
    }

    /// A mail arrives, and a rule puts it into the bin, as if it had been read.
    pub(crate) fn bins(&mut self, when: DateTime<Utc>, mail: String) {
        self.binned.push((when, whole(mail)));
    }

    /// A copy of a mail is filed in Sent.
    pub(crate) fn keeps(&mut self, when: DateTime<Utc>, mail: String) {
        self.sent.push((when, whole(mail)));
    }

    /// What is said of it. Line ends and the way to the mail make no difference: in memory, and on disk by `scan`.
    pub(crate) fn judged(&self) -> Judged {
        let lf = self.replayed("\n");
        let crlf = self.replayed("\r\n");
        assert_eq!(format!("{lf:?}"), format!("{crlf:?}"), "LF and CRLF");
        let (moves, summary, assessment) = lf;
        let judged = Judged { moves, summary, assessment };
        let lines = self.scanned(Format::Ndjson, Lang::En);
        let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        let said = (&last["verdict"], &last["bounces"]);
        assert_eq!(said, (&json!(judged.summary.verdict), &json!(judged.summary.bounces)), "{lines}");
        // On disk a mail also lies somewhere, which may tell more.
        assert!(!self.binned.is_empty() || last["tier"] == json!(judged.summary.tier), "{lines}");
        judged
    }

    fn replayed(&self, line_end: &str) -> (Vec<Moved>, Summary, Assessment) {
        let context: Context = serde_json::from_value(self.context.clone()).unwrap();
        let bytes = |mails: &[(DateTime<Utc>, String)]| -> Vec<(DateTime<Utc>, Vec<u8>)> {
            mails.iter().map(|(when, mail)| (*when, mail.replace('\n', line_end).into_bytes())).collect()
        };
        let (received, sent) = (bytes(&[self.received.as_slice(), &self.binned].concat()), bytes(&self.sent));
        scan::replay(
            context,
            received.iter().map(|(when, mail)| (*when, mail.as_slice())),
            Some(sent.iter().map(|(when, mail)| (*when, mail.as_slice()))),
        )
    }

    /// What `daimon-worker scan` prints of the same mailbox as a Maildir.
    pub(crate) fn scanned(&self, format: Format, lang: Lang) -> String {
        let folder = tempfile::tempdir().unwrap();
        let inbox = folder.path().join("Maildir");
        maildir(&inbox, "new", "", &self.received);
        maildir(&inbox.join(".Trash"), "cur", ":2,S", &self.binned);
        let sent = folder.path().join("Sent");
        maildir(&sent, "cur", ":2,S", &self.sent);
        let context = folder.path().join("context.json");
        fs::write(&context, self.context.to_string()).unwrap();
        let args = ScanArgs {
            paths: vec![inbox],
            inbox: Vec::new(),
            sent: vec![sent],
            address: None,
            context: Some(context),
            format,
            lang,
        };
        let mut out = Vec::new();
        let code = scan::run(args, &mut out).unwrap();
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS));
        String::from_utf8(out).unwrap()
    }
}

/// A mail of which nothing was left open.
fn whole(mail: String) -> String {
    assert!(!mail.contains("{{"), "a place was not filled in:\n{mail}");
    mail
}

fn maildir(folder: &Path, place: &str, flags: &str, mails: &[(DateTime<Utc>, String)]) {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    for (number, (when, mail)) in mails.iter().enumerate() {
        let name = format!("{}.M{number:06}P1.imap.hoshi-hosting.example{flags}", when.timestamp());
        fs::write(folder.join(place).join(name), mail).unwrap();
    }
}

/// What was said, and why.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) moves: Vec<Moved>,
    pub(crate) summary: Summary,
    /// At the height of it.
    pub(crate) assessment: Assessment,
}

impl Judged {
    /// The verdict and its tier.
    pub(crate) fn is(&self) -> (Verdict, Tier) {
        (self.summary.verdict, self.summary.tier)
    }

    /// Whether a takeover is suspected or worse, so that somebody is called.
    pub(crate) fn accuses(&self) -> bool {
        self.summary.verdict == Verdict::AccountTakeover && self.summary.tier >= Tier::Suspected
    }

    /// Whether somebody is called at all.
    pub(crate) fn alarms(&self) -> bool {
        self.summary.alert_at.is_some()
    }

    /// Whether an incident was opened, and how urgent it is.
    pub(crate) fn opens(&self) -> Option<Severity> {
        self.assessment.wants_incident.then_some(self.assessment.severity)
    }

    /// Whether that was ever said.
    pub(crate) fn ever_said(&self, verdict: Verdict) -> bool {
        self.moves.iter().any(|moved| moved.verdict == verdict)
    }

    /// How much it speaks for the verdict, in decibans; 0 also where it was not seen.
    pub(crate) fn weight(&self, item: &str, value: &str) -> f64 {
        let of = |line: &&daimon_domain::verdict::EvidenceLine| line.item == item && line.value == value;
        self.assessment.evidence.iter().find(of).map_or(0.0, |line| line.db)
    }

    /// Whether it was seen at all, whatever it weighs.
    pub(crate) fn saw(&self, item: &str, value: &str) -> bool {
        self.assessment.evidence.iter().any(|line| line.item == item && line.value == value)
    }

    /// The verdict of each letter and how many of its bounces there are, most first.
    pub(crate) fn letters(&self) -> Vec<(Verdict, u32)> {
        let mut all: Vec<_> = self.assessment.clusters.iter().map(|one| (one.verdict, one.bounces)).collect();
        all.sort_by_key(|(_, bounces)| std::cmp::Reverse(*bounces));
        all
    }
}
