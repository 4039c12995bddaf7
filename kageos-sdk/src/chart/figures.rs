//! What a chart gives: series of points, each with the filter of the rows that it stands for.

use jiff::civil::Date;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::Serialize;
use serde_json::Value;

use kageos_core::{Code, Error, Result};

use crate::{
    Choice,
    lower::{MAX_POINTS, MAX_SERIES},
    table::{Filter, Mark},
};

/// The figures of a chart.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// The series, first drawn first.
    pub series: Vec<Series>,
    /// The one figure that matters most, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Figure>,
}

/// Points that belong together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// Its name for people.
    pub name: String,
    /// The points, in order.
    pub points: Vec<Point>,
}

/// One mark.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Where it stands.
    pub x: Value,
    /// How large it is; `None` for no value.
    pub y: Option<Figure>,
    /// The rows of the source table that it stands for.
    pub filter: Option<Filter>,
}

/// A number to draw. Sums are made of decimals; only the drawn length is a float.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Figure(f64);

impl From<Decimal> for Figure {
    fn from(number: Decimal) -> Self {
        Self(number.to_f64().unwrap_or_default())
    }
}

macro_rules! figures {
    ($($type:ident)*) => {$(
        impl From<$type> for Figure {
            fn from(number: $type) -> Self {
                Self::from(Decimal::from(number))
            }
        }
    )*};
}

figures! { i16 i32 i64 u16 u32 u64 usize }

/// Something that can stand on the horizontal axis.
pub trait Axis {
    /// How it is written there.
    fn on_axis(&self) -> Value;
}

impl Axis for Date {
    fn on_axis(&self) -> Value {
        Value::from(self.to_string())
    }
}

impl Axis for str {
    fn on_axis(&self) -> Value {
        Value::from(self)
    }
}

impl Axis for String {
    fn on_axis(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Axis for i64 {
    fn on_axis(&self) -> Value {
        Value::from(*self)
    }
}

impl<T: Choice> Axis for T {
    fn on_axis(&self) -> Value {
        Value::from(self.label())
    }
}

impl Point {
    /// A mark of this size.
    #[must_use]
    pub fn new(x: &(impl Axis + ?Sized), y: impl Into<Figure>) -> Self {
        Self { x: x.on_axis(), y: Some(y.into()), filter: None }
    }

    /// A group of rows by its first key, which leads to these rows.
    #[must_use]
    pub fn of(mark: Mark) -> Self {
        let x = mark.keys.into_iter().next().unwrap_or_default();
        Self { x, y: mark.value.map(Figure::from), filter: Some(mark.filter) }
    }

    /// A mark that leads to these rows.
    #[must_use]
    pub fn leads_to(self, filter: Filter) -> Self {
        Self { filter: Some(filter), ..self }
    }
}

impl Figures {
    /// One series.
    #[must_use]
    pub fn one(name: impl Into<String>, points: Vec<Point>) -> Self {
        Self::default().series(name, points)
    }

    /// A single figure.
    #[must_use]
    pub fn figure(total: impl Into<Figure>) -> Self {
        Self::default().total(total)
    }

    /// One more series.
    #[must_use]
    pub fn series(mut self, name: impl Into<String>, points: Vec<Point>) -> Self {
        self.series.push(Series { name: name.into(), points });
        self
    }

    /// The one figure that matters most.
    #[must_use]
    pub fn total(self, total: impl Into<Figure>) -> Self {
        Self { total: Some(total.into()), ..self }
    }
}

impl Figures {
    /// Refuses more than can be drawn.
    pub(crate) fn check(&self) -> Result<()> {
        let points = self.series.iter().map(|series| series.points.len()).max().unwrap_or_default();
        if self.series.len() <= MAX_SERIES && points <= MAX_POINTS {
            return Ok(());
        }
        let message =
            format!("a chart has at most {MAX_SERIES} series of {MAX_POINTS} points; use a longer bucket");
        Err(Error::new(Code::QueryTooExpensive, message))
    }
}
