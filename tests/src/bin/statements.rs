//! Writes `.sqlx/` anew: what the `query!` macros know of the schema when no Postgres is there.
//!
//! A statement that is new can't be compiled before it is in `.sqlx/`, so this program is built without the crate that
//! holds the statements (`--no-default-features`). Whether it is fresh needs no compiler: Postgres is asked what it makes of each.
#![expect(clippy::print_stderr, reason = "it talks to the person at the terminal")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use clap::Parser;
use daimon_tests::place::Place;
use daimon_tests::postgres::{Postgres, PostgresAt};
use serde_json::Value;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor as _, PgConnection, SqlSafeStr as _};

#[derive(Debug, Parser)]
struct What {
    /// Writes nothing; fails when `.sqlx/` is stale.
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match write(What::parse().check).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why:#}");
            ExitCode::FAILURE
        }
    }
}

async fn write(check: bool) -> anyhow::Result<()> {
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
    let mut owner = PgConnection::connect(&url).await?;
    Migrator::new(workspace.join("migrations")).await?.run(&mut owner).await?;
    let target = workspace.join(".sqlx");
    if check {
        are_fresh(&mut owner, &target, &workspace.join("shared/store/src")).await?;
        eprintln!("{} is fresh", target.display());
        return Ok(owner.close().await?);
    }
    owner.close().await?;

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
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    std::fs::create_dir_all(&target)?;
    for (name, bytes) in contents(&fresh)? {
        std::fs::write(target.join(name), bytes)?;
    }
    eprintln!("{} is fresh", target.display());
    Ok(())
}

/// What is in `.sqlx/`, as far as it matters here.
#[derive(serde::Deserialize)]
struct Known {
    query: String,
    describe: Value,
}

/// Each statement is one of ours and is what Postgres makes of it. That none is missing is known already: ours were compiled.
async fn are_fresh(owner: &mut PgConnection, target: &Path, sources: &Path) -> anyhow::Result<()> {
    let sources = texts(sources)?;
    let mut stale = Vec::new();
    for (name, bytes) in contents(target)? {
        let known: Known = serde_json::from_slice(&bytes)?;
        let is_ours = sources.iter().any(|source| source.contains(&known.query));
        let found = (&mut *owner).describe(AssertSqlSafe(known.query.clone()).into_sql_str()).await;
        let is_so = found.is_ok_and(|found| serde_json::to_value(found).is_ok_and(|found| found == known.describe));
        if !is_ours || !is_so {
            stale.push(format!("{}: {}", name.display(), known.query));
        }
    }
    anyhow::ensure!(
        stale.is_empty(),
        "{} is stale, `make sqlx` writes it anew:\n{}",
        target.display(),
        stale.join("\n")
    );
    Ok(())
}

/// Every source file in a folder and below.
fn texts(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        if path.is_dir() {
            texts.extend(self::texts(&path)?);
        } else if path.extension().is_some_and(|end| end == "rs") {
            texts.push(std::fs::read_to_string(&path)?);
        }
    }
    Ok(texts)
}

/// The files of a folder.
fn contents(folder: &Path) -> anyhow::Result<BTreeMap<OsString, Vec<u8>>> {
    std::fs::read_dir(folder)?
        .map(|file| file.and_then(|file| Ok((file.file_name(), std::fs::read(file.path())?))))
        .map(|read| Ok(read?))
        .collect()
}
