//! Field types: what may stand in a table, form, function or object.
//!
//! | Rust type | JSON | shown as |
//! | --- | --- | --- |
//! | `String` | text | one line, or by `widget` several, Markdown, e-mail, link |
//! | [`Multiline`], [`Markdown`], [`Email`], [`Link`] | text | what they are called |
//! | `bool` | `true`, `false` | switch |
//! | `i16 i32 u16 u32` | number | whole number |
//! | `i64 u64` | text | whole number |
//! | [`Decimal`](crate::Decimal) | text | number with decimal places and unit |
//! | [`Date`](crate::Date) | `YYYY-MM-DD` | day |
//! | [`Timestamp`](crate::Timestamp) | RFC 3339 | moment |
//! | [`RowId`](crate::RowId) with `relation = …` | text | row of another table |
//! | [`UserRef`], [`FileRef`], `Vec<FileRef>` | text | user, file, files |
//! | an enum with `#[derive(Choice)]`, and `Vec` of it | text | one of some, several of some |
//! | `Vec` of a struct with `#[derive(Object)]` | list of objects | nested list |
//! | `Option<T>` | `T` or `null` | `T`, may stay empty |

mod build;
mod list;
mod number;
mod reader;
mod reference;
pub(crate) mod rules;
mod spec;
mod text;
mod time;

pub use build::{Field, default_problem, with_search};
pub use list::ListItem;
pub use number::{Decimals, Number};
pub use reader::Reader;
pub(crate) use reference::row_id_schema;
pub use reference::{FileRef, Filed, Reference, UserRef};
pub use spec::Spec;
pub use text::{Email, Length, Link, Markdown, Multiline, Plain};

use serde_json::Value;

use crate::{Map, def::FieldDef};

/// A type that a field may have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the type of a field",
    label = "no field can have this type",
    note = "text: String, Multiline, Markdown, Email, Link; numbers: i32, i64, u32, u64, Decimal; also bool, Date, \
            Timestamp, RowId, UserRef, FileRef, an enum with #[derive(Choice)], and Option or Vec of these",
    note = "a nested list is a Vec of a struct with #[derive(Object)]"
)]
pub trait FieldType: Sized + Send + Sync + 'static {
    /// How it is stored, described and shown when no attribute says otherwise.
    fn spec() -> Spec;
    /// The value as JSON, as the schema says.
    fn to_json(&self) -> Value;
    /// The value that JSON holds. `None` when a mistake was told to the reader.
    fn read(value: Value, reader: &mut Reader) -> Option<Self>;
    /// The value of a field that is not there, if it can be absent.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }
}

/// A struct of fields. Made by `#[derive(Table)]`, `Form`, `Function` or `Object`.
pub trait Object: Sized + Send + Sync + 'static {
    /// The fields in order, apart from a row's id.
    fn fields() -> Vec<FieldDef>;
    /// The values by name, a row's id among them.
    fn to_map(&self) -> Map;
    /// Takes the values out of `map`. `None` when a mistake was told to the reader, which hears all of them.
    fn read(map: &mut Map, reader: &mut Reader) -> Option<Self>;
    /// What is wrong in the declaration that only running code can tell.
    #[must_use]
    fn problems() -> Vec<String> {
        Vec::new()
    }
}

/// A value that crosses the wire: what a form gives back, what a call to another app takes and gives.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given back or sent",
    note = "use (), a field type, a struct with #[derive(Object)] or #[derive(Table)], or kageos_sdk::Value"
)]
pub trait Wire: Sized + Send + Sync + 'static {
    /// Its JSON Schema.
    fn schema() -> Value;
    /// The value as JSON.
    fn to_json(&self) -> Value;
    /// The value that JSON holds. `None` when a mistake was told to the reader.
    fn read(value: Value, reader: &mut Reader) -> Option<Self>;
}

impl<T: FieldType> Wire for T {
    fn schema() -> Value {
        let spec = T::spec();
        crate::lower::nullable(spec.schema, spec.required)
    }

    fn to_json(&self) -> Value {
        FieldType::to_json(self)
    }

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        FieldType::read(value, reader)
    }
}

impl Wire for () {
    fn schema() -> Value {
        serde_json::json!({ "type": "null" })
    }

    fn to_json(&self) -> Value {
        Value::Null
    }

    fn read(_: Value, _: &mut Reader) -> Option<Self> {
        Some(())
    }
}

impl Wire for Value {
    fn schema() -> Value {
        Value::Bool(true)
    }

    fn to_json(&self) -> Value {
        self.clone()
    }

    fn read(value: Value, _: &mut Reader) -> Option<Self> {
        Some(value)
    }
}
