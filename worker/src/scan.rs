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
use serde::Serialize;

use self::context::{Context, Folders};

/// The command line of `scan`.
#[derive(Debug, clap::Args)]
pub struct ScanArgs {
    /// What is known of the mailbox: `{"address", "own_domains", "own_hosts", "own_networks", "provider", …}`.
    #[arg(long, conflicts_with = "address")]
    pub context: Option<PathBuf>,
    /// The mailbox's address; without it, the one that most mail is for.
    #[arg(long)]
    pub address: Option<String>,
    /// Received mail: mails, folders of them, mbox files, Maildirs.
    #[arg(long, required = true, num_args = 1..)]
    pub inbox: Vec<PathBuf>,
    /// Sent mail, the same.
    #[arg(long, num_args = 1..)]
    pub sent: Vec<PathBuf>,
    /// How to write the answer.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The language of the text.
    #[arg(long, value_enum, default_value_t = Lang::En)]
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
}

impl<'a> From<&'a EvidenceLine> for Evidence<'a> {
    fn from(line: &'a EvidenceLine) -> Self {
        Self { item: &line.item, value: &line.value, db: line.db }
    }
}

/// The verdict or the tier changed.
#[derive(Clone, Debug, Serialize)]
struct Moved {
    at: DateTime<Utc>,
    verdict: Verdict,
    tier: Tier,
    score_db: f64,
    bounces_seen: u32,
}

/// The answer: the gravest verdict that stood at any time.
#[derive(Clone, Debug, Serialize)]
struct Summary {
    verdict: Verdict,
    tier: Tier,
    bounces: u32,
    unexpected_recipients: usize,
    trailing: u32,
    continued: u32,
    first_bounce_at: Option<DateTime<Utc>>,
    /// When an incident of severity high or critical would have opened.
    alert_at: Option<DateTime<Utc>>,
}

/// Replays the folders and writes the answer.
pub fn run(args: ScanArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let context = args.context.as_ref().map(|path| -> anyhow::Result<Context> {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no context", path.display()))
    });
    let folders = Folders::read(args.inbox, args.sent);
    if folders.read == 0 && !folders.unreadable.is_empty() {
        for fault in &folders.unreadable {
            tracing::error!("{fault}");
        }
        return Ok(ExitCode::FAILURE);
    }
    let (context, learned) = context::complete(context.transpose()?, args.address.as_deref(), &folders);
    let replayed = replay::replay(&folders, &context);
    match args.format {
        Format::Ndjson => write_lines(&replayed, out)?,
        Format::Text => text::write(&replayed, &learned, &folders.unreadable, args.lang.into(), out)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
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
