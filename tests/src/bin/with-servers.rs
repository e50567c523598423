//! Starts the private servers, runs a command with them, and ends them with it.
#![expect(clippy::print_stderr, reason = "it talks to the person at the terminal")]

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use daimon_tests::servers::{HANDED_DOWN, Servers};

#[derive(Debug, Parser)]
enum What {
    /// Runs a command with all servers; `DATABASE_URL` is a role that may create databases, `DAIMON_TEST_REDIS_URL`
    /// the Redis.
    Run {
        /// The command and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match What::parse() {
        What::Run { command } => run(&command).await,
    };
    match done {
        Ok(code) => code,
        Err(why) => {
            eprintln!("{why:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: &[String]) -> anyhow::Result<ExitCode> {
    let (program, arguments) = command.split_first().context("no command")?;
    let servers = Servers::start().await?;
    eprintln!("Postgres, Redis, Dovecot and Postfix run in {}", servers.at().folder.display());
    if servers.at().courier.is_some() {
        eprintln!("Courier runs too, and the product signs in there.");
        eprintln!(
            "Courier takes no access tokens: `oauth` starts Dovecots of its own and is left out by `make test-second`."
        );
    }
    if let Err(why) = servers.at().postfix() {
        eprintln!("{why:#}\nStories that need it will fail; all others run.");
    }
    daimon_tests::world::template(servers.at()).await?;
    servers.at().postgres.admin("postgres", "create database daimon_test owner daimon_test").await?;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env(HANDED_DOWN, servers.hand_down()?)
        .env("DATABASE_URL", servers.at().postgres.url("daimon_test", "daimon_test"))
        .env("DAIMON_TEST_REDIS_URL", &servers.at().redis)
        .env("SQLX_OFFLINE", "true")
        .spawn()
        .with_context(|| format!("{program} could not be started"))?;
    // Ctrl-C reaches the command as well; we only wait for it, so that the servers end after it.
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    if let Ok(skipped) = std::fs::read_to_string(servers.at().skipped()) {
        eprint!("{skipped}");
    }
    drop(servers);
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}
