//! `daimon-api verify-audit`: goes through the audit log of every MSP, and says where one was changed.
//!
//! Whoever can write past the database's walls can write a whole log anew, and its end too. That shows against an end that was kept
//! where they don't reach it: so the ends are printed, to be given back the next time.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use daimon_api::hex;
use daimon_boot::settings::Owner;
use daimon_domain::id::MspId;
use daimon_domain::scope::Wall;
use daimon_store::MspTx;
use daimon_store::audit::{self, Verified};

use crate::commands::say;

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyAudit {
    /// What this command printed earlier, kept where nobody gets at it who gets at the database. Each log has to hold what was its end then.
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    #[command(flatten)]
    owner: Owner,
}

/// Where a log ends.
struct End {
    entries: i64,
    hash: String,
}

impl fmt::Display for End {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "whole entries={} hash={}", self.entries, self.hash)
    }
}

/// What is wrong with a log.
enum Wrong {
    /// This entry does not follow from the one before it.
    Broken(i64),
    /// This entry was another one before.
    Rewritten(i64),
    /// There was such a log before.
    Gone,
}

/// Says of each log whether it holds.
pub(crate) async fn run(asked: &VerifyAudit) -> anyhow::Result<ExitCode> {
    let mut before = asked.before.as_deref().map(read).transpose()?.unwrap_or_default();
    let owner = daimon_store::Owner::connect(asked.owner.database_owner_url.expose()).await?;
    let mut is_sound = true;
    for msp in owner.msps().await? {
        let mut tx = owner.begin(&Wall::whole(msp)).await?;
        match look(&mut tx, before.remove(&msp)).await? {
            Ok(end) => say(&format!("{msp} {end}")),
            Err(wrong) => is_sound = tell(msp, &wrong),
        }
    }
    for msp in before.into_keys() {
        is_sound = tell(msp, &Wrong::Gone);
    }
    owner.close().await;
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The end of a log that holds.
async fn look(tx: &mut MspTx, before: Option<End>) -> anyhow::Result<Result<End, Wrong>> {
    let entries = match audit::verify(tx).await? {
        Verified::Whole { entries } => entries,
        Verified::Broken { sequence } => return Ok(Err(Wrong::Broken(sequence))),
    };
    if let Some(before) = before.filter(|before| before.entries > 0)
        && hash_at(tx, before.entries).await? != before.hash
    {
        return Ok(Err(Wrong::Rewritten(before.entries)));
    }
    Ok(Ok(End { entries, hash: hash_at(tx, entries).await? }))
}

/// Nothing but zeros where there is no such entry.
async fn hash_at(tx: &mut MspTx, sequence: i64) -> anyhow::Result<String> {
    Ok(hex(&audit::hash_at(tx, sequence).await?.unwrap_or_default()))
}

/// Says what is wrong; that it is.
fn tell(msp: MspId, wrong: &Wrong) -> bool {
    say(&match wrong {
        Wrong::Broken(sequence) => {
            format!("{msp} BROKEN: entry {sequence} was changed, or is missing, or something before it is")
        }
        Wrong::Rewritten(sequence) => {
            format!("{msp} REWRITTEN: entry {sequence} is another one than before, or is gone")
        }
        Wrong::Gone => format!("{msp} GONE: there was such a log before"),
    });
    false
}

/// The ends in what was printed earlier. What was wrong then had none.
fn read(path: &Path) -> anyhow::Result<BTreeMap<MspId, End>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
    let ends: BTreeMap<_, _> = text.lines().filter_map(end).collect();
    ensure!(!ends.is_empty(), "{} has no line that verify-audit prints of a whole log", path.display());
    Ok(ends)
}

fn end(line: &str) -> Option<(MspId, End)> {
    let (msp, rest) = line.trim().split_once(" whole entries=")?;
    let (entries, hash) = rest.split_once(" hash=")?;
    Some((msp.parse().ok()?, End { entries: entries.parse().ok()?, hash: hash.to_owned() }))
}
