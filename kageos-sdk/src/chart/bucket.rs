//! Spans of time.

use jiff::{ToSpan, civil::Date};
use serde_json::Value;

use crate::{Map, field::Reader, table::Filter};

/// How long a span of time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bucket {
    /// A day.
    Day,
    /// A week, from Monday (ISO 8601).
    Week,
    /// A month.
    #[default]
    Month,
    /// A quarter.
    Quarter,
    /// A year.
    Year,
}

impl Bucket {
    /// Every length, shortest first.
    pub const ALL: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// The first day of the span that `day` lies in.
    #[must_use]
    pub fn start(self, day: Date) -> Date {
        let first = |month: i8| Date::new(day.year(), month, 1).unwrap_or(day);
        match self {
            Self::Day => day,
            Self::Week => {
                let since_monday = i32::from(day.weekday().to_monday_zero_offset());
                day.checked_sub(since_monday.days()).unwrap_or(day)
            }
            Self::Month => first(day.month()),
            Self::Quarter => first((day.month() - 1) / 3 * 3 + 1),
            Self::Year => first(1),
        }
    }

    /// The last day of the span that `day` lies in.
    #[must_use]
    pub fn end(self, day: Date) -> Date {
        let start = self.start(day);
        let span = match self {
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
            Self::Quarter => 3.months(),
            Self::Year => 1.year(),
        };
        start.checked_add(span).and_then(Date::yesterday).unwrap_or(start)
    }

    /// The filter of the rows whose day field `field` lies in the span of `day`.
    #[must_use]
    pub fn filter(self, field: &str, day: Date) -> Filter {
        let text = |day: Date| Value::from(day.to_string());
        Filter::Range(field.to_owned(), text(self.start(day)), text(self.end(day)))
    }
}

impl From<Bucket> for crate::table::Bucket {
    fn from(bucket: Bucket) -> Self {
        match bucket {
            Bucket::Day => Self::Day,
            Bucket::Week => Self::Week,
            Bucket::Month => Self::Month,
            Bucket::Quarter => Self::Quarter,
            Bucket::Year => Self::Year,
        }
    }
}

/// What part of the data a chart is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Window {
    /// The first day.
    pub from: Option<Date>,
    /// The last day.
    pub to: Option<Date>,
    /// How the time is cut; what fits the data when it is not said.
    pub bucket: Option<Bucket>,
    /// Only rows of the chart's source table that meet this.
    pub filter: Option<Filter>,
}

impl Window {
    /// The window's days and its filter as one filter, for a table whose day field is `field`.
    #[must_use]
    pub fn rows(&self, field: &str) -> Filter {
        let day = |day: Option<Date>| day.map_or(Value::Null, |day| Value::from(day.to_string()));
        let mut all: Vec<Filter> = self.filter.iter().cloned().collect();
        if self.from.is_some() || self.to.is_some() {
            all.push(Filter::Range(field.to_owned(), day(self.from), day(self.to)));
        }
        Filter::And(all)
    }

    pub(crate) fn read(map: &mut Map, reader: &mut Reader) -> Option<Self> {
        let from = reader.field::<Option<Date>>(map, "from");
        let to = reader.field::<Option<Date>>(map, "to");
        let bucket = match map.remove("bucket") {
            None | Some(Value::Null) => Some(None),
            Some(value) => {
                let found = Bucket::ALL.into_iter().find(|bucket| value == bucket.as_str());
                found
                    .map(Some)
                    .or_else(|| reader.within("bucket", |it| it.fault("enum", "is no length of time")))
            }
        };
        let filter = match map.remove("filter") {
            None | Some(Value::Null) => Some(None),
            Some(value) => match serde_json::from_value(value) {
                Ok(filter) => Some(Some(filter)),
                Err(error) => reader.within("filter", |it| it.fault("type", error.to_string())),
            },
        };
        reader.rest(map);
        Some(Self { from: from?, to: to?, bucket: bucket?, filter: filter? })
    }
}
