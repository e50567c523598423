//! How fast mailboxes are read, on a real Dovecot over TLS and into a Postgres that keeps what it confirms.
//!
//! Prints a table and, as its last line, the figures as JSON.
#![expect(clippy::print_stdout, reason = "it talks to the person at the terminal")]

mod cpu;
mod crowd;
mod drain;
mod idle;
mod latency;
mod others;
mod polls;

use clap::{Parser, ValueEnum};
use daimon_bench::{machine, revision, round};
use daimon_tests::place::Place;
use daimon_tests::servers::{Purpose, Servers, ServersAt};
use drain::Flooded;
use serde_json::{Value, json};

/// The figures that are wanted.
const MOST_OF_MBSYNC: f64 = 0.35;
const MOST_OF_BARE_FETCH: f64 = 2.0;

#[derive(Debug, Parser)]
struct Asked {
    /// So many bounces lie in the mailbox.
    #[arg(long, default_value_t = 100_000)]
    mails: u32,
    /// What is measured.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Part::Drain, Part::Idle, Part::Latency, Part::Polls])]
    parts: Vec<Part>,
    /// So many mailboxes have servers that tell of new mail.
    #[arg(long, default_value_t = 5_000)]
    sessions: u32,
    /// So many of them are on Dovecot.
    #[arg(long, default_value_t = 1_000)]
    real: u32,
    /// So many mailboxes get bounces whose way is timed.
    #[arg(long, default_value_t = 60)]
    told: u32,
    /// So many bounces each.
    #[arg(long, default_value_t = 8)]
    rounds: u32,
    /// So many mailboxes are read every minute.
    #[arg(long, default_value_t = 1_000)]
    polled: u32,
    /// For so many minutes.
    #[arg(long, default_value_t = 4)]
    minutes: u32,
    /// What Cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// How fast a flood is read.
    Drain,
    /// What a mailbox costs whose server tells of new mail.
    Idle,
    /// How soon a bounce is judged that a server tells of.
    Latency,
    /// How late mailboxes are read in turn.
    Polls,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let asked = Asked::parse();
    let (machine, revision) = (machine(), revision());
    println!("Reading mailboxes on {machine}, revision {revision}; nothing is random, so there is no seed");
    let servers = Servers::start_for(Place::temporary()?, Purpose::Measuring).await?;
    let at = servers.at();
    let mut reached = true;
    let mut line = json!({ "bench": "mail", "machine": machine, "revision": revision, "seed": null });
    for part in [Part::Drain, Part::Idle, Part::Latency, Part::Polls] {
        if !asked.parts.contains(&part) {
            continue;
        }
        let (is_reached, figures) = match part {
            Part::Drain => drained(at, asked.mails).await?,
            Part::Idle => idle::measure(at, asked.sessions, asked.real).await?,
            Part::Latency => latency::measure(at, asked.told, asked.rounds).await?,
            Part::Polls => polls::measure(at, asked.polled, asked.minutes).await?,
        };
        reached &= is_reached;
        let name = part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        if let Some(line) = line.as_object_mut() {
            line.insert(name, figures);
        }
    }
    if let Some(line) = line.as_object_mut() {
        line.insert("reached".to_owned(), json!(reached));
    }
    println!("\n{line}");
    Ok(())
}

/// A flood is read, and what that is like: every mail of it, and in samples once it is settled what it is.
async fn drained(at: &ServersAt, mails: u32) -> anyhow::Result<(bool, Value)> {
    let flooded = Flooded::fill(at, mails).await?;
    let (bare, octets) = flooded.bare_fetch(at).await?;
    let mut runs = Vec::new();
    for (database, up_to) in [("drain", "0"), ("sampled", "10000")] {
        let settings = vec![("DAIMON_READ_ALL_UP_TO".to_owned(), up_to.to_owned())];
        let stage = crowd::stage(at, database, settings).await?;
        runs.push(flooded.read(&stage, at, database).await?);
    }
    let mbsync = flooded.mbsync(at).await?;
    let [all, sampled] = runs.as_slice() else { anyhow::bail!("two runs are compared") };
    println!("\nA mailbox of {mails} bounces, {} MB, over one connection with TLS", octets / 1_000_000);
    let lines = [("bare FETCH", bare), ("mbsync", mbsync), ("daimon", all.took), ("daimon, sampling", sampled.took)];
    for (name, took) in lines {
        println!("{name:<16}{:>10.1} s{:>12.0} mails/s", took.as_secs_f64(), f64::from(mails) / took.as_secs_f64());
    }
    println!("sampling, {} were read and {} counted", sampled.read, sampled.counted);
    let (ours, mbsync, bare) = (all.took.as_secs_f64(), mbsync.as_secs_f64(), bare.as_secs_f64());
    println!("daimon, every mail: next to mbsync {:.2}, next to the bare FETCH {:.2}", ours / mbsync, ours / bare);
    cpu::print(&all.cpu);
    let reached = ours <= MOST_OF_MBSYNC * mbsync && ours <= MOST_OF_BARE_FETCH * bare;
    let figures = json!({
        "mails": mails, "seconds": round(ours), "mbsync_seconds": round(mbsync), "bare_fetch_seconds": round(bare),
        "times_mbsync": round(ours / mbsync), "times_bare_fetch": round(ours / bare), "reached": reached,
        "sampled": { "seconds": round(sampled.took.as_secs_f64()), "read": sampled.read, "counted": sampled.counted },
    });
    Ok((reached, figures))
}
