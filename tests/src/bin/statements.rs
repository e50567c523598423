//! Writes `.sqlx/` anew: what the `query!` macros know of the schema when no Postgres is there.
//!
//! A statement that is new can't be compiled before it is in `.sqlx/`, so this program is built without the crate that
//! holds the statements (`--no-default-features`).
#![expect(clippy::print_stderr, reason = "it talks to the person at the terminal")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use clap::Parser;
use daimon_tests::place::Place;
use daimon_tests::postgres::{Postgres, PostgresAt};
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};

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
    Ok(())
}

/// The files of a folder.
fn contents(folder: &Path) -> anyhow::Result<BTreeMap<OsString, Vec<u8>>> {
    std::fs::read_dir(folder)?
        .map(|file| file.and_then(|file| Ok((file.file_name(), std::fs::read(file.path())?))))
        .map(|read| Ok(read?))
        .collect()
}
