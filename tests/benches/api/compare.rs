//! One operation, of the bare server and of the API in turn, so that whatever else the machine does falls on both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use daimon_bench::{quantile, round};
use daimon_tests::rig::Rig;
use serde_json::{Value, json};

use crate::cpu;
use crate::load::{lateness, median, most_a_second};
use crate::operation::Operation;

/// The figures that are wanted of reads.
const LEAST_OF_BARE: f64 = 0.6;
const MOST_TIMES_LATER: f64 = 2.0;

/// One of the two, and what was found of it, round by round.
struct Side {
    name: &'static str,
    base: String,
    /// Answered at most, a second.
    most: Vec<f64>,
    /// In milliseconds, at the rate that both were asked at.
    p50: Vec<f64>,
    p99: Vec<f64>,
    /// Processor time of a request in microseconds, by program.
    cpu: Vec<BTreeMap<String, f64>>,
}

impl Side {
    fn of(name: &'static str, base: &str) -> Self {
        let base = base.to_owned();
        Self { name, base, most: Vec::new(), p50: Vec::new(), p99: Vec::new(), cpu: Vec::new() }
    }

    /// Of each program the figure of the round in the middle, if it is one of a microsecond at least; the largest first.
    fn cpu(&self) -> Vec<(&str, f64)> {
        let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (name, us) in self.cpu.iter().flatten() {
            all.entry(name).or_default().push(*us);
        }
        let mut all: Vec<_> = all
            .into_iter()
            .map(|(name, mut figures)| {
                // Whatever was not there in a round took no time in it.
                figures.resize(self.cpu.len(), 0.0);
                (name, median(&figures))
            })
            .filter(|(_, us)| *us >= 1.0)
            .collect();
        all.sort_by(|(_, one), (_, next)| next.total_cmp(one));
        all
    }

    fn figures(&self) -> Value {
        let cpu: BTreeMap<&str, f64> = self.cpu().into_iter().map(|(name, us)| (name, us.round())).collect();
        json!({
            "a_second": median(&self.most).round(), "p50_ms": round(median(&self.p50)),
            "p99_ms": round(median(&self.p99)), "cpu_us": cpu,
        })
    }
}

/// What was found.
pub(crate) struct Compared {
    pub(crate) name: &'static str,
    title: &'static str,
    is_read: bool,
    bare: Side,
    api: Side,
    /// Asked a second while it was measured how late answers come.
    rate: f64,
}

impl Compared {
    /// How many the API answers of as many as the bare server does, in the round in the middle.
    fn share(&self) -> f64 {
        times(&self.bare.most, &self.api.most)
    }

    /// How many times as late the API's answers are.
    fn times_later(&self) -> f64 {
        times(&self.bare.p99, &self.api.p99)
    }

    /// Whether it is as it should be.
    pub(crate) fn is_reached(&self) -> bool {
        !self.is_read || (self.share() >= LEAST_OF_BARE && self.times_later() <= MOST_TIMES_LATER)
    }

    /// It for programs.
    pub(crate) fn figures(&self) -> Value {
        json!({
            "bare": self.bare.figures(), "api": self.api.figures(), "share_of_bare": round(self.share()),
            "p99_at_a_second": self.rate.round(), "p99_times_bare": round(self.times_later()),
            "reached": self.is_reached(),
        })
    }
}

/// The second by the first, of the round in the middle.
fn times(first: &[f64], second: &[f64]) -> f64 {
    median(&first.iter().zip(second).map(|(first, second)| second / first).collect::<Vec<_>>())
}

/// Measures one operation.
pub(crate) async fn measure(
    rig: &Rig,
    [bare, api]: &[String; 2],
    operation: &Arc<Operation>,
    rounds: u32,
    span: Duration,
) -> anyhow::Result<Compared> {
    let (mut bare, mut api) = (Side::of("bare", bare), Side::of("daimon-api", api));
    for number in 0..rounds {
        for side in in_turn(number, &mut bare, &mut api) {
            // A token lasts for a quarter of an hour.
            let token = rig.client.sign_in().await?;
            let once = format!("most-{number}-{}", side.name);
            let before = cpu::by_program()?;
            let a_second = most_a_second(rig.place.path(), &side.base, operation, &token, &once, span).await?;
            let asked = a_second * span.as_secs_f64();
            let each = |(name, used): (String, cpu::Cpu)| (name, (used.user + used.system) * 1_000_000.0 / asked);
            side.cpu.push(cpu::since(&before)?.into_iter().map(each).collect());
            side.most.push(a_second);
        }
    }
    let rate = median(&bare.most) / 2.0;
    for number in 0..rounds {
        for side in in_turn(number, &mut bare, &mut api) {
            let token = rig.client.sign_in().await?;
            let once = format!("late-{number}-{}", side.name);
            let late = lateness(&side.base, operation, &token, &once, rate, span).await?;
            side.p50.push(quantile(&late, 0.5) * 1_000.0);
            side.p99.push(quantile(&late, 0.99) * 1_000.0);
        }
    }
    Ok(Compared { name: operation.name, title: operation.title, is_read: operation.is_read(), bare, api, rate })
}

/// Whoever comes second finds more in caches, and tables that have grown.
fn in_turn<'a>(number: u32, one: &'a mut Side, next: &'a mut Side) -> [&'a mut Side; 2] {
    if number.is_multiple_of(2) { [one, next] } else { [next, one] }
}

/// Shows all of them.
pub(crate) fn print(all: &[Compared]) {
    println!(
        "\n{:<44}{:>9}{:>9}{:>8}{:>11}{:>12}{:>12}{:>8}",
        "a second, and lateness at half the bare most",
        "bare",
        "API",
        "share",
        "asked/s",
        "bare p99",
        "API p99",
        "times"
    );
    for one in all {
        println!(
            "{:<44}{:>9.0}{:>9.0}{:>8.2}{:>11.0}{:>9.2} ms{:>9.2} ms{:>8.2}{}",
            one.title,
            median(&one.bare.most),
            median(&one.api.most),
            one.share(),
            one.rate,
            median(&one.bare.p99),
            median(&one.api.p99),
            one.times_later(),
            if one.is_reached() { "" } else { "  (not as wanted)" }
        );
    }
    println!("wanted of reads: a share of {LEAST_OF_BARE} at least, and {MOST_TIMES_LATER} times as late at most");
    println!("\nprocessor time of a request in µs, by program");
    for one in all {
        for (title, side) in [(one.title, &one.bare), ("", &one.api)] {
            let used: Vec<String> = side.cpu().iter().map(|(name, us)| format!("{name} {us:.0}")).collect();
            println!("{title:<44}{}", used.join(", "));
        }
    }
}
