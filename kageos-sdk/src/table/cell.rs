//! A value of a field between JSON and its column.

use jiff::civil::Date;
use kageos_core::{RowId, Timestamp, sql};
use serde_json::Value;

use super::number::{NumberError, format_scaled, parse_scaled};
use crate::def::ColumnKind;

/// Longest short text, in bytes: with its id it fits the index of every engine.
pub(crate) const MAX_TEXT: usize = 512;
/// Longest long text, in bytes: a book's chapter, and sixteen of them fit a statement of every engine.
pub(crate) const MAX_LONG_TEXT: usize = 1 << 20;
/// Largest integer that every JSON reader keeps exact.
const MAX_SAFE: i64 = (1 << 53) - 1;

/// A value as its column holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
}

/// What is wrong with a value: a code and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Mistake {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<NumberError> for Mistake {
    fn from(error: NumberError) -> Self {
        match error {
            NumberError::Shape => Self::new("type", "must be a decimal number as text"),
            NumberError::Places => Self::new("scale", "has more decimal places than the field"),
            NumberError::Overflow => Self::new("overflow", "is beyond what the field holds"),
        }
    }
}

impl Cell {
    /// The cell of a JSON value. Null is [`Cell::Null`] for every kind.
    pub(crate) fn encode(kind: ColumnKind, value: &Value) -> Result<Self, Mistake> {
        if value.is_null() {
            return Ok(Self::Null);
        }
        match kind {
            ColumnKind::Text => text(value, MAX_TEXT).map(Self::Text),
            ColumnKind::LongText => text(value, MAX_LONG_TEXT).map(Self::Text),
            ColumnKind::Integer => integer(value).map(Self::Int),
            ColumnKind::BigInteger => big_integer(value).map(Self::Int),
            ColumnKind::Bool => {
                let it = value.as_bool().ok_or_else(|| Mistake::new("type", "must be true or false"))?;
                Ok(Self::Int(it.into()))
            }
            ColumnKind::Decimal { scale } => {
                let text = value.as_str().ok_or(NumberError::Shape)?;
                Ok(Self::Int(parse_scaled(text, scale)?))
            }
            ColumnKind::Date => date(value).map(Self::Text),
            ColumnKind::DateTime => date_time(value).map(Self::Int),
            ColumnKind::Relation => row_id(value).map(|id| Self::Int(id.as_i64())),
            ColumnKind::Json => json(value).map(Self::Text),
        }
    }

    /// The JSON value of the cell.
    pub(crate) fn decode(&self, kind: ColumnKind) -> Value {
        match (self, kind) {
            (Self::Null, _) => Value::Null,
            (Self::Int(it), ColumnKind::Bool) => Value::Bool(*it != 0),
            (Self::Int(it), ColumnKind::Integer) => Value::from(*it),
            (Self::Int(it), ColumnKind::Decimal { scale }) => Value::String(format_scaled(*it, scale)),
            (Self::Int(it), ColumnKind::DateTime) => Value::String(Timestamp::from_micros(*it).to_string()),
            (Self::Int(it), _) => Value::String(it.to_string()),
            (Self::Text(it), ColumnKind::Json) => serde_json::from_str(it).unwrap_or(Value::Null),
            (Self::Text(it), _) => Value::String(it.clone()),
        }
    }

    /// The cell in a column of a result.
    pub(crate) fn read(value: &sql::Value<'_>) -> Self {
        match value {
            sql::Value::Int(Some(it)) => Self::Int(*it),
            sql::Value::Text(Some(it)) => Self::Text(it.clone().into_owned()),
            _ => Self::Null,
        }
    }

    /// The cell as a parameter; a null has the type of its column.
    pub(crate) fn param(&self, kind: ColumnKind) -> sql::Value<'_> {
        match self {
            Self::Int(it) => sql::Value::from(*it),
            Self::Text(it) => sql::Value::from(it.as_str()),
            Self::Null if is_text(kind) => sql::Value::Text(None),
            Self::Null => sql::Value::Int(None),
        }
    }

    /// The text of the cell folded for people's search and order; null stays null.
    pub(crate) fn folded(&self) -> Self {
        match self {
            Self::Text(it) => Self::Text(fold(it)),
            other => other.clone(),
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// Text without the difference of upper and lower case.
pub(crate) fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// Whether the column holds text; else it holds a 64-bit integer.
pub(crate) fn is_text(kind: ColumnKind) -> bool {
    matches!(kind, ColumnKind::Text | ColumnKind::LongText | ColumnKind::Date | ColumnKind::Json)
}

fn text(value: &Value, max: usize) -> Result<String, Mistake> {
    let text = value.as_str().ok_or_else(|| Mistake::new("type", "must be text"))?;
    if text.len() > max {
        return Err(Mistake::new("max_bytes", format!("has {} bytes, at most {max} fit", text.len())));
    }
    if text.contains('\0') {
        return Err(Mistake::new("pattern", "holds a NUL character"));
    }
    Ok(text.to_owned())
}

fn integer(value: &Value) -> Result<i64, Mistake> {
    let number = value.as_number().ok_or_else(|| Mistake::new("type", "must be a whole number"))?;
    let whole = number.as_i64().or_else(|| {
        // JSON Schema counts 1.0 among the integers.
        number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() <= MAX_SAFE as f64).map(|it| it as i64)
    });
    match whole {
        Some(it) if it.abs_diff(0) <= MAX_SAFE.unsigned_abs() => Ok(it),
        None if number.is_f64() => Err(Mistake::new("type", "must be a whole number")),
        _ => Err(NumberError::Overflow.into()),
    }
}

fn big_integer(value: &Value) -> Result<i64, Mistake> {
    let text = value.as_str().ok_or_else(|| Mistake::new("type", "must be a whole number as text"))?;
    parse_scaled(text, 0).map_err(|error| match error {
        NumberError::Overflow => error.into(),
        _ => Mistake::new("type", "must be a whole number as text"),
    })
}

fn date(value: &Value) -> Result<String, Mistake> {
    let wrong = || Mistake::new("format", "must be a date, YYYY-MM-DD");
    let text = value.as_str().ok_or_else(wrong)?;
    let date: Date = text.parse().map_err(|_| wrong())?;
    if date.to_string() == text { Ok(text.to_owned()) } else { Err(wrong()) }
}

fn date_time(value: &Value) -> Result<i64, Mistake> {
    let wrong = || Mistake::new("format", "must be a moment with its zone, RFC 3339");
    let time: Timestamp = value.as_str().ok_or_else(wrong)?.parse().map_err(|_| wrong())?;
    Ok(time.as_micros())
}

fn row_id(value: &Value) -> Result<RowId, Mistake> {
    let wrong = || Mistake::new("type", "must be the id of a row, as text");
    value.as_str().ok_or_else(wrong)?.parse().map_err(|_| wrong())
}

fn json(value: &Value) -> Result<String, Mistake> {
    if !value.is_array() && !value.is_object() {
        return Err(Mistake::new("type", "must be a list or an object"));
    }
    let text = value.to_string();
    if text.len() > MAX_LONG_TEXT {
        return Err(Mistake::new("max_bytes", format!("is too large, at most {MAX_LONG_TEXT} bytes fit")));
    }
    // JSON text never holds a NUL: serde_json writes it as an escape.
    Ok(text)
}
