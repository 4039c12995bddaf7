//! The answer by brute force: every time that the wall clock could show is looked at, nothing is searched. It shares
//! no code with the crate; of the zone database it asks offsets of single moments only.

use std::collections::BTreeMap;

use jiff::{
    Timestamp,
    civil::Date,
    tz::{TimeZone, TimeZoneDatabase},
};
use kageos_scheduler::{OnFold, OnGap};

pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 24 * HOUR;

/// What the oracle says of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Moved,
    FirstPass,
    SecondPass,
    Plain,
}

/// Stretches of one offset, found by asking moment after moment: start, end, offset.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Offsets(pub(crate) Vec<(i64, i64, i64)>);

impl Offsets {
    /// Of a zone, some days around the time from `from` to `until`, asked each `step` seconds.
    pub(crate) fn of(zone: &str, from: i64, until: i64, step: i64) -> Self {
        let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
        let (first, last) = (from - 4 * DAY, until + 4 * DAY);
        let mut stretches = Vec::new();
        let (mut start, mut offset, mut at) = (first, offset_at(&zone, first), first);
        while at < last {
            let next = at + step;
            if offset_at(&zone, next) != offset {
                let (mut same, mut other) = (at, next);
                while other - same > 1 {
                    let middle = (same + other) / 2;
                    if offset_at(&zone, middle) == offset { same = middle } else { other = middle }
                }
                stretches.push((start, other, offset));
                (start, offset) = (other, offset_at(&zone, other));
            }
            at = next;
        }
        stretches.push((start, last, offset));
        Self(stretches)
    }

    /// The moments at which the offset changes.
    pub(crate) fn changes(&self) -> Vec<i64> {
        self.0.iter().skip(1).map(|(start, ..)| *start).collect()
    }

    /// All moments at which the wall clock shows `wall`.
    fn moments(&self, wall: i64) -> Vec<i64> {
        let moment = |&(start, end, offset): &(i64, i64, i64)| {
            (start..end).contains(&(wall - offset)).then_some(wall - offset)
        };
        self.0.iter().filter_map(moment).collect()
    }

    /// The change that leaves `wall` out, with the offset before it.
    fn gap(&self, wall: i64) -> Option<(i64, i64)> {
        let left_out = |pair: &[(i64, i64, i64)]| {
            let (change, before, after) = (pair[1].0, pair[0].2, pair[1].2);
            (change + before..change + after).contains(&wall).then_some((change, before))
        };
        self.0.windows(2).find_map(left_out)
    }
}

fn offset_at(zone: &TimeZone, at: i64) -> i64 {
    zone.to_offset(Timestamp::from_second(at).unwrap()).seconds().into()
}

/// A cron expression, read a second time.
#[derive(Debug)]
pub(crate) struct Spec {
    seconds: Vec<i64>,
    minutes: Vec<i64>,
    hours: Vec<i64>,
    days: String,
    months: Vec<i64>,
    weekdays: String,
    wild: bool,
    every_hour: bool,
}

impl Spec {
    pub(crate) fn new(expression: &str) -> Self {
        let plain = match expression {
            "@hourly" => "0 * * * *",
            "@daily" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let mut fields: Vec<String> =
            plain.split_whitespace().map(|f| f.to_uppercase().replace('?', "*")).collect();
        if fields.len() == 5 {
            fields.insert(0, "0".to_owned());
        }
        fields[5] = fields[5].replace("-SUN", "-7");
        for (name, number) in ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"].iter().zip(0..) {
            fields[5] = fields[5].replace(name, &number.to_string());
        }
        for (name, number) in
            ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
                .iter()
                .zip(1..)
        {
            fields[4] = fields[4].replace(name, &number.to_string());
        }
        Self {
            seconds: numbers(&fields[0], 0, 59),
            minutes: numbers(&fields[1], 0, 59),
            hours: numbers(&fields[2], 0, 23),
            days: fields[3].clone(),
            months: numbers(&fields[4], 1, 12),
            weekdays: fields[5].clone(),
            wild: fields[..3].iter().any(|field| field.contains('*')),
            every_hour: fields[2].contains('*') && numbers(&fields[2], 0, 23).len() == 24,
        }
    }

    fn matches_day(&self, date: Date) -> bool {
        if !self.months.contains(&date.month().into()) {
            return false;
        }
        let day = self.days.split(',').any(|item| day_matches(item, date));
        let weekdays = self.weekdays.trim_start_matches('+');
        let weekday = weekdays.split(',').any(|item| weekday_matches(item, date));
        if self.days == "*" || weekdays == "*" || self.weekdays.starts_with('+') {
            day && weekday
        } else {
            day || weekday
        }
    }

    /// Everything after `from` and up to `until`.
    pub(crate) fn occurrences(
        &self,
        zone: &Offsets,
        (from, until): (i64, i64),
        on_gap: OnGap,
        on_fold: OnFold,
    ) -> BTreeMap<i64, Kind> {
        let mut all = BTreeMap::new();
        let mut add = |at: i64, kind: Kind| {
            if from < at && at <= until {
                let told = all.entry(at).or_insert(kind);
                *told = kind.min(*told);
            }
        };
        for day in (from.div_euclid(DAY) - 2)..=(until.div_euclid(DAY) + 2) {
            let midnight = Timestamp::from_second(day * DAY).unwrap();
            if !self.matches_day(midnight.to_zoned(TimeZone::UTC).date()) {
                continue;
            }
            for wall in self.times().map(|time| day * DAY + time) {
                match (zone.moments(wall)[..].as_ref(), on_fold) {
                    ([at], _) => add(*at, Kind::Plain),
                    ([], _) if self.every_hour => {}
                    ([], _) => match (zone.gap(wall), on_gap) {
                        (Some((change, _)), OnGap::FirstValid) => add(change, Kind::Moved),
                        (Some((_, before)), OnGap::Shift) => add(wall - before, Kind::Moved),
                        _ => {}
                    },
                    ([first, second], rule) => {
                        if self.wild || rule != OnFold::Second {
                            add(*first, Kind::FirstPass);
                        }
                        if self.wild || rule != OnFold::First {
                            add(*second, Kind::SecondPass);
                        }
                    }
                    _ => panic!("shown three times"),
                }
            }
        }
        all
    }

    fn times(&self) -> impl Iterator<Item = i64> {
        let minutes =
            self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| hour * 60 + minute));
        minutes.flat_map(|minute| self.seconds.iter().map(move |second| minute * 60 + second))
    }
}

fn numbers(field: &str, low: i64, high: i64) -> Vec<i64> {
    let number = |text: &str| text.parse::<i64>().unwrap();
    let item = |item: &str| {
        let (range, step) = item.split_once('/').map_or((item, 1), |(range, step)| (range, number(step)));
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (number(from), number(to)),
            None if range == "*" => (low, high),
            None => (number(range), number(range)),
        };
        (from..=to).filter(move |n| (n - from) % step == 0)
    };
    let mut all: Vec<i64> = field.split(',').flat_map(item).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn is_working_day(date: Date) -> bool {
    date.weekday().to_monday_zero_offset() < 5
}

fn day_matches(item: &str, date: Date) -> bool {
    let last = date.last_of_month();
    if item == "L" {
        return date == last;
    }
    if item == "LW" {
        return (0..3)
            .map(|back| last.checked_sub(jiff::Span::new().days(back)).unwrap())
            .find(|d| is_working_day(*d))
            == Some(date);
    }
    if let Some(day) = item.strip_suffix('W') {
        let Ok(wanted) = Date::new(date.year(), date.month(), day.parse().unwrap()) else { return false };
        // The nearest working day of the same month; one day back comes before one day on.
        let nearest = [0, -1, 1, -2, 2]
            .iter()
            .filter_map(|days| wanted.checked_add(jiff::Span::new().days(*days)).ok())
            .find(|near| near.month() == wanted.month() && is_working_day(*near));
        return nearest == Some(date);
    }
    numbers(item, 1, 31).contains(&date.day().into())
}

fn weekday_matches(item: &str, date: Date) -> bool {
    let weekday = i64::from(date.weekday().to_sunday_zero_offset());
    let is = |text: &str| numbers(text, 0, 7).iter().any(|n| n % 7 == weekday);
    if let Some((days, nth)) = item.split_once('#') {
        return is(days) && (date.day() - 1) / 7 + 1 == nth.parse::<i8>().unwrap();
    }
    if let Some(days) = item.strip_suffix('L') {
        return is(days) && date.day() + 7 > date.days_in_month();
    }
    is(item)
}
