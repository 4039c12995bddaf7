//! What a wall clock shows, as a number.

use jiff::civil::{DateTime, Time};

use crate::zone::civil;

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// Seconds of a week.
pub(crate) const WEEK: i64 = 7 * DAY;

/// What a wall clock shows: the seconds that a clock without zones counts from 1970-01-01 00:00:00 to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wall(pub(crate) i64);

impl Wall {
    pub(crate) fn of(time: DateTime) -> Self {
        Self(time.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).as_secs())
    }

    pub(crate) fn datetime(self) -> DateTime {
        civil(self.0)
    }

    /// Days since 1970-01-01.
    pub(crate) fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    /// Seconds since Monday 00:00.
    pub(crate) fn second_of_week(self) -> i64 {
        // 1970-01-01 was a Thursday.
        (self.0 + 3 * DAY).rem_euclid(WEEK)
    }
}

/// Seconds since Monday 00:00 at a time of a day, Monday being day 0.
pub(crate) fn second_of_week(day: i64, time: Time) -> i64 {
    day * DAY + i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second())
}
