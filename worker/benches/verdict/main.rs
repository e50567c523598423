//! How soon a takeover is found, how often an innocent mailbox is accused, and which verdict is said of what: on simulated
//! fleets of real message bytes, through the reader and the engine, next to detectors that only count.
//!
//! Prints tables and, as its last line, the figures as JSON. `-- --tuning` takes other seeds and a tenth of the mailboxes, and
//! names some that went wrong (`-- --tuning=8000` takes others again); the figures that count are of seeds whose mailboxes nobody looks at while tuning.

mod cost;
mod counting;
mod fleet;
mod summary;
mod tables;

use std::{
    env,
    io::{self, Write},
    time::Instant,
};

use daimon_bench::{machine, revision, round};
use daimon_episode::{Episode, Plan, Speed};
use fleet::{Seen, observe};
use serde_json::json;

/// The seeds of the figures that count; those of `--tuning` begin elsewhere.
const FINAL: u64 = 20_261_200;
const TUNING: u64 = 7_000;
/// Days of one mailbox of the background.
const DAYS: u32 = 120;

/// How many mailboxes of each kind.
struct Size {
    background: u64,
    calibration: u64,
    takeovers_of_a_speed: u64,
    of_another_episode: u64,
}

const WHOLE: Size = Size { background: 3_400, calibration: 1_700, takeovers_of_a_speed: 840, of_another_episode: 250 };
const TENTH: Size = Size { background: 280, calibration: 300, takeovers_of_a_speed: 84, of_another_episode: 40 };

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let tuning = env::args().find_map(|argument| {
        let seed = argument.strip_prefix("--tuning")?.trim_start_matches('=').to_owned();
        Some(seed.parse().unwrap_or(TUNING))
    });
    let is_tuning = tuning.is_some();
    let (seed, size) = tuning.map_or((FINAL, WHOLE), |seed| (seed, TENTH));
    let (machine, revision, start) = (machine(), revision(), Instant::now());
    writeln!(out, "Verdicts on simulated fleets, on 2 threads of {machine}, revision {revision}, seeds from {seed}")?;

    let calm = observe(seed, Plan::background(DAYS), size.background);
    let takeovers: Vec<(Speed, Vec<Seen>)> = Speed::ALL
        .into_iter()
        .zip(1..)
        .map(|(speed, number)| {
            (speed, observe(seed + number, Plan::episode(Episode::Takeover(speed)), size.takeovers_of_a_speed))
        })
        .collect();
    let others: Vec<(Episode, Vec<Seen>)> = Episode::ALL
        .into_iter()
        .filter(|episode| !matches!(episode, Episode::Takeover(_)))
        .zip(20..)
        .map(|(episode, number)| (episode, observe(seed + number, Plan::episode(episode), size.of_another_episode)))
        .collect();
    let at_twenty = Plan::episode(Episode::Takeover(Speed::TwentyAnHour));
    let told = fleet::observe_told(seed + 3, at_twenty, size.takeovers_of_a_speed, true);
    let calibration = fleet::bounces_alone(seed + 50, Plan::background(DAYS), size.calibration);

    let alarms = tables::false_alarms(&mut out, &calm)?;
    let speeds = tables::speeds(&mut out, &takeovers)?;
    tables::hosts(&mut out, &takeovers, &told)?;
    let apart = tables::apart(&mut out, &takeovers)?;
    let matrix = tables::matrix(&mut out, &calm, &takeovers, &others)?;
    let accused = tables::accused(&mut out, &others)?;
    tables::silent(&mut out, &others)?;
    let counters = tables::counting(&mut out, &calibration, &calm, &takeovers)?;
    let cost = cost::measure(&mut out, seed + 90)?;
    if is_tuning {
        tables::examples(&mut out, &calm, &takeovers, &others)?;
    }

    let wanted = summary::wanted(&alarms, &speeds, &apart, &matrix, &told);
    writeln!(out, "\nWanted")?;
    for (what, is_met) in &wanted {
        writeln!(out, "  {:<9} {what}", if *is_met { "met" } else { "NOT MET" })?;
    }
    let reached = wanted.iter().all(|(_, is_met)| *is_met);
    let seconds = start.elapsed().as_secs_f64();
    writeln!(out, "\n{} in {seconds:.0} s", if reached { "reached" } else { "not reached" })?;
    let not_met: Vec<&String> = wanted.iter().filter(|(_, is_met)| !is_met).map(|(what, _)| what).collect();
    let line = json!({
        "bench": "verdict", "reached": reached, "not_met": not_met, "machine": machine, "revision": revision, "seed": seed,
        "tuning": is_tuning, "seconds": round(seconds), "false_alarms": alarms, "takeover": speeds, "apart": apart,
        "right_at_20": matrix, "ever_suspected_percent": accused, "counting": counters, "cost": cost,
    });
    writeln!(out, "{line}")
}
