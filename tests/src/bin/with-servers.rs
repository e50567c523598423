//! Starts the private servers, runs a command with them, and ends them with it.
#![expect(clippy::print_stderr, reason = "it talks to the person at the terminal")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context;
use clap::Parser;
use daimon_tests::place::Place;
use daimon_tests::postgres::{Postgres, PostgresAt};
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
    /// Writes `.sqlx/` anew: what the `query!` macros know of the schema when no Postgres is there.
    Sqlx {
        /// Writes nothing; fails when `.sqlx/` is stale.
        #[arg(long)]
        check: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match What::parse() {
        What::Run { command } => run(&command).await,
        What::Sqlx { check } => sqlx(check).await,
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
    drop(servers);
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

async fn sqlx(check: bool) -> anyhow::Result<ExitCode> {
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
    // A folder of its own, so that nothing else is built anew; cleaned of the store, so that the macros run again.
    let built = workspace.join("target/sqlx");
    let cargo = |arguments: &[&str]| -> anyhow::Result<()> {
        let status = Command::new("cargo")
            .args(arguments)
            .args(["--locked", "-p", "daimon-store", "--target-dir"])
            .arg(&built)
            .current_dir(&workspace)
            .env("DATABASE_URL", &url)
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", &fresh)
            .status()?;
        anyhow::ensure!(status.success(), "cargo {} failed", arguments.join(" "));
        Ok(())
    };
    cargo(&["clean", "-q"])?;
    cargo(&["check", "-q"])?;
    let target = workspace.join(".sqlx");
    if check {
        let (known, found) = (contents(&target)?, contents(&fresh)?);
        anyhow::ensure!(known == found, "{} is stale: `make sqlx` writes it anew", target.display());
    } else {
        if target.exists() {
            std::fs::remove_dir_all(&target)?;
        }
        std::fs::create_dir_all(&target)?;
        for (name, bytes) in contents(&fresh)? {
            std::fs::write(target.join(name), bytes)?;
        }
    }
    eprintln!("{} is fresh", target.display());
    Ok(ExitCode::SUCCESS)
}

/// The files of a folder.
fn contents(folder: &Path) -> anyhow::Result<BTreeMap<OsString, Vec<u8>>> {
    std::fs::read_dir(folder)?
        .map(|file| file.and_then(|file| Ok((file.file_name(), std::fs::read(file.path())?))))
        .map(|read| Ok(read?))
        .collect()
}
