//! The worker's command line.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use daimon_boot::settings;
use daimon_worker::mail_files::NoMail;
use daimon_worker::{classify, run, scan};

/// Reading mail makes and frees small pieces by the hundred, on any thread: a fifth of the time of a flood went to that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reads mailboxes, judges bounces and delivers webhooks.
#[derive(Debug, Parser)]
#[command(
    name = "daimon-worker",
    version,
    after_help = "`run` needs a database and is what production runs. `classify` and `scan` need nothing but mail on disk."
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read the mailboxes that are due, judge, and deliver webhooks, until SIGTERM. Settings are environment variables
    /// or arguments.
    Run(Box<settings::Worker>),
    /// Say of each mail on disk whether it is a bounce, of which recipient and why, and which rule decided.
    Classify(classify::ClassifyArgs),
    /// Say what happened to a mailbox, from its mail on disk: stolen, forged or ordinary, why, and what to do.
    Scan(scan::ScanArgs),
}

fn main() -> anyhow::Result<ExitCode> {
    let command = settings::parse_or_exit::<CommandLine>().command;
    // Without its rules the reader would go on and tell no reasons.
    if let Err(why) = daimon_bounce::check_rules(&daimon_bounce::shipped_rules()) {
        return Ok(answered(Err(why).context("the reader's rules")));
    }
    match command {
        Command::Run(settings) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let done = runtime.block_on(run::run(*settings, &mut std::io::stdout()));
            // A blocking thread that reads a huge message is not waited for.
            runtime.shutdown_background();
            done.map(|()| ExitCode::SUCCESS)
        }
        Command::Classify(args) => Ok(answered(classify::run(&args, &mut std::io::stdout().lock()))),
        Command::Scan(args) => Ok(answered(scan::run(args, &mut std::io::stdout().lock()))),
    }
}

/// Says in one line why there is no answer, and tells a place without mail from one that can't be read.
#[expect(clippy::print_stderr, reason = "the answer of the program, not a log line")]
fn answered(done: anyhow::Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|why| {
        eprintln!("{why:#}");
        if why.is::<NoMail>() { ExitCode::from(NoMail::EXIT_CODE) } else { ExitCode::FAILURE }
    })
}
