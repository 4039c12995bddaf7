//! A row of a result, read by column name or position.

use std::sync::Arc;

use super::{SqlError, Value};

/// One row. All rows of a result share their column names.
#[derive(Debug, Clone)]
pub struct Row {
    columns: Arc<[Box<str>]>,
    values: Box<[Value<'static>]>,
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for usize {}
}

/// How a column is named: by `&str` or by `usize` from zero.
pub trait Column: Copy + std::fmt::Display + sealed::Sealed {
    #[doc(hidden)]
    fn position(self, columns: &[Box<str>]) -> Option<usize>;
}

impl Column for &str {
    fn position(self, columns: &[Box<str>]) -> Option<usize> {
        columns.iter().position(|it| **it == *self)
    }
}

impl Column for usize {
    fn position(self, columns: &[Box<str>]) -> Option<usize> {
        (self < columns.len()).then_some(self)
    }
}

macro_rules! read {
    ($($doc:literal $name:ident, $opt:ident: $expected:literal $variant:ident($it:ident) -> $type:ty = $value:expr;)+) => {$(
        #[doc = concat!("The ", $doc, " in this column.\n\n# Errors\n[`SqlError::Column`] when there is no such column, [`SqlError::ColumnType`] when it is null or of another type.")]
        pub fn $name(&self, column: impl Column) -> Result<$type, SqlError> {
            self.$opt(column)?.ok_or_else(|| mismatch(column, $expected))
        }

        #[doc = concat!("The ", $doc, " in this column, or `None` when it is null.\n\n# Errors\n[`SqlError::Column`] when there is no such column, [`SqlError::ColumnType`] when it is of another type.")]
        pub fn $opt(&self, column: impl Column) -> Result<Option<$type>, SqlError> {
            match self.value(column)? {
                Value::$variant(Some($it)) => Ok(Some($value)),
                value if value.is_null() => Ok(None),
                _ => Err(mismatch(column, $expected)),
            }
        }
    )+};
}

impl Row {
    pub(crate) fn new(columns: Arc<[Box<str>]>, values: Box<[Value<'static>]>) -> Self {
        Self { columns, values }
    }

    read! {
        "integer" int, opt_int: "an integer" Int(it) -> i64 = *it;
        "boolean" bool, opt_bool: "a boolean" Int(it) -> bool = *it != 0;
        "number" real, opt_real: "a number" Real(it) -> f64 = *it;
        "text" text, opt_text: "text" Text(it) -> &str = it;
        "bytes" bytes, opt_bytes: "bytes" Bytes(it) -> &[u8] = it;
    }

    /// The value in this column, whatever its type. SQLite gives a null as [`Value::Int`]`(None)`.
    ///
    /// # Errors
    /// [`SqlError::Column`] when there is no such column.
    pub fn value(&self, column: impl Column) -> Result<&Value<'static>, SqlError> {
        let position = column.position(&self.columns);
        position
            .and_then(|at| self.values.get(at))
            .ok_or_else(|| SqlError::Column { name: column.to_string() })
    }

    /// The names of the columns, in order.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.columns.iter().map(|it| &**it)
    }

    /// The values in the order of the columns.
    #[must_use]
    pub fn into_values(self) -> Vec<Value<'static>> {
        self.values.into_vec()
    }
}

fn mismatch(column: impl Column, expected: &'static str) -> SqlError {
    SqlError::ColumnType { name: column.to_string(), expected }
}
