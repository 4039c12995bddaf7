//! Times at which nothing runs.

use std::collections::BTreeSet;

use jiff::civil::{Date, Time};
use kageos_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    text,
    wall::{DAY, WEEK, Wall, second_of_week},
    zone::{MICROS, Zone},
};

/// Times that do not count. An occurrence whose nominal time lies in one of them does not exist; only the end of a
/// [delay](crate::Trigger::Delay) is put off to the first moment that is free, for else the task would never run again.
///
/// A time that the wall clock leaves out lies in a date or a window by what the wall clock would have shown, and in a
/// blackout by the moment of the gap. One that [`OnGap`](crate::OnGap) moves must be free where it was and where it
/// runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exclude {
    /// Whole days of the schedule's zone, such as holidays: `2026-12-25`.
    #[serde(deserialize_with = "text::read_dates")]
    pub dates: BTreeSet<Date>,
    /// Times of each week in the schedule's zone.
    pub weekly: Vec<Window>,
    /// Stretches of time.
    pub blackouts: Vec<Blackout>,
}

/// A time of day on some days of each week: `{"days": ["sat", "sun"], "from": "00:00", "to": "00:00"}` is each weekend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins.
    pub days: BTreeSet<Day>,
    /// When it begins, `22:00` or `22:00:00`.
    #[serde(deserialize_with = "text::read_time")]
    pub from: Time,
    /// When it ends; this moment is free again. At or before `from` it is a time of the next day.
    #[serde(deserialize_with = "text::read_time")]
    pub to: Time,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blackout {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// [`Exclude`] in an order that is quick to search.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exclusions {
    /// Days since 1970-01-01.
    days: Vec<i64>,
    /// Seconds of the week.
    weekly: Vec<(i64, i64)>,
    blackouts: Vec<(i64, i64)>,
}

impl Exclusions {
    pub(crate) fn new(exclude: &Exclude) -> Self {
        let blackout = |out: &Blackout| (out.from.as_micros(), out.to.as_micros());
        Self {
            days: exclude
                .dates
                .iter()
                .map(|date| Wall::of(date.to_datetime(Time::midnight())).day())
                .collect(),
            weekly: merged(exclude.weekly.iter().flat_map(Window::of_week).collect()),
            blackouts: merged(exclude.blackouts.iter().map(blackout).collect()),
        }
    }

    /// A moment after `at` up to which everything is excluded too, or `None` when `at` is free. It is never past the
    /// end of the exclusion that holds `at`.
    pub(crate) fn until(&self, zone: &Zone, at: Timestamp) -> Option<Timestamp> {
        if let Some(end) = around(&self.blackouts, at.as_micros()) {
            return Some(Timestamp::from_micros(end));
        }
        if self.days.is_empty() && self.weekly.is_empty() {
            return None;
        }
        let second = at.as_micros().div_euclid(MICROS);
        let here = zone.stretch(second);
        let end = self.wall_until(here.wall(second))?;
        // Behind a jump of the wall clock it is looked at anew.
        Some(Timestamp::from_micros(here.second(end).min(here.end) * MICROS))
    }

    /// A time of the wall clock after `wall` up to which days or windows exclude everything, or `None`.
    pub(crate) fn wall_until(&self, wall: Wall) -> Option<Wall> {
        if self.days.binary_search(&wall.day()).is_ok() {
            return Some(Wall((wall.day() + 1) * DAY));
        }
        let of_week = wall.second_of_week();
        Some(Wall(wall.0 + around(&self.weekly, of_week)? - of_week))
    }

    /// Whether a blackout holds the second `at`.
    pub(crate) fn is_blackout(&self, at: i64) -> bool {
        around(&self.blackouts, at * MICROS).is_some()
    }
}

impl Window {
    /// Its seconds of the week, in two parts where it goes over the end of the week.
    fn of_week(&self) -> Vec<(i64, i64)> {
        let part = |day: &Day| {
            let from = second_of_week(*day as i64, self.from);
            let to = second_of_week(*day as i64, self.to);
            let to = if self.to <= self.from { to + DAY } else { to };
            [(from, to.min(WEEK)), (0, to - WEEK)]
        };
        self.days.iter().flat_map(part).filter(|(from, to)| from < to).collect()
    }
}

/// In order, with those that touch made one.
fn merged(mut ranges: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let touches = next.0 <= last.1;
        if touches {
            last.1 = last.1.max(next.1);
        }
        touches
    });
    ranges
}

/// The end of the range that holds `at`.
fn around(ranges: &[(i64, i64)], at: i64) -> Option<i64> {
    let before = ranges.partition_point(|(from, _)| *from <= at);
    let (_, to) = ranges.get(before.checked_sub(1)?)?;
    Some(*to).filter(|to| at < *to)
}
