//! The worker's command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use daimon_boot::settings;
use daimon_worker::{classify, run, scan};

/// Reads mailboxes, judges bounces and delivers webhooks.
#[derive(Debug, Parser)]
#[command(version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the pool until SIGTERM.
    Run(Box<settings::Worker>),
    /// Say what mails on disk are.
    Classify(classify::ClassifyArgs),
    /// Replay folders of mail and say what happened to the mailbox.
    Scan(scan::ScanArgs),
}

fn main() -> anyhow::Result<ExitCode> {
    match settings::parse_or_exit::<CommandLine>().command {
        Command::Run(settings) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let done = runtime.block_on(run::run(*settings, &mut std::io::stdout()));
            // A blocking thread that reads a huge message is not waited for.
            runtime.shutdown_background();
            done.map(|()| ExitCode::SUCCESS)
        }
        Command::Classify(args) => classify::run(args, &mut std::io::stdout().lock()),
        Command::Scan(args) => scan::run(args, &mut std::io::stdout().lock()),
    }
}
