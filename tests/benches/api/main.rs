//! How fast the API answers, next to the least that answers the same out of the same tables.
//!
//! Prints a table and, as its last line, the figures as JSON.
#![expect(clippy::print_stdout, reason = "it talks to the person at the terminal")]

mod bare;
mod compare;
#[path = "../mail/cpu.rs"]
#[expect(dead_code, reason = "it is shown by request here, and not as a whole")]
mod cpu;
mod foreign;
mod load;
mod operation;
mod said;
mod stock;
mod walk;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use daimon_bench::{machine, revision};
use daimon_tests::rig::Rig;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use compare::Compared;
use operation::Operation;

/// What is wanted of pages is wanted of so many bounces.
const WHOLE: u64 = 5_000_000;

#[derive(Debug, Parser)]
struct Asked {
    /// So many bounces are stored.
    #[arg(long, default_value_t = WHOLE)]
    rows: u64,
    /// What they are follows from this.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So often each operation is measured, on either side.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// For so many seconds each time.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Of the operations measure this one only, for a quick look.
    #[arg(long, value_parser = Operation::NAMES)]
    only: Option<String>,
    /// Be the bare server, on this database.
    #[arg(long, hide = true, requires = "msp", requires = "key")]
    bare: Option<String>,
    /// Whose data it shows.
    #[arg(long, hide = true)]
    msp: Option<Uuid>,
    /// Which API key it looks up.
    #[arg(long, hide = true)]
    key: Option<Uuid>,
    /// What Cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let asked = Asked::parse();
    match (&asked.bare, asked.msp, asked.key) {
        (Some(url), Some(msp), Some(key)) => bare::serve(url, msp, key).await,
        _measured => measure(&asked).await,
    }
}

async fn measure(asked: &Asked) -> anyhow::Result<()> {
    let (machine, revision, seed) = (machine(), revision(), asked.seed);
    println!("The API on {machine}, revision {revision}, seed {seed}");
    println!("Whoever asks, the API, the bare server, Postgres and Redis share these cores.");
    let rig = Rig::start(&[], None).await?;
    let began = Instant::now();
    let stock = stock::fill(&rig, asked.rows, seed).await?;
    println!(
        "{} bounces of {} companies in {} mailboxes, and {} of another provider, stored in {:.0} s",
        stock.bounces,
        stock.tenants,
        stock.mailboxes.len(),
        asked.rows - stock.bounces,
        began.elapsed().as_secs_f64()
    );
    let bare = bare::start(&rig, &stock)?;
    let sides = [bare.base.clone(), rig.client.base.clone()];
    let operations: Vec<Arc<Operation>> = Operation::all(&stock).into_iter().map(Arc::new).collect();
    for operation in &operations {
        said::expect_the_same(&rig, &sides, operation).await?;
    }
    let mut line = json!({
        "bench": "api", "machine": machine, "revision": revision, "seed": seed, "rows": asked.rows,
        "connections": load::CONNECTIONS,
    });
    let span = Duration::from_secs(u64::from(asked.seconds));
    let mut measured = Vec::new();
    for operation in operations.iter().filter(|one| asked.only.as_ref().is_none_or(|only| one.name == only)) {
        measured.push(compare::measure(&rig, &sides, operation, asked.rounds, span).await?);
    }
    compare::print(&measured);
    // Who has not measured all can't say that all was reached.
    let mut reached = asked.only.is_none() && measured.iter().all(Compared::is_reached);
    drop(bare);

    let (pages_reached, pages) = walk::measure(&rig, asked.rows >= WHOLE).await?;
    reached &= pages_reached;
    let (walls_hold, foreign) = foreign::measure(&rig, &stock).await?;
    reached &= walls_hold;
    let figures: Map<String, Value> =
        measured.iter().map(|compared| (compared.name.to_owned(), compared.figures())).collect();
    if let Some(line) = line.as_object_mut() {
        line.insert("operations".to_owned(), Value::Object(figures));
        line.insert("pages".to_owned(), pages);
        line.insert("foreign".to_owned(), foreign);
        line.insert("reached".to_owned(), Value::Bool(reached));
    }
    println!("\n{line}");
    Ok(())
}
