//! How fast webhooks go out, of the real programs, out of a Postgres that keeps what it confirms.
//!
//! Prints a table and, as its last line, the figures as JSON.
#![expect(clippy::print_stdout, reason = "it talks to the person at the terminal")]

#[path = "../mail/cpu.rs"]
mod cpu;
mod load;

use std::time::Duration;

use clap::{Parser, ValueEnum};
use daimon_bench::{machine, revision};
use load::Wire;
use serde_json::{Value, json};

#[derive(Debug, Parser)]
struct Asked {
    /// The crowd of endpoints is told for so many minutes, others for a tenth of that.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// What is measured.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Part::One, Part::Ten, Part::Crowd, Part::Latency])]
    parts: Vec<Part>,
    /// How the sink is reached.
    #[arg(long, value_enum, default_value_t = Wire::Tls)]
    wire: Wire,
    /// What Cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Deliveries a second to one endpoint.
    One,
    /// To ten.
    Ten,
    /// To a hundred, one of them dead and one dripping.
    Crowd,
    /// How soon the first attempt is made at 50 a second.
    Latency,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let asked = Asked::parse();
    let (machine, revision) = (machine(), revision());
    println!("Webhooks on {machine}, revision {revision}; nothing is random, so there is no seed");
    let whole = Duration::from_secs_f64(asked.minutes * 60.0);
    let tenth = whole / 10;
    let mut reached = true;
    let mut line = json!({ "bench": "webhooks", "machine": machine, "revision": revision, "seed": null });
    for part in &asked.parts {
        let (is_reached, figures) = match part {
            Part::One => load::throughput(1, tenth, asked.wire).await?,
            Part::Ten => load::throughput(10, tenth, asked.wire).await?,
            Part::Crowd => load::throughput(100, whole, asked.wire).await?,
            Part::Latency => load::latency(tenth.max(Duration::from_secs(10)), asked.wire).await?,
        };
        reached &= is_reached;
        let name = part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        if let Some(line) = line.as_object_mut() {
            line.insert(name, figures);
        }
    }
    if let Some(line) = line.as_object_mut() {
        line.insert("reached".to_owned(), Value::Bool(reached));
    }
    println!("\n{line}");
    Ok(())
}
