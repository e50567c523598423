//! How hosts write the time.

use chrono::{DateTime, Datelike, Duration, FixedOffset, Offset, TimeZone, Utc};

/// A moment.
pub(crate) type Time = DateTime<Utc>;

/// Where a clock hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    offset: FixedOffset,
    /// As in "(JST)".
    pub(crate) name: &'static str,
}

impl Zone {
    pub(crate) fn new(hours: i32, name: &'static str) -> Self {
        Self { offset: FixedOffset::east_opt(hours * 3_600).unwrap_or_else(|| Utc.fix()), name }
    }

    pub(crate) fn tokyo() -> Self {
        Self::new(9, "JST")
    }

    pub(crate) fn utc() -> Self {
        Self::new(0, "UTC")
    }

    /// `Tue, 12 Mar 2024 10:25:31 +0900`
    pub(crate) fn date(self, at: Time) -> String {
        at.with_timezone(&self.offset).format("%a, %-d %b %Y %H:%M:%S %z").to_string()
    }

    /// `Tue, 12 Mar 2024 10:25:31 +0900 (JST)`
    pub(crate) fn named_date(self, at: Time) -> String {
        format!("{} ({})", self.date(at), self.name)
    }

    /// `20240312102531`
    pub(crate) fn stamp(self, at: Time) -> String {
        at.with_timezone(&self.offset).format("%Y%m%d%H%M%S").to_string()
    }

    /// The start of the local day so many days after `at`.
    pub(crate) fn midnight(self, at: Time, days: u32) -> Time {
        let day = at.with_timezone(&self.offset).date_naive() + Duration::days(i64::from(days));
        day.and_hms_opt(0, 0, 0)
            .and_then(|start| self.offset.from_local_datetime(&start).single())
            .map_or(at, |start| start.with_timezone(&Utc))
    }

    /// 0 is Monday.
    pub(crate) fn weekday(self, at: Time) -> u32 {
        at.with_timezone(&self.offset).weekday().num_days_from_monday()
    }
}

/// `12 Mar 2024 01:25:31 -0000`, the only form that qmail writes.
pub(crate) fn qmail_date(at: Time) -> String {
    at.format("%-d %b %Y %H:%M:%S -0000").to_string()
}
