//! The tables, and the same figures for the JSON line.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use daimon_bench::round;
use daimon_domain::verdict::{Tier, Verdict};
use daimon_episode::{Episode, Speed};
use serde::Serialize;

use crate::{
    counting::{Detector, alarms, calibrated},
    fleet::{Seen, minutes, word},
};

/// False alarms in 10,000 mailbox-days.
#[derive(Serialize)]
pub(crate) struct FalseAlarms {
    pub(crate) mailbox_days: f64,
    pub(crate) suspected: f64,
    pub(crate) probable: f64,
    /// Counting each mailbox once, as if its owner had said "this was us" of the first alarm.
    suspected_once: f64,
    pub(crate) undetermined: f64,
    mailbox_days_apart: f64,
    suspected_apart: f64,
    undetermined_apart: f64,
}

/// Of the takeovers of one speed.
#[derive(Serialize)]
pub(crate) struct OfSpeed {
    pub(crate) speed: &'static str,
    pub(crate) episodes: usize,
    pub(crate) suspected: Reached,
    pub(crate) probable: Reached,
    /// Episodes in which `backscatter` was said.
    pub(crate) backscatter: usize,
}

/// How a tier is reached: the median and the 90th percentile of those that reach it.
#[derive(Serialize)]
pub(crate) struct Reached {
    pub(crate) bounces: [f64; 2],
    minutes: [f64; 2],
    pub(crate) missed_percent: f64,
}

/// Mailboxes where nothing tells the owner from a thief.
#[derive(Serialize)]
pub(crate) struct Apart {
    pub(crate) episodes: usize,
    /// `undetermined` or `account_takeover` within 30 bounces.
    pub(crate) in_time_percent: f64,
    pub(crate) backscatter: usize,
    suspected_percent: f64,
}

/// Of one truth.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) truth: Verdict,
    pub(crate) episodes: usize,
    pub(crate) right_percent: f64,
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn percent(part: usize, all: usize) -> f64 {
    round(100.0 * count(part) / count(all.max(1)))
}

/// The median and the 90th percentile.
fn quantiles(mut figures: Vec<f64>) -> [f64; 2] {
    figures.sort_by(f64::total_cmp);
    [figures.len() / 2, figures.len() * 9 / 10].map(|at| figures.get(at).copied().map_or(f64::NAN, round))
}

pub(crate) fn false_alarms(out: &mut dyn Write, calm: &[Seen]) -> io::Result<FalseAlarms> {
    let of = |is_apart: bool| -> Vec<&Seen> { calm.iter().filter(|seen| seen.is_apart() == is_apart).collect() };
    let (bound, apart) = (of(false), of(true));
    let days = |fleet: &[&Seen]| fleet.iter().map(|seen| seen.days).sum::<f64>();
    let rate = |fleet: &[&Seen], tier: Tier| {
        let alarms: usize = fleet.iter().map(|seen| seen.accusations(tier).count()).sum();
        round(count(alarms) / days(fleet) * 10_000.0)
    };
    let once = |fleet: &[&Seen]| {
        let accused = fleet.iter().filter(|seen| seen.accusations(Tier::Suspected).next().is_some());
        round(count(accused.count()) / days(fleet) * 10_000.0)
    };
    let undetermined = |fleet: &[&Seen]| {
        let said = fleet.iter().filter(|seen| seen.moves.iter().any(|moved| moved.verdict == Verdict::Undetermined));
        round(count(said.count()) / days(fleet) * 10_000.0)
    };
    let alarms = FalseAlarms {
        mailbox_days: days(&bound),
        suspected: rate(&bound, Tier::Suspected),
        probable: rate(&bound, Tier::Probable),
        suspected_once: once(&bound),
        undetermined: undetermined(&bound),
        mailbox_days_apart: days(&apart),
        suspected_apart: rate(&apart, Tier::Suspected),
        undetermined_apart: undetermined(&apart),
    };
    let bounces: usize = calm.iter().map(|seen| seen.bounces.len()).sum();
    writeln!(out, "\nFalse alarms of account_takeover in 10,000 mailbox-days without one ({bounces} bounces in all)")?;
    writeln!(
        out,
        "{:<34}{:>14}{:>11}{:>11}{:>24}{:>14}",
        "", "mailbox-days", "suspected", "probable", "suspected for the first", "undetermined"
    )?;
    writeln!(
        out,
        "{:<34}{:>14.0}{:>11.2}{:>11.2}{:>24.2}{:>14.2}",
        "IMAP hosts, Gmail, Microsoft 365",
        alarms.mailbox_days,
        alarms.suspected,
        alarms.probable,
        alarms.suspected_once,
        alarms.undetermined
    )?;
    writeln!(
        out,
        "{:<34}{:>14.0}{:>11.2}{:>35}{:>14.2}",
        "no Sent, or hosts without marks",
        alarms.mailbox_days_apart,
        alarms.suspected_apart,
        "",
        alarms.undetermined_apart
    )?;
    let mut by_cause: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for seen in &bound {
        let counts = by_cause.entry(word(seen.truth.episode)).or_default();
        for (at, number) in [1, seen.accusations(Tier::Suspected).count(), seen.accusations(Tier::Probable).count()]
            .into_iter()
            .enumerate()
        {
            if let Some(sum) = counts.get_mut(at) {
                *sum += number;
            }
        }
    }
    for (cause, [mailboxes, suspected, probable]) in by_cause {
        writeln!(out, "  {cause:<32}{mailboxes:>8} mailboxes: suspected {suspected}, probable {probable}")?;
    }
    Ok(alarms)
}

fn reached(fleet: &[&Seen], tier: Tier) -> Reached {
    let times: Vec<_> =
        fleet.iter().filter_map(|seen| Some((*seen, seen.reaches(tier)?, seen.truth.begins?))).collect();
    Reached {
        bounces: quantiles(times.iter().map(|(seen, at, _)| count(seen.bounces_until(*at))).collect()),
        minutes: quantiles(times.iter().map(|(_, at, begins)| minutes(*at - *begins)).collect()),
        missed_percent: percent(fleet.len() - times.len(), fleet.len()),
    }
}

pub(crate) fn speeds(out: &mut dyn Write, takeovers: &[(Speed, Vec<Seen>)]) -> io::Result<Vec<OfSpeed>> {
    writeln!(
        out,
        "\nTakeovers of IMAP hosts, Gmail and Microsoft 365: median and 90th percentile until the tier is reached"
    )?;
    writeln!(
        out,
        "{:<9}{:>9}   {:>16}{:>18}{:>9}   {:>16}{:>18}{:>9}{:>13}",
        "bounces",
        "episodes",
        "suspected after",
        "minutes",
        "missed",
        "probable after",
        "minutes",
        "missed",
        "backscatter"
    )?;
    let mut rows = Vec::new();
    for (speed, fleet) in takeovers {
        let fleet: Vec<&Seen> = fleet.iter().filter(|seen| !seen.is_apart()).collect();
        let row = OfSpeed {
            speed: speed.as_str(),
            episodes: fleet.len(),
            suspected: reached(&fleet, Tier::Suspected),
            probable: reached(&fleet, Tier::Probable),
            backscatter: fleet.iter().filter(|seen| seen.ever_said(Verdict::Backscatter)).count(),
        };
        let pair = |[median, ninth]: [f64; 2]| format!("{median:.0} / {ninth:.0}");
        let times = |[median, ninth]: [f64; 2]| format!("{median:.1} / {ninth:.1}");
        writeln!(
            out,
            "{:<9}{:>9}   {:>16}{:>18}{:>8.1}%   {:>16}{:>18}{:>8.1}%{:>13}",
            row.speed,
            row.episodes,
            pair(row.suspected.bounces),
            times(row.suspected.minutes),
            row.suspected.missed_percent,
            pair(row.probable.bounces),
            times(row.probable.minutes),
            row.probable.missed_percent,
            row.backscatter
        )?;
        rows.push(row);
    }
    Ok(rows)
}

/// Missed takeovers by kind of host, and what knowing of neighbours changes.
pub(crate) fn hosts(out: &mut dyn Write, takeovers: &[(Speed, Vec<Seen>)], told: &[Seen]) -> io::Result<()> {
    writeln!(out, "\nTakeovers at 20/h and faster by host: never suspected, and called backscatter")?;
    let fast = takeovers.iter().filter(|(speed, _)| *speed >= Speed::TwentyAnHour).flat_map(|(_, fleet)| fleet);
    by_host(out, &fast.collect::<Vec<_>>())?;
    writeln!(out, "At 20/h, when the engine is told which of these hosts strangers sign in at")?;
    by_host(out, &told.iter().collect::<Vec<_>>())
}

fn by_host(out: &mut dyn Write, fleet: &[&Seen]) -> io::Result<()> {
    let mut rows: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    for seen in fleet {
        let shared = if seen.is_shared { "shared" } else { "own or a cloud's" };
        let row = rows
            .entry(format!(
                "{:?}, sign-ins {:?}, {shared}{}",
                seen.provider,
                seen.marks,
                if seen.keeps_copies { "" } else { ", no Sent" }
            ))
            .or_default();
        let missed = usize::from(seen.reaches(Tier::Suspected).is_none());
        let backscatter = usize::from(seen.ever_said(Verdict::Backscatter));
        for (sum, number) in row.iter_mut().zip([1, missed, backscatter]) {
            *sum += number;
        }
    }
    for (host, [all, missed, backscatter]) in rows {
        let (missed, backscatter) = (percent(missed, all), percent(backscatter, all));
        writeln!(out, "  {host:<62}{all:>6}{missed:>9.1} %{backscatter:>9.1} %")?;
    }
    Ok(())
}

/// Whether the mailbox is handled like a stolen one within 30 bounces.
fn is_in_time(seen: &Seen) -> bool {
    let (Some(begins), Some(after)) = (seen.truth.begins, seen.after(30)) else { return false };
    let counts = |verdict| matches!(verdict, Verdict::Undetermined | Verdict::AccountTakeover);
    seen.moves.iter().any(|moved| (begins..=after).contains(&moved.at) && counts(moved.verdict))
        || counts(seen.verdict_at(begins))
}

pub(crate) fn apart(out: &mut dyn Write, takeovers: &[(Speed, Vec<Seen>)]) -> io::Result<Apart> {
    let fleet: Vec<&Seen> = takeovers.iter().flat_map(|(_, fleet)| fleet).filter(|seen| seen.is_apart()).collect();
    let row = Apart {
        episodes: fleet.len(),
        in_time_percent: percent(fleet.iter().filter(|seen| is_in_time(seen)).count(), fleet.len()),
        backscatter: fleet.iter().filter(|seen| seen.ever_said(Verdict::Backscatter)).count(),
        suspected_percent: percent(
            fleet.iter().filter(|seen| seen.reaches(Tier::Suspected).is_some()).count(),
            fleet.len(),
        ),
    };
    writeln!(
        out,
        "\nTakeovers of mailboxes without Sent (POP) and on hosts without marks, all speeds: {} episodes",
        row.episodes
    )?;
    writeln!(
        out,
        "undetermined or account_takeover within 30 bounces {:.1} %, suspected at some time {:.1} %, backscatter said {}",
        row.in_time_percent, row.suspected_percent, row.backscatter
    )?;
    Ok(row)
}

/// What was said when the episode had brought 20 bounces, or all it brought; of ordinary life, after its last bounce.
fn said(seen: &Seen) -> Verdict {
    let at = if seen.truth.episode.is_some() { seen.after(20) } else { seen.bounces.last().map(|(at, _)| *at) };
    at.map_or(Verdict::Legit, |at| seen.verdict_at(at))
}

pub(crate) fn matrix(
    out: &mut dyn Write,
    calm: &[Seen],
    takeovers: &[(Speed, Vec<Seen>)],
    others: &[(Episode, Vec<Seen>)],
) -> io::Result<Vec<Row>> {
    let takeovers = takeovers.iter().flat_map(|(_, fleet)| fleet);
    let silent = |episode: Episode| episode == Episode::SilentTakeover;
    let others = others.iter().filter(|(episode, _)| !silent(*episode)).flat_map(|(_, fleet)| fleet);
    let life = calm.iter().filter(|seen| seen.truth.episode.is_none());
    let mut rows: BTreeMap<(Verdict, &str), BTreeMap<Verdict, usize>> = BTreeMap::new();
    for seen in life.chain(takeovers).chain(others).filter(|seen| !seen.is_apart()) {
        let row = rows.entry((seen.truth.verdict, word(seen.truth.episode))).or_default();
        *row.entry(said(seen)).or_default() += 1;
    }
    writeln!(out, "\nWhat is said after 20 bounces, in percent (rows: what is true)")?;
    write!(out, "{:<18}{:<21}{:>6}", "", "", "")?;
    let heads = ["legit", "taken", "backsc", "script", "list", "loop", "outage", "reput", "auto", "fake", "undet"];
    for head in heads {
        write!(out, "{head:>8}")?;
    }
    writeln!(out)?;
    // Of the hard cases doubt is no error; that they are not taken for a takeover is looked at below.
    let is_hard = |word: &str| {
        [Episode::Neighbour, Episode::ForgedColleague, Episode::TenantBlocked].iter().any(|hard| hard.as_str() == word)
    };
    let mut right: BTreeMap<Verdict, (usize, usize)> = BTreeMap::new();
    for ((truth, episode), row) in &rows {
        let all: usize = row.values().sum();
        write!(out, "{:<18}{episode:<21}{all:>6}", truth.as_str())?;
        for verdict in Verdict::ALL {
            let share = percent(row.get(verdict).copied().unwrap_or_default(), all);
            if share > 0.0 { write!(out, "{share:>8.1}")? } else { write!(out, "{:>8}", "·")? }
        }
        writeln!(out)?;
        if is_hard(episode) {
            continue;
        }
        let sum = right.entry(*truth).or_default();
        *sum = (sum.0 + row.get(truth).copied().unwrap_or_default(), sum.1 + all);
    }
    let row = |(truth, (part, all))| Row { truth, episodes: all, right_percent: percent(part, all) };
    Ok(right.into_iter().map(row).collect())
}

/// How often innocent trouble was taken for a takeover at `suspected`, at any time.
pub(crate) fn accused(out: &mut dyn Write, others: &[(Episode, Vec<Seen>)]) -> io::Result<BTreeMap<&'static str, f64>> {
    write!(out, "\nEver suspected to be a takeover, in percent:")?;
    let mut rows = BTreeMap::new();
    for (episode, fleet) in others.iter().filter(|(episode, _)| *episode != Episode::SilentTakeover) {
        let fleet: Vec<&Seen> = fleet.iter().filter(|seen| !seen.is_apart()).collect();
        let share = percent(fleet.iter().filter(|seen| seen.reaches(Tier::Suspected).is_some()).count(), fleet.len());
        write!(out, " {} {share:.1}", episode.as_str())?;
        rows.insert(episode.as_str(), share);
    }
    writeln!(out)?;
    Ok(rows)
}

/// Takeovers under another envelope sender: there is no bounce to count.
pub(crate) fn silent(out: &mut dyn Write, others: &[(Episode, Vec<Seen>)]) -> io::Result<()> {
    let of = others.iter().filter(|(episode, _)| *episode == Episode::SilentTakeover);
    let fleet: Vec<&Seen> = of.flat_map(|(_, fleet)| fleet).filter(|seen| !seen.is_apart()).collect();
    let share = |tier| percent(fleet.iter().filter(|seen| seen.reaches(tier).is_some()).count(), fleet.len());
    writeln!(
        out,
        "\nTakeovers under another envelope sender (only answers and notices come): watch {:.1} %, suspected {:.1} %, confirmed {:.1} % of {}",
        share(Tier::Watch),
        share(Tier::Suspected),
        share(Tier::Confirmed),
        fleet.len()
    )
}

/// Of one detector that only counts, at 20 bounces an hour.
#[derive(Serialize)]
pub(crate) struct Counting {
    detector: &'static str,
    threshold: f64,
    false_alarms: f64,
    speeds: BTreeMap<&'static str, Reached>,
}

pub(crate) fn counting(
    out: &mut dyn Write,
    calibration: &[Seen],
    calm: &[Seen],
    takeovers: &[(Speed, Vec<Seen>)],
) -> io::Result<Vec<Counting>> {
    writeln!(
        out,
        "\nDetectors that only count, at one false alarm in 10,000 mailbox-days of another fleet: bounces (median / 90th), missed"
    )?;
    write!(out, "{:<24}{:>12}", "", "false alarms")?;
    for speed in Speed::ALL {
        write!(out, "{:>20}", speed.as_str())?;
    }
    writeln!(out)?;
    let mut rows = Vec::new();
    for detector in Detector::ALL {
        let threshold = calibrated(detector, calibration);
        let days: f64 = calm.iter().map(|seen| seen.days).sum();
        let false_ones: usize = calm.iter().map(|seen| alarms(seen, &detector.scores(seen), threshold).len()).sum();
        let false_alarms = round(count(false_ones) / days * 10_000.0);
        write!(out, "{:<24}{false_alarms:>12.2}", detector.name())?;
        let mut speeds = BTreeMap::new();
        for (speed, fleet) in takeovers {
            let fleet: Vec<&Seen> = fleet.iter().filter(|seen| !seen.is_apart()).collect();
            let found: Vec<_> = fleet
                .iter()
                .filter_map(|seen| {
                    let begins = seen.truth.begins?;
                    let at = alarms(seen, &detector.scores(seen), threshold).into_iter().find(|at| *at >= begins)?;
                    Some((count(seen.bounces_until(at)), minutes(at - begins)))
                })
                .collect();
            let reached = Reached {
                bounces: quantiles(found.iter().map(|(bounces, _)| *bounces).collect()),
                minutes: quantiles(found.iter().map(|(_, minutes)| *minutes).collect()),
                missed_percent: percent(fleet.len() - found.len(), fleet.len()),
            };
            let [median, ninth] = reached.bounces;
            let found = if found.is_empty() { String::new() } else { format!("{median:.0} / {ninth:.0}, ") };
            write!(out, "{:>20}", format!("{found}{:.0}%", reached.missed_percent))?;
            speeds.insert(speed.as_str(), reached);
        }
        writeln!(out)?;
        rows.push(Counting { detector: detector.name(), threshold: round(threshold), false_alarms, speeds });
    }
    Ok(rows)
}

/// Some of what went wrong, to be made again alone.
pub(crate) fn examples(
    out: &mut dyn Write,
    calm: &[Seen],
    takeovers: &[(Speed, Vec<Seen>)],
    others: &[(Episode, Vec<Seen>)],
) -> io::Result<()> {
    const SOME: usize = 6;
    writeln!(
        out,
        "\nSome that went wrong (cargo run -p daimon-episode --example mailbox -- SEED INDEX EPISODE FOLDER)"
    )?;
    let show = |out: &mut dyn Write, what: &str, seen: &Seen, said: &str| {
        let episode = seen.truth.episode.map_or_else(|| "background".to_owned(), |episode| episode.to_string());
        writeln!(
            out,
            "  {what:<22} {} {:>4} '{episode}' {:?} {:?} ({}): {said}",
            seen.seed, seen.index, seen.provider, seen.marks, seen.truth.style
        )
    };
    let accused = calm.iter().filter(|seen| !seen.is_apart() && seen.accusations(Tier::Suspected).next().is_some());
    for seen in accused.take(2 * SOME) {
        let said = seen.accusations(Tier::Suspected).map(|moved| format!("{} after {}", moved.at, moved.bounces_seen));
        show(out, "falsely accused", seen, &said.collect::<Vec<_>>().join(", "))?;
    }
    for (_, fleet) in takeovers {
        let missed = fleet.iter().filter(|seen| !seen.is_apart() && seen.reaches(Tier::Suspected).is_none());
        for seen in missed.take(SOME) {
            show(out, "missed", seen, said(seen).as_str())?;
        }
        for seen in fleet.iter().filter(|seen| seen.is_apart() && !is_in_time(seen)).take(SOME) {
            show(out, "not in time", seen, said(seen).as_str())?;
        }
        for seen in fleet.iter().filter(|seen| seen.ever_said(Verdict::Backscatter)).take(SOME) {
            show(out, "called backscatter", seen, said(seen).as_str())?;
        }
    }
    for (episode, fleet) in others {
        let wrong = fleet.iter().filter(|seen| !seen.is_apart() && said(seen) != seen.truth.verdict);
        for seen in wrong.take(if *episode == Episode::SilentTakeover { 2 } else { SOME }) {
            show(out, "wrong", seen, said(seen).as_str())?;
        }
    }
    Ok(())
}
