//! Times as people read them: in Japanese by the clock of Japan, which has one; in English by UTC, and saying so.

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use daimon_domain::tenant::Language;

use crate::said::{Said, said};

/// By which clock, for the foot of a page.
pub(crate) const CLOCK: Said = said("All times are UTC.", "時刻はすべて日本時間です。");

/// How far that clock is ahead of UTC.
pub(crate) const fn offset(language: Language) -> TimeDelta {
    match language {
        Language::English => TimeDelta::zero(),
        Language::Japanese => TimeDelta::hours(9),
    }
}

fn local(at: DateTime<Utc>, language: Language) -> DateTime<FixedOffset> {
    let ahead = i32::try_from(offset(language).num_seconds()).unwrap_or(0);
    FixedOffset::east_opt(ahead).map_or_else(|| at.fixed_offset(), |offset| at.with_timezone(&offset))
}

/// "24 November 2026, 06:50 UTC".
pub fn full(at: DateTime<Utc>, language: Language) -> String {
    let format = match language {
        Language::English => "%-d %B %Y, %H:%M UTC",
        Language::Japanese => "%Y年%-m月%-d日 %-H時%M分（日本時間）",
    };
    local(at, language).format(format).to_string()
}

/// "24 November 2026".
pub(crate) fn day(at: DateTime<Utc>, language: Language) -> String {
    let format = match language {
        Language::English => "%-d %B %Y",
        Language::Japanese => "%Y年%-m月%-d日",
    };
    local(at, language).format(format).to_string()
}

/// "24 Nov 2026, 06:50", where the foot of the page says by which clock.
pub(crate) fn short(at: DateTime<Utc>, language: Language) -> String {
    let format = match language {
        Language::English => "%-d %b %Y, %H:%M",
        Language::Japanese => "%Y/%m/%d %H:%M",
    };
    local(at, language).format(format).to_string()
}

/// "24 Nov, 06:00", or "24 Nov" where a step is a day or more.
pub(crate) fn tick(at: DateTime<Utc>, step: TimeDelta, language: Language) -> String {
    let format = match language {
        Language::English if step < TimeDelta::days(1) => "%-d %b, %H:%M",
        Language::English => "%-d %b",
        Language::Japanese if step < TimeDelta::hours(1) => "%-m/%-d %-H:%M",
        Language::Japanese if step < TimeDelta::days(1) => "%-m/%-d %-H時",
        Language::Japanese => "%-m/%-d",
    };
    local(at, language).format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_japanese_reads_the_clock_of_japan() {
        let at: DateTime<Utc> = "2026-11-24T22:05:00Z".parse().unwrap();
        assert_eq!(full(at, Language::English), "24 November 2026, 22:05 UTC");
        assert_eq!(full(at, Language::Japanese), "2026年11月25日 7時05分（日本時間）");
        assert_eq!(tick(at, TimeDelta::hours(1), Language::Japanese), "11/25 7時");
        assert_eq!(day(at, Language::Japanese), "2026年11月25日");
    }
}
