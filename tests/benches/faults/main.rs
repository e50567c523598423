//! What remains true when everything that can break does: each part breaks something for real and prints what became of it.
//!
//! The seed decides what is broken when; how long anything takes is the machine's. The last line is JSON.
#![expect(clippy::print_stdout, reason = "it talks to the person at the terminal")]

#[path = "../mail/cpu.rs"]
mod cpu;
mod deaths;
mod fairness;
mod hints;
mod kills;
mod leases;
#[path = "../webhooks/load.rs"]
mod load;
mod model;
mod order;
mod restarts;
mod row;
mod traffic;

use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use daimon_bench::{machine, revision, round};
use load::Wire;
use row::Row;
use serde_json::{Value, json};

#[derive(Debug, Parser)]
struct Asked {
    /// What is broken when follows from it.
    #[arg(long, default_value_t = 20_261_130)]
    seed: u64,
    /// What is tried.
    #[arg(long, value_enum, value_delimiter = ',', ignore_case = true, default_values_t = Part::value_variants().to_vec())]
    parts: Vec<Part>,
    /// So many changes are accepted while parts are killed.
    #[arg(long, default_value_t = 10_000)]
    changes: u32,
    /// So often something is killed.
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// Redis is away for so many minutes.
    #[arg(long, default_value_t = 10.0)]
    away: f64,
    /// What Cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Part {
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R10,
    R11,
    R12,
    R18,
}

impl Part {
    fn name(self) -> String {
        format!("{self:?}")
    }

    /// Whether it has no time to measure that others, going on beside it, would spoil.
    fn can_be_beside(self) -> bool {
        !matches!(self, Self::R1 | Self::R11 | Self::R18)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let asked = Asked::parse();
    let (machine, revision, began) = (machine(), revision(), Instant::now());
    println!("Faults on {machine}, revision {revision}, seed {}", asked.seed);
    let (beside, alone): (Vec<Part>, Vec<Part>) = asked.parts.iter().partition(|part| part.can_be_beside());
    let is_long = beside.contains(&Part::R4);
    let others: Vec<Part> = beside.into_iter().filter(|part| *part != Part::R4).collect();
    // The minutes without Redis pass while other parts, each on servers of its own, go on.
    let (long, mut rows) = tokio::join!(
        async { if is_long { vec![tried(Part::R4, &asked).await] } else { Vec::new() } },
        one_after_the_other(&others, &asked)
    );
    rows.extend(long);
    rows.extend(one_after_the_other(&alone, &asked).await);
    rows.sort_by_key(|(part, _)| *part as u8);

    println!(
        "\nFaults on {machine}, revision {revision}, seed {}, in {:.0} s",
        asked.seed,
        began.elapsed().as_secs_f64()
    );
    let mut line = json!({ "bench": "faults", "machine": machine, "revision": revision, "seed": asked.seed,
        "seconds": round(began.elapsed().as_secs_f64()), "reached": rows.iter().all(|(_, row)| row.reached) });
    for (part, row) in &rows {
        row.print(&part.name());
        let mut figures = row.figures.clone();
        if let Some(figures) = figures.as_object_mut() {
            figures.insert("reached".to_owned(), Value::Bool(row.reached));
        }
        if let Some(line) = line.as_object_mut() {
            line.insert(part.name(), figures);
        }
    }
    println!("\n{line}");
    Ok(())
}

async fn one_after_the_other(parts: &[Part], asked: &Asked) -> Vec<(Part, Row)> {
    let mut rows = Vec::new();
    for part in parts {
        rows.push(tried(*part, asked).await);
    }
    rows
}

async fn tried(part: Part, asked: &Asked) -> (Part, Row) {
    let began = Instant::now();
    let tried = match part {
        Part::R1 => Box::pin(kills::r1(asked.seed, asked.changes, asked.kills)).await,
        Part::R2 => Box::pin(hints::r2()).await,
        Part::R3 => Box::pin(hints::r3()).await,
        Part::R4 => Box::pin(hints::r4(Duration::from_secs_f64(asked.away * 60.0))).await,
        Part::R5 => Box::pin(restarts::r5(asked.seed)).await,
        Part::R6 => Box::pin(leases::r6()).await,
        Part::R7 => Box::pin(leases::r7()).await,
        Part::R8 => Box::pin(deaths::r8()).await,
        Part::R10 => Box::pin(order::r10(asked.seed)).await,
        Part::R11 => Box::pin(fairness::r11()).await,
        Part::R12 => Box::pin(leases::r12(asked.seed)).await,
        Part::R18 => Box::pin(sent()).await,
    };
    let row = tried.unwrap_or_else(|why| Row::broken(&why));
    println!("{:>4} after {:.0} s: {}", part.name(), began.elapsed().as_secs_f64(), row.found);
    (part, row)
}

/// A minute of what `make bench-webhooks` measures for ten.
async fn sent() -> anyhow::Result<Row> {
    let (is_fast, speed) = load::throughput(100, Duration::from_mins(1), Wire::Tls).await?;
    let (is_soon, latency) = load::latency(Duration::from_secs(20), Wire::Tls).await?;
    Ok(Row {
        what: "webhooks, one minute to 100 endpoints, one dead and one dripping (`make bench-webhooks`: ten)",
        wanted: "≥ 300 a second; first attempt p95 ≤ 1 s at 50 a second",
        found: format!("{} a second; p95 {} s", figure(&speed, "a_second"), figure(&latency, "p95_seconds")),
        reached: is_fast && is_soon,
        figures: json!({ "crowd": speed, "latency": latency }),
    })
}

fn figure(of: &Value, name: &str) -> String {
    of.get(name).map(ToString::to_string).unwrap_or_default()
}
