//! Starts the private servers, runs a command with them, and ends them with it.
#![expect(clippy::print_stderr, reason = "it talks to the person at the terminal")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use clap::Parser;
use daimon_tests::place::Place;
use daimon_tests::postgres::{Postgres, PostgresAt};
use daimon_tests::servers::{HANDED_DOWN, Servers};

#[derive(Debug, Parser)]
enum What {
    /// Runs a command with all servers; `DATABASE_URL` is a role that may create databases.
    Run {
        /// The command and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Writes `.sqlx/` anew: what the `query!` macros know of the schema when no Postgres is there.
    Sqlx {
        /// Where to, instead of `.sqlx/`.
        #[arg(long)]
        into: Option<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match What::parse() {
        What::Run { command } => run(&command).await,
        What::Sqlx { into } => sqlx(into).await,
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
    daimon_tests::world::template(servers.at()).await?;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env(HANDED_DOWN, servers.hand_down()?)
        .env("DATABASE_URL", servers.at().postgres.url("daimon_test", "postgres"))
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
    drop(servers);
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

async fn sqlx(into: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let place = Place::temporary()?;
    let (place, postgres) = tokio::task::spawn_blocking(move || {
        let postgres = Postgres::start(&place, false)?;
        anyhow::Ok((place, postgres))
    })
    .await??;
    let at = PostgresAt { socket: postgres.socket().to_owned() };
    at.roles().await?;
    at.admin("postgres", "create database daimon_sqlx owner daimon_owner").await?;
    let url = at.url("daimon_owner", "daimon_sqlx");
    daimon_tests::world::migrate(&url).await?;

    let fresh = place.folder("sqlx")?;
    // A folder of its own, so that the macros run again whatever is built already, and nothing else is built anew.
    let status = Command::new("cargo")
        .args(["check", "--locked", "-p", "daimon-store", "--all-targets", "--target-dir"])
        .arg(workspace.join("target/sqlx"))
        .current_dir(&workspace)
        .env("DATABASE_URL", &url)
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &fresh)
        .env("DAIMON_SQLX_RUN", place.path())
        .status()?;
    if !status.success() {
        bail!("cargo check failed");
    }
    let target = into.unwrap_or_else(|| workspace.join(".sqlx"));
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    std::fs::create_dir_all(&target)?;
    for file in std::fs::read_dir(&fresh)? {
        let file = file?;
        std::fs::copy(file.path(), target.join(file.file_name()))?;
    }
    eprintln!("{} is fresh", target.display());
    Ok(ExitCode::SUCCESS)
}
