//! Whether the API is as its document says: measures the document, lints it, and lets schemathesis ask a real service
//! with real data whatever the document allows and forbids.
//!
//! Runs with the servers of `with-servers`; what it needs of Python and JavaScript `tests/deps.sh verify` has fetched.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person at the terminal")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use daimon_tests::furnished::{Furnished, with_real_ids};
use daimon_tests::measure::measure;
use daimon_tests::world::World;
use serde_json::Value;
use tokio::process::Command;

#[derive(Debug, Parser)]
struct Asked {
    /// Requests that schemathesis makes up for each operation.
    #[arg(long, default_value_t = 20)]
    examples: u32,
    /// The same seed, the same requests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match check(Asked::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why:#}");
            ExitCode::FAILURE
        }
    }
}

async fn check(asked: Asked) -> anyhow::Result<()> {
    let world = World::start().await?;
    let catcher = world.catcher().await?;
    let document = world.client.get("/openapi.json").await?.body;
    measured(&document)?;
    lint().await?;

    let client = world.client.with_key(world.client.key())?;
    let mut furnished = Furnished::new(client, catcher.url(), world.clock.now().await).await?;
    furnished.drilled(&world).await?;
    let place = tempfile::tempdir()?;
    let path = place.path().join("openapi.json");
    std::fs::write(&path, with_real_ids(&document.to_string(), &furnished))?;
    schemathesis(&asked, &path, &furnished).await
}

fn at_root(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap_or(root).join(path)
}

fn measured(document: &Value) -> anyhow::Result<()> {
    println!("{:<40}{:>8}", "the document says of its operations", "%");
    let mut missing = Vec::new();
    for one in measure(document) {
        println!("  {:<38}{:>8}   {} of {}", one.what, one.percent(), one.good, one.all);
        missing.extend(one.missing.iter().map(|id| format!("{id}: {}", one.what)));
    }
    ensure!(missing.is_empty(), "the document does not say everything:\n{}", missing.join("\n"));
    Ok(())
}

async fn lint() -> anyhow::Result<()> {
    let mut spectral = Command::new(at_root(".daimon/verify/spectral/node_modules/.bin/spectral"));
    spectral.arg("lint").arg(at_root("openapi/openapi.json")).arg("--ruleset").arg(at_root("openapi/spectral.yaml"));
    let status = spectral.args(["--fail-severity", "hint"]).status().await.context("spectral could not be started")?;
    ensure!(status.success(), "the lint of the document is not clean");
    Ok(())
}

async fn schemathesis(asked: &Asked, document: &Path, furnished: &Furnished) -> anyhow::Result<()> {
    let token = furnished.client.sign_in().await?;
    let mut command = Command::new("python3");
    // What it remembers of a run goes with the run.
    command
        .current_dir(document.parent().context("no folder")?)
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(at_root("openapi/schemathesis.toml"))
        .arg("run")
        .arg(document)
        .args(["--url", &furnished.client.base])
        .args(["--max-examples", &asked.examples.to_string(), "--seed", &asked.seed.to_string()])
        .env("PYTHONPATH", at_root(".daimon/verify/schemathesis"))
        .env("SCHEMATHESIS_HOOKS", at_root("openapi/hooks.py"))
        .env("DAIMON_TOKEN", token)
        .env("DAIMON_API_KEY", furnished.client.key())
        .env("NO_PROXY", "*");
    let status = command.status().await.context("schemathesis could not be started")?;
    ensure!(status.success(), "schemathesis has findings");
    Ok(())
}
