//! Hours of a day where somebody lives: when an endpoint is to be quiet, and when the day's digest is due.
//!
//! A day of a time zone may have 23 or 25 hours. What begins in an hour that there is not that day begins when the clocks have
//! been put forward, and of an hour that comes twice the first one counts.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use crate::verdict::Severity;

/// A time zone by its name in the IANA database, such as `Asia/Tokyo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeZone(Tz);

/// The text names no time zone.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not the name of a time zone, such as Asia/Tokyo")]
pub struct UnknownTimeZone;

impl std::str::FromStr for TimeZone {
    type Err = UnknownTimeZone;

    fn from_str(text: &str) -> Result<Self, UnknownTimeZone> {
        text.parse().map(Self).map_err(|_unknown| UnknownTimeZone)
    }
}

impl std::fmt::Display for TimeZone {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

impl TimeZone {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }

    fn local(self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.0).naive_local()
    }

    /// When that day shows that time.
    fn at(self, day: NaiveDate, time: NaiveTime) -> DateTime<Utc> {
        // Clocks are put forward by two hours at most; no time is missing for longer.
        let wanted = day.and_time(time);
        let shown = (0..=8)
            .find_map(|quarters| (wanted + TimeDelta::minutes(15 * quarters)).and_local_timezone(self.0).earliest());
        shown.map_or_else(|| wanted.and_utc(), |at| at.to_utc())
    }

    /// When the clocks show that time next, after `now`.
    fn next(self, time: NaiveTime, now: DateTime<Utc>) -> DateTime<Utc> {
        let today = self.local(now).date();
        // Where a whole day is left out (Samoa, 2011), the one after it.
        let days = (0..=3).filter_map(|ahead| today.checked_add_days(Days::new(ahead)));
        days.map(|day| self.at(day, time)).find(|at| *at > now).unwrap_or(now + TimeDelta::days(1))
    }
}

/// A time of day to the minute, `22:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(NaiveTime);

/// The text is no time of day.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a time of day from 00:00 to 23:59")]
pub struct MalformedTimeOfDay;

impl std::str::FromStr for TimeOfDay {
    type Err = MalformedTimeOfDay;

    fn from_str(text: &str) -> Result<Self, MalformedTimeOfDay> {
        let is_written_so = text.len() == 5;
        let time = NaiveTime::parse_from_str(text, "%H:%M").map_err(|_malformed| MalformedTimeOfDay)?;
        if is_written_so { Ok(Self(time)) } else { Err(MalformedTimeOfDay) }
    }
}

impl std::fmt::Display for TimeOfDay {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl TryFrom<u32> for TimeOfDay {
    type Error = MalformedTimeOfDay;

    /// Minutes since midnight.
    fn try_from(minutes: u32) -> Result<Self, MalformedTimeOfDay> {
        NaiveTime::from_hms_opt(minutes / 60, minutes % 60, 0).map(Self).ok_or(MalformedTimeOfDay)
    }
}

impl TimeOfDay {
    /// Minutes since midnight.
    pub fn minutes(self) -> u32 {
        self.0.hour() * 60 + self.0.minute()
    }
}

/// Hours in which an endpoint is told only what can't wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// When they begin.
    pub from: TimeOfDay,
    /// When they end, on the next day where that is earlier.
    pub until: TimeOfDay,
    /// Whose day it is.
    pub zone: TimeZone,
    /// What is at least that urgent is told all the same; `None`: nothing is.
    pub let_through: Option<Severity>,
}

impl QuietHours {
    /// Until when something of that severity has to wait; `None`: it has not.
    pub fn hold_until(&self, severity: Option<Severity>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let passes = self.let_through.is_some_and(|least| severity.is_some_and(|severity| severity >= least));
        let time = self.zone.local(now).time();
        let is_quiet = if self.from.0 < self.until.0 {
            self.from.0 <= time && time < self.until.0
        } else {
            self.from.0 <= time || time < self.until.0
        };
        (is_quiet && !passes).then(|| self.zone.next(self.until.0, now))
    }
}

/// When the digest is due: each day at that hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestTime {
    hour: u32,
    zone: TimeZone,
}

/// The number is no hour.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an hour is 0 to 23")]
pub struct MalformedHour;

impl DigestTime {
    /// Each day at `hour` o'clock there.
    pub const fn new(hour: u32, zone: TimeZone) -> Result<Self, MalformedHour> {
        if hour <= 23 { Ok(Self { hour, zone }) } else { Err(MalformedHour) }
    }

    /// The hour, 0 to 23.
    pub const fn hour(self) -> u32 {
        self.hour
    }

    /// Whose day it is.
    pub const fn zone(self) -> TimeZone {
        self.zone
    }

    /// When it is due next, after `now`.
    pub fn next(self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.zone.next(NaiveTime::from_hms_opt(self.hour, 0, 0).unwrap_or_default(), now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn zone(name: &str) -> TimeZone {
        name.parse().unwrap()
    }

    fn quiet(from: &str, until: &str, name: &str) -> QuietHours {
        let (from, until) = (from.parse().unwrap(), until.parse().unwrap());
        QuietHours { from, until, zone: zone(name), let_through: Some(Severity::Critical) }
    }

    #[test]
    fn a_night_in_tokyo_is_quiet_but_for_what_is_critical() {
        let night = quiet("22:00", "07:00", "Asia/Tokyo");
        let ends = Some(at("2026-11-24T22:00:00Z"));
        assert_eq!(night.hold_until(Some(Severity::High), at("2026-11-24T13:00:00Z")), ends);
        assert_eq!(night.hold_until(None, at("2026-11-24T21:59:59Z")), ends);
        assert_eq!(night.hold_until(Some(Severity::Critical), at("2026-11-24T13:00:00Z")), None);
        assert_eq!(night.hold_until(Some(Severity::Low), at("2026-11-24T12:59:59Z")), None);
        assert_eq!(night.hold_until(Some(Severity::Low), at("2026-11-24T22:00:00Z")), None);
        let silent = QuietHours { let_through: None, ..night };
        assert_eq!(silent.hold_until(Some(Severity::Critical), at("2026-11-24T13:00:00Z")), ends);
    }

    #[test]
    fn hours_within_a_day_end_that_day_and_equal_ends_are_the_whole_day() {
        let lunch = quiet("12:00", "13:00", "Europe/Berlin");
        assert_eq!(lunch.hold_until(None, at("2026-11-24T11:30:00Z")), Some(at("2026-11-24T12:00:00Z")));
        assert_eq!(lunch.hold_until(None, at("2026-11-24T12:00:00Z")), None);
        let always = quiet("08:00", "08:00", "UTC");
        assert_eq!(always.hold_until(None, at("2026-11-24T08:00:00Z")), Some(at("2026-11-25T08:00:00Z")));
    }

    #[test]
    fn the_digest_follows_the_clocks_when_they_are_put_forward_and_back() {
        let digest = DigestTime::new(2, zone("Europe/Berlin")).unwrap();
        // 2026-03-29 has no 02:00; 2026-10-25 has two.
        assert_eq!(digest.next(at("2026-03-28T12:00:00Z")), at("2026-03-29T01:00:00Z"));
        assert_eq!(digest.next(at("2026-03-29T01:00:00Z")), at("2026-03-30T00:00:00Z"));
        assert_eq!(digest.next(at("2026-10-24T12:00:00Z")), at("2026-10-25T00:00:00Z"));
        assert_eq!(digest.next(at("2026-10-25T00:00:00Z")), at("2026-10-26T01:00:00Z"));
        assert_eq!(DigestTime::new(24, zone("UTC")), Err(MalformedHour));
    }

    #[test]
    fn what_is_no_time_and_no_zone_is_refused() {
        for text in ["", "7:00", "24:00", "12:60", "12:00:00", "noon", "+1:00"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
        for text in ["", "Tokyo", "JST", "+09:00", "Asia/Nowhere"] {
            assert!(text.parse::<TimeZone>().is_err(), "{text}");
        }
        assert_eq!("07:05".parse::<TimeOfDay>().unwrap().to_string(), "07:05");
        assert_eq!(TimeOfDay::try_from("23:59".parse::<TimeOfDay>().unwrap().minutes()).unwrap().to_string(), "23:59");
    }

    proptest! {
        #[test]
        fn what_waits_does_not_wait_longer_than_a_day_and_is_told_then(
            from in 0_u32..1_440,
            until in 0_u32..1_440,
            second in 0_i64..4_000_000_000,
            name in proptest::sample::select(&["UTC", "Asia/Tokyo", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"][..]),
        ) {
            prop_assume!(from != until);
            let (from, until) = (TimeOfDay::try_from(from).unwrap(), TimeOfDay::try_from(until).unwrap());
            let hours = QuietHours { from, until, zone: zone(name), let_through: None };
            let now = DateTime::from_timestamp(second, 0).unwrap();
            if let Some(ends) = hours.hold_until(None, now) {
                prop_assert!(ends > now && ends <= now + TimeDelta::hours(26), "{} to {}", now, ends);
            }
        }
    }
}
