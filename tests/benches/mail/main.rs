//! How fast mailboxes are read, on a real Dovecot over TLS and into a Postgres that keeps what it confirms.
//!
//! Prints a table and, as its last line, the figures as JSON.
#![expect(clippy::print_stdout, reason = "it talks to the person at the terminal")]

mod cpu;
mod drain;
mod others;

use clap::Parser;
use daimon_bench::{machine, revision, round};
use daimon_tests::place::Place;
use daimon_tests::servers::{Purpose, Servers};
use daimon_tests::stage::Stage;
use daimon_tests::world::Stores;
use serde_json::json;

const DATABASE: &str = "daimon";
/// The figures that are wanted.
const MOST_OF_MBSYNC: f64 = 0.35;
const MOST_OF_BARE_FETCH: f64 = 2.0;

#[derive(Debug, Parser)]
struct Asked {
    /// So many bounces lie in the mailbox.
    #[arg(long, default_value_t = 100_000)]
    mails: u32,
    /// What Cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Asked { mails, .. } = Asked::parse();
    let (machine, revision) = (machine(), revision());
    println!("Reading mailboxes on {machine}, revision {revision}; nothing is random, so there is no seed");
    let servers = Servers::start_for(Place::temporary()?, Purpose::Measuring).await?;
    let at = servers.at();
    at.postgres.admin("postgres", &format!("create database {DATABASE} owner daimon_owner")).await?;
    let stores = Stores {
        app: at.postgres.url("daimon_app", DATABASE),
        fleet: at.postgres.url("daimon_fleet", DATABASE),
        owner: at.postgres.url("daimon_owner", DATABASE),
        redis: at.redis.clone(),
    };
    let key = at.folder.join("first.key");
    let stage = Stage::set(&stores, &at.folder, &at.authority.ca, "Kestrel IT", &key, Vec::new()).await?;

    let drained = drain::measure(&stage, at, DATABASE, mails).await?;
    let (ours, mbsync, bare) = (drained.ours.as_secs_f64(), drained.mbsync.as_secs_f64(), drained.bare.as_secs_f64());
    println!(
        "\nA mailbox of {} bounces, {} MB, over one connection with TLS",
        drained.mails,
        drained.octets / 1_000_000
    );
    for (name, seconds) in [("bare FETCH", bare), ("mbsync", mbsync), ("daimon", ours)] {
        println!("{name:<16}{seconds:>10.1} s{:>12.0} mails/s", f64::from(drained.mails) / seconds);
    }
    println!("daimon next to mbsync {:.2}, next to the bare FETCH {:.2}", ours / mbsync, ours / bare);
    println!("processor time meanwhile, user and system:");
    for (name, cpu) in &drained.cpu {
        println!("    {name:<20}{:>8.2}{:>8.2} s", cpu.user, cpu.system);
    }
    let reached = ours <= MOST_OF_MBSYNC * mbsync && ours <= MOST_OF_BARE_FETCH * bare;
    let line = json!({
        "bench": "mail", "reached": reached, "machine": machine, "revision": revision, "seed": null,
        "drain": {
            "mails": drained.mails, "seconds": round(ours), "mbsync_seconds": round(mbsync), "bare_fetch_seconds": round(bare),
            "times_mbsync": round(ours / mbsync), "times_bare_fetch": round(ours / bare),
        },
    });
    println!("{line}");
    Ok(())
}
