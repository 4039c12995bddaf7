//! Numbers over groups of rows, for charts.

use std::cmp::Ordering;

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use kageos_core::{Error, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Filter, Result, cell::Cell, layout::Table};
use crate::def::ColumnKind;

/// Most marks of one answer: more than a screen shows.
pub const MAX_MARKS: u32 = 2000;
/// Most groupings at once: the axis and the series.
const MAX_GROUPS: usize = 2;
/// Decimal places of an average beyond those of its field.
const AVERAGE_PLACES: u32 = 4;

/// What is asked of a table for a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AggregateQuery {
    /// What the rows are grouped by, at most two; without any all rows are one group.
    #[serde(default)]
    pub group_by: Vec<Group>,
    /// The number of each group.
    pub value: Aggregate,
    /// Only rows that meet this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Most marks, [`MAX_MARKS`] when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The order of the marks, which says what a limit keeps.
    #[serde(default)]
    pub order: MarkOrder,
}

/// What rows are grouped by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Each value of a field.
    Field(String),
    /// A stretch of time, in UTC, of a field that holds days or moments.
    Time(String, Bucket),
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// An hour; of a day the whole day.
    Hour,
    /// A day.
    Day,
    /// A week, which starts on Monday.
    Week,
    /// A month.
    Month,
    /// Three months.
    Quarter,
    /// A year.
    Year,
}

/// The number of a group. Rows without a value count only for [`Aggregate::Count`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// How many rows.
    Count,
    /// The sum of a field, exact.
    Sum(String),
    /// The average of a field, rounded four places beyond the field's.
    Avg(String),
    /// The least value of a field.
    Min(String),
    /// The greatest value of a field.
    Max(String),
}

/// The order of marks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkOrder {
    /// By key, what has none last.
    #[default]
    Key,
    /// By key, from the end.
    KeyDesc,
    /// The smallest number first.
    Value,
    /// The largest number first.
    ValueDesc,
}

/// One group and its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// What the group has in common, a key a grouping; the start of a stretch of time.
    pub keys: Vec<Value>,
    /// The number; `None` when no row of the group has a value.
    pub value: Option<Decimal>,
    /// The rows of the group.
    pub filter: Filter,
}

/// A grouping whose field exists.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckedGroup {
    pub(crate) at: usize,
    pub(crate) bucket: Option<Bucket>,
}

/// What the database counts for one group.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) rows: i128,
    /// Rows that have a value.
    pub(crate) count: i128,
    pub(crate) sum: i128,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

/// A key in order: what has none stands last.
pub(crate) type Key = (bool, Cell);

impl AggregateQuery {
    /// # Errors
    /// Everything that is wrong, with its pointer.
    pub(crate) fn groups(&self, table: &Table) -> Result<Vec<CheckedGroup>> {
        if self.group_by.len() > MAX_GROUPS {
            return Err(Error::field("/group_by", "max_items", format!("at most {MAX_GROUPS} groupings")));
        }
        let each = self.group_by.iter().enumerate().map(|(i, group)| {
            let (name, bucket) = match group {
                Group::Field(name) => (name, None),
                Group::Time(name, bucket) => (name, Some(*bucket)),
            };
            let wrong = |code: &'static str, text: &str| Error::field(format!("/group_by/{i}"), code, text);
            let at =
                table.position(name).ok_or_else(|| wrong("unknown_field", "is no field of the table"))?;
            let kind = table.columns[at].kind;
            let time = matches!(kind, ColumnKind::Date | ColumnKind::DateTime);
            match (bucket, kind) {
                _ if !table.filterable(at) => {
                    Err(wrong("not_filterable", "is not declared to be filtered by"))
                }
                (None, ColumnKind::LongText | ColumnKind::Json) => {
                    Err(wrong("type", "holds long text or a list"))
                }
                (Some(_), _) if !time => Err(wrong("type", "holds no time")),
                _ => Ok(CheckedGroup { at, bucket }),
            }
        });
        each.collect()
    }

    /// The field that is summed up, and its decimal places.
    ///
    /// # Errors
    /// When it holds no numbers.
    pub(crate) fn measure(&self, table: &Table) -> Result<Option<(usize, u32)>> {
        let name = match &self.value {
            Aggregate::Count => return Ok(None),
            Aggregate::Sum(name) | Aggregate::Avg(name) | Aggregate::Min(name) | Aggregate::Max(name) => name,
        };
        let wrong = |code: &'static str, text: &str| Error::field("/value", code, text);
        let at = table.position(name).ok_or_else(|| wrong("unknown_field", "is no field of the table"))?;
        match table.columns[at].kind {
            ColumnKind::Decimal { scale } => Ok(Some((at, scale))),
            ColumnKind::Integer | ColumnKind::BigInteger => Ok(Some((at, 0))),
            _ => Err(wrong("type", "holds no numbers")),
        }
    }

    /// # Errors
    /// When the limit is none.
    pub(crate) fn limit(&self) -> Result<usize> {
        match self.limit.unwrap_or(MAX_MARKS) {
            limit @ 1..=MAX_MARKS => Ok(limit as usize),
            _ => Err(Error::field("/limit", "range", format!("must be from 1 to {MAX_MARKS}"))),
        }
    }

    /// The number of a group.
    ///
    /// # Errors
    /// When it is beyond what a decimal holds.
    pub(crate) fn number(&self, tally: &Tally, scale: u32) -> Result<Option<Decimal>> {
        let decimal = |number: i128, scale| {
            Decimal::try_from_i128_with_scale(number, scale)
                .map_err(|_| Error::field("/value", "overflow", "the sum is beyond what can be told"))
        };
        Ok(match &self.value {
            Aggregate::Count => Some(decimal(tally.rows, 0)?),
            _ if tally.count == 0 => None,
            Aggregate::Sum(_) => Some(decimal(tally.sum, scale)?),
            Aggregate::Avg(_) => {
                let average = decimal(tally.sum, scale)?.checked_div(decimal(tally.count, 0)?);
                average.map(|average| average.round_dp(scale + AVERAGE_PLACES).normalize())
            }
            Aggregate::Min(_) => tally.min.map(|min| decimal(min.into(), scale)).transpose()?,
            Aggregate::Max(_) => tally.max.map(|max| decimal(max.into(), scale)).transpose()?,
        })
    }

    /// Puts marks with their keys in order.
    pub(crate) fn sort(&self, marks: &mut [(Vec<Key>, Mark)]) {
        let by_value = |a: &Mark, b: &Mark, desc: bool| match (a.value, b.value) {
            (Some(a), Some(b)) if desc => b.cmp(&a),
            (Some(a), Some(b)) => a.cmp(&b),
            (a, b) => a.is_none().cmp(&b.is_none()),
        };
        marks.sort_by(|(left, a), (right, b)| match self.order {
            MarkOrder::Key => left.cmp(right),
            MarkOrder::KeyDesc => descending(left, right),
            MarkOrder::Value => by_value(a, b, false).then_with(|| left.cmp(right)),
            MarkOrder::ValueDesc => by_value(a, b, true).then_with(|| left.cmp(right)),
        });
    }
}

/// From the end, but what has no key last all the same.
fn descending(left: &[Key], right: &[Key]) -> Ordering {
    let steps = left.iter().zip(right).map(|(a, b)| a.0.cmp(&b.0).then_with(|| b.1.cmp(&a.1)));
    steps.fold(Ordering::Equal, Ordering::then)
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.count += other.count;
        self.sum += other.sum;
        self.min = [self.min, other.min].into_iter().flatten().min();
        self.max = [self.max, other.max].into_iter().flatten().max();
    }
}

impl CheckedGroup {
    /// The start of the stretch that a cell lies in; without a stretch the cell itself.
    pub(crate) fn start(self, kind: ColumnKind, cell: Cell) -> Cell {
        let Some(bucket) = self.bucket else { return cell };
        match (kind, &cell) {
            (ColumnKind::Date, Cell::Text(text)) => match text.parse() {
                Ok(date) => Cell::Text(bucket.start(date).to_string()),
                Err(_) => cell,
            },
            (ColumnKind::DateTime, Cell::Int(micros)) if bucket != Bucket::Hour => {
                day(*micros).and_then(|date| micros_of(bucket.start(date))).map_or(Cell::Null, Cell::Int)
            }
            _ => cell,
        }
    }

    /// The key as JSON, and the condition on its rows.
    pub(crate) fn mark(self, table: &Table, cell: &Cell) -> (Value, Filter) {
        let column = &table.columns[self.at];
        let key = cell.decode(column.kind);
        let name = column.name.clone();
        match self.bucket.map(|bucket| bucket.last(column.kind, cell)) {
            Some(last) if !cell.is_null() => {
                let to = last.map_or(Value::Null, |last| last.decode(column.kind));
                (key.clone(), Filter::Range(name, key, to))
            }
            _ => (key.clone(), Filter::Eq(name, key)),
        }
    }
}

impl Bucket {
    fn start(self, date: Date) -> Date {
        let month = |month: i8| Date::new(date.year(), month, 1).unwrap_or(date);
        match self {
            Self::Hour | Self::Day => date,
            Self::Week => {
                let days = i64::from(date.weekday().to_monday_zero_offset());
                date.checked_sub(days.days()).unwrap_or(date)
            }
            Self::Month => month(date.month()),
            Self::Quarter => month((date.month() - 1) / 3 * 3 + 1),
            Self::Year => month(1),
        }
    }

    /// The last value of the stretch that starts with `cell`; `None` at the end of time.
    fn last(self, kind: ColumnKind, cell: &Cell) -> Option<Cell> {
        match (kind, cell) {
            (ColumnKind::Date, Cell::Text(text)) => {
                let next = self.next(text.parse().ok()?)?;
                Some(Cell::Text(next.yesterday().ok()?.to_string()))
            }
            (_, Cell::Int(micros)) if self == Self::Hour => Some(Cell::Int(micros + HOUR_MICROS - 1)),
            (_, Cell::Int(micros)) => Some(Cell::Int(micros_of(self.next(day(*micros)?)?)? - 1)),
            _ => None,
        }
    }

    fn next(self, start: Date) -> Option<Date> {
        let span = match self {
            Self::Hour | Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
            Self::Quarter => 3.months(),
            Self::Year => 1.year(),
        };
        start.checked_add(span).ok()
    }
}

/// An hour in microseconds.
pub(crate) const HOUR_MICROS: i64 = 3_600_000_000;

/// The day of a moment.
fn day(micros: i64) -> Option<Date> {
    let time = jiff::Timestamp::from_microsecond(micros).ok()?;
    Some(TimeZone::UTC.to_datetime(time).date())
}

/// The first moment of a day.
fn micros_of(date: Date) -> Option<i64> {
    let time = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(Timestamp::from_micros(time.as_microsecond()).as_micros())
}
