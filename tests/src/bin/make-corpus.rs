//! Lets real mail servers write the mails of `shared/bounce/corpus` anew. Wants root: see the corpus's README.
#![expect(clippy::print_stderr, reason = "it talks to the person at the terminal")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};
use clap::Parser;
use daimon_tests::corpus::{run, script::Script};

#[derive(Debug, Parser)]
struct What {
    /// Only these mail servers, such as `postfix`.
    only: Vec<String>,
    /// Where the mails go, a folder for each mail server.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where the mail servers' own files are kept from run to run.
    #[arg(long)]
    roots: Option<PathBuf>,
    /// Inside a mail server's own root and network.
    #[arg(long, hide = true)]
    inside: bool,
}

fn main() -> ExitCode {
    match make(&What::parse()) {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            eprintln!("{}", faults.join("\n"));
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("{why:#}");
            ExitCode::FAILURE
        }
    }
}

fn make(what: &What) -> anyhow::Result<Vec<String>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize()?;
    let folder = here.join("corpus");
    let out = what.out.clone().unwrap_or_else(|| here.join("../shared/bounce/corpus"));
    let out = std::path::absolute(out)?;
    if what.inside {
        return run::run(&folder, what.only.first().context("which mail server?")?, &out);
    }
    let roots = std::path::absolute(what.roots.clone().unwrap_or_else(|| here.join("../.daimon/roots")))?;
    let script = Script::read(&folder)?;
    let mut faults = Vec::new();
    for mta in &script.mta {
        if !what.only.is_empty() && !what.only.contains(&mta.name) {
            continue;
        }
        let base = roots.join(&mta.name);
        if !base.join("installed").exists() {
            let status = Command::new("unshare")
                .args(["--mount", "--pid", "--fork", "--kill-child", "sh"])
                .arg(folder.join("root.sh"))
                .arg("install")
                .arg(&base)
                .args(&mta.packages)
                .status()?;
            ensure!(status.success(), "{} could not be installed", mta.name);
        }
        let into = out.join(&mta.name);
        eprintln!("{} writes into {}", mta.name, into.display());
        let status = Command::new("unshare")
            .args(["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "sh"])
            .arg(folder.join("root.sh"))
            .arg("enter")
            .arg(&base)
            .arg(&mta.host)
            .arg(&into)
            .arg(std::env::current_exe()?)
            .args(["--inside", &mta.name, "--out"])
            .arg(&into)
            .status()?;
        if !status.success() {
            faults.push(format!("{} did not write all of its mails", mta.name));
        }
    }
    Ok(faults)
}
