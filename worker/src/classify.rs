//! `daimon-worker classify`: what mails on disk say, one answer a message.
//!
//! The same reader that the pool uses, without a mailbox, a database or a clock: to try a report that a customer sent
//! in, and to measure the reader against a folder of known mails.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use daimon_domain::bounce::Report;
use serde::Serialize;

use crate::mail_files::{self, MailFile, NoMail, Unreadable};

/// The command line of `classify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 something was read, 1 nothing could be read, 2 the command line is wrong, 3 there is no \
                  mail in the paths. A path that can't be read is an answer of its own."
)]
pub struct ClassifyArgs {
    /// How to write the answers.
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    pub format: Format,
    /// `.eml` files, folders of them, mbox files, Maildirs; `-` is one mail on standard input.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    Ndjson,
    /// Columns for people: one line a recipient.
    Table,
}

#[derive(Serialize)]
struct Answer<'a> {
    path: &'a str,
    #[serde(flatten)]
    report: &'a Report,
}

#[derive(Serialize)]
struct Failure<'a> {
    path: &'a str,
    error: String,
}

/// Reads every message and writes its answer; fails only when nothing was read, or nobody reads the answers.
pub fn run(args: &ClassifyArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let (mut read, mut failed) = (0_usize, 0_usize);
    for item in mail_files::walk(&args.paths) {
        match &item {
            Ok(_) => read += 1,
            Err(_) => failed += 1,
        }
        match write_one(item, args.format, out) {
            // `classify … | head` is not a failure.
            Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            written => written.context("cannot write the answer")?,
        }
    }
    out.flush().context("cannot write the answer")?;
    match (read, failed) {
        (0, 0) => Err(NoMail::within(&args.paths).into()),
        (0, _) => Ok(ExitCode::FAILURE),
        (_, _) => Ok(ExitCode::SUCCESS),
    }
}

fn write_one(item: Result<MailFile, Unreadable>, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match (item, format) {
        (Ok(mail), Format::Ndjson) => {
            let report = daimon_bounce::read(&mail.bytes);
            write_json(&Answer { path: &mail.path, report: &report }, out)
        }
        (Ok(mail), Format::Table) => write_rows(&mail.path, &daimon_bounce::read(&mail.bytes), out),
        (Err(unreadable), Format::Ndjson) => {
            let error = format!("{unreadable}: {}", unreadable.source);
            write_json(&Failure { path: &unreadable.path, error }, out)
        }
        (Err(unreadable), Format::Table) => writeln!(out, "{}\terror\t{}", unreadable.path, unreadable.source),
    }
}

fn write_json(answer: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, answer)?;
    out.write_all(b"\n")
}

fn write_rows(path: &str, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.recipients.is_empty() {
        return writeln!(out, "{path}\t{:<10}", report.kind);
    }
    for recipient in &report.recipients {
        let status = recipient.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        writeln!(
            out,
            "{path}\t{:<10}\t{:<18}\t{status:<8}\t{}\t{}",
            report.kind, recipient.reason, recipient.address, recipient.rule
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(paths: Vec<PathBuf>, format: Format) -> (bool, String) {
        let mut out = Vec::new();
        let code = run(&ClassifyArgs { format, paths }, &mut out).unwrap();
        (code == ExitCode::SUCCESS, String::from_utf8(out).unwrap())
    }

    #[test]
    fn an_unreadable_input_is_an_answer_and_the_rest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mail = folder.path().join("a.eml");
        std::fs::write(&mail, "From: a@example.org\nSubject: hello\n\nhello\n").unwrap();
        let (succeeded, out) = classify(vec![folder.path().join("absent"), mail], Format::Ndjson);
        let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(succeeded);
        assert!(lines[0]["error"].as_str().unwrap().contains("absent"));
        assert_eq!(lines[1]["kind"], "not_bounce");
    }

    #[test]
    fn an_empty_folder_is_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        let args = ClassifyArgs { format: Format::Table, paths: vec![folder.path().to_owned()] };
        let failure = run(&args, &mut Vec::new()).unwrap_err();
        assert_eq!(failure.downcast_ref(), Some(&NoMail::within(&[folder.path().to_owned()])));
    }

    #[test]
    fn it_fails_when_no_input_could_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let (succeeded, out) = classify(vec![folder.path().join("absent")], Format::Table);
        assert!(!succeeded);
        assert!(out.contains("error"));
    }
}
