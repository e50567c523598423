//! Bounces over time, as a picture that needs nothing to be shown: bars in SVG, drawn here.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::incident::Incident;
use daimon_domain::tenant::Language;

use super::{Facts, labels};
use crate::{foreign, moment};

/// More bars are a comb.
const MOST_BARS: i64 = 36;
/// Fewer bars are a block: the time around them is shown too.
const FEWEST_BARS: i32 = 12;
/// Steps of time that people count in, in minutes.
const STEPS_MIN: [i64; 11] = [5, 15, 30, 60, 120, 180, 360, 720, DAY_MIN, 2 * DAY_MIN, 7 * DAY_MIN];
const DAY_MIN: i64 = 1_440;

// Of the picture, in its own units.
const WIDTH: u64 = 640;
const HEIGHT: u64 = 150;
const LEFT: u64 = 44;
const TOP: u64 = 18;
const HALF_A_TICK: u64 = 24;

/// Into which steps of time bounces are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// How long a step is.
    pub step: TimeDelta,
    /// When one of them begins.
    pub origin: DateTime<Utc>,
}

impl Scale {
    /// The shortest steps that show the whole incident, by the clock of those who read it.
    pub fn of(incident: &Incident, language: Language) -> Self {
        let minutes = (incident.last_bounce_at - incident.first_bounce_at).num_minutes().max(0);
        let fits = |step: &i64| minutes / step + 2 <= MOST_BARS;
        let days = || minutes / (MOST_BARS - 2) / DAY_MIN + 1;
        let step = STEPS_MIN.into_iter().find(fits).unwrap_or_else(|| days() * DAY_MIN);
        Self { step: TimeDelta::minutes(step), origin: DateTime::UNIX_EPOCH - moment::offset(language) }
    }
}

/// Bounces over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// What is seen on it, in a sentence.
    pub description: String,
    /// How long a bar's time is.
    pub step: TimeDelta,
    /// From the first bounce to the last, without gaps, and some time around them where those are few.
    pub bars: Vec<Bar>,
    /// Where between the bars the way in was shut, in thousandths of the width.
    secured: Option<u64>,
    language: Language,
}

/// How many came in a step of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// When it begins.
    pub from: DateTime<Utc>,
    /// The same in words.
    pub label: String,
    /// How many.
    pub bounces: u64,
}

impl Chart {
    pub(super) fn new(facts: &Facts<'_>, language: Language) -> Self {
        let step = Scale::of(facts.incident, language).step;
        let counted = &facts.tally.steps;
        let mut bars = Vec::new();
        if let (Some((first, _)), Some((last, _))) = (counted.first(), counted.last()) {
            let (first, last) = around(*first, *last, step, facts.made_at);
            let times = std::iter::successors(Some(first), |at| Some(*at + step)).take_while(|at| *at <= last);
            bars.extend(times.take(usize::try_from(MOST_BARS * 2).unwrap_or(0)).map(|from| Bar {
                from,
                label: moment::tick(from, step, language),
                bounces: counted.iter().find(|(at, _)| *at == from).map_or(0, |(_, bounces)| *bounces),
            }));
        }
        Self {
            description: describe(&bars, step, language),
            secured: facts.incident.contained_at.and_then(|at| place(at, &bars, step)),
            step,
            bars,
            language,
        }
    }

    /// The picture; empty where there is nothing to show.
    pub(super) fn svg(&self) -> String {
        let Some(count) = u64::try_from(self.bars.len()).ok().filter(|count| *count > 0) else { return String::new() };
        let most = round_up(self.bars.iter().map(|bar| bar.bounces).max().unwrap_or(0));
        let (bottom, right) = (TOP + HEIGHT, LEFT + WIDTH);
        let title = foreign::html(labels::OVER_TIME.in_language(self.language));
        let mut svg = format!(
            "<svg viewBox=\"0 0 700 210\" role=\"img\" aria-labelledby=\"chart-title chart-desc\">\n\
             <title id=\"chart-title\">{title}</title>\n<desc id=\"chart-desc\">{}</desc>\n",
            foreign::html(&self.description)
        );
        let mut lines = vec![0, most / 2, most];
        lines.dedup();
        for value in lines {
            let y = bottom - HEIGHT * value / most;
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\"/>\
                 <text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{value}</text>",
                LEFT - 6,
                y + 4
            );
        }
        let every = count.div_ceil(6);
        for (place, bar) in (0..).zip(&self.bars) {
            let (from, to) = (LEFT + WIDTH * place / count, LEFT + WIDTH * (place + 1) / count);
            let gap = if to - from > 6 { 2 } else { 1 };
            // A single bounce among thousands is still to be seen.
            let tall = if bar.bounces == 0 { 0 } else { (HEIGHT * bar.bounces / most).max(2) };
            let label = foreign::html(&bar.label);
            let _ = writeln!(
                svg,
                "<rect class=\"bar\" x=\"{from}\" y=\"{}\" width=\"{}\" height=\"{tall}\"><title>{label}: {}</title></rect>",
                bottom - tall,
                (to - from).saturating_sub(gap).max(1),
                bar.bounces
            );
            let middle = u64::midpoint(from, to);
            if place % every == 0 && middle + HALF_A_TICK <= right {
                let _ = writeln!(
                    svg,
                    "<text class=\"tick\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
                    bottom + 18
                );
            }
        }
        if let Some(thousandths) = self.secured {
            let x = LEFT + WIDTH * thousandths / 1000;
            let word = foreign::html(labels::SECURED.in_language(self.language));
            let anchor = if thousandths > 800 { "end" } else { "start" };
            let _ = writeln!(
                svg,
                "<line class=\"secured\" x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{bottom}\"/>\
                 <text class=\"tick\" x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{word}</text>",
                TOP - 4,
                TOP - 7
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// The first and the last step that are shown: after the bounces as far as the report reaches, before them the rest.
fn around(
    first: DateTime<Utc>,
    last: DateTime<Utc>,
    step: TimeDelta,
    made_at: DateTime<Utc>,
) -> (DateTime<Utc>, DateTime<Utc>) {
    let (mut first, mut last) = (first, last);
    for shown in 0..FEWEST_BARS {
        if last - first >= step * (FEWEST_BARS - 1) {
            break;
        }
        if shown % 3 != 0 && last + step <= made_at {
            last += step;
        } else {
            first -= step;
        }
    }
    (first, last)
}

/// "Each bar is one hour, from 24 Nov, 06:00 to 24 Nov, 09:00; the most, 31, came from 24 Nov, 07:00 on."
fn describe(bars: &[Bar], step: TimeDelta, language: Language) -> String {
    let most = bars.iter().rev().max_by_key(|bar| bar.bounces);
    let (Some(first), Some(last), Some(most)) = (bars.first(), bars.last(), most) else {
        return match language {
            Language::English => "No bounce was counted.".to_owned(),
            Language::Japanese => "集計対象のエラーメールはありません。".to_owned(),
        };
    };
    let (minutes, hours) = (step.num_minutes(), step.num_hours());
    let (first, last, at, bounces) = (&first.label, &last.label, &most.label, most.bounces);
    match language {
        Language::English => {
            let each = match hours {
                0 => format!("{minutes} minutes"),
                1 => "one hour".to_owned(),
                24 => "one day".to_owned(),
                168 => "one week".to_owned(),
                hours if hours % 24 == 0 => format!("{} days", hours / 24),
                hours => format!("{hours} hours"),
            };
            format!("Each bar is {each}, from {first} to {last}; the most, {bounces}, came from {at} on.")
        }
        Language::Japanese => {
            let each = match hours {
                0 => format!("{minutes} 分"),
                168 => "1 週間".to_owned(),
                hours if hours % 24 == 0 => format!("{} 日", hours / 24),
                hours => format!("{hours} 時間"),
            };
            format!(
                "棒 1 本は {each}ごとの件数を表します（{first}～{last}）。最も多かったのは {at} からの {bounces} 件です。"
            )
        }
    }
}

/// Where a moment lies between the bars, in thousandths; `None` beside them.
fn place(at: DateTime<Utc>, bars: &[Bar], step: TimeDelta) -> Option<u64> {
    let (first, last) = (bars.first()?.from, bars.last()?.from + step);
    if at < first || at > last {
        return None;
    }
    u64::try_from((at - first).num_seconds() * 1000 / (last - first).num_seconds().max(1)).ok()
}

/// The next of 2, 4, 10, 20, 40, 100 …: halves are whole.
fn round_up(most: u64) -> u64 {
    let scale = std::iter::successors(Some(1_u64), |ten| ten.checked_mul(10));
    scale.flat_map(|ten| [2, 4, 10].map(|step| ten.saturating_mul(step))).find(|step| *step >= most).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_on_a_number_that_people_use() {
        assert_eq!([0, 1, 3, 11, 40, 41, 999].map(round_up), [2, 2, 4, 20, 40, 100, 1000]);
        assert!(round_up(u64::MAX) == u64::MAX);
    }
}
