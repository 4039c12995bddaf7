//! Rows, users and files by id.

use std::{fmt, str::FromStr};

use kageos_core::{FileId, RowId, UserId, Widget};
use serde_json::{Value, json};

use super::{FieldType, ListItem, Reader, Spec};
use crate::def::ColumnKind;

const ROW_ID: &str = "^[1-9][0-9]{0,18}$";
const ULID: &str = "^[0-7][0-9abcdefghjkmnpqrstvwxyz]{25}$";

/// Something that names a row.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a row",
    label = "`relation` stands on a `RowId`, or on an `Option` of it"
)]
pub trait Reference {}

impl Reference for RowId {}
impl<T: Reference> Reference for Option<T> {}

/// Something that names files.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name files",
    label = "`accept` and `max_bytes` stand on a `FileRef`, or on an `Option` or a `Vec` of it"
)]
pub trait Filed {}

impl Filed for FileRef {}
impl<T: Filed> Filed for Option<T> {}
impl<T: Filed> Filed for Vec<T> {}

/// The JSON Schema of a row's id.
pub(crate) fn row_id_schema() -> Value {
    json!({ "type": "string", "pattern": ROW_ID })
}

impl FieldType for RowId {
    fn spec() -> Spec {
        Spec { sort: false, ..Spec::scalar(ColumnKind::Relation, Widget::Id, row_id_schema()) }
    }

    fn to_json(&self) -> Value {
        Value::from(self.to_string())
    }

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        parse(&value, reader, "must be the id of a row")
    }
}

fn parse<T: FromStr>(value: &Value, reader: &mut Reader, message: &str) -> Option<T> {
    value.as_str().and_then(|text| text.parse().ok()).or_else(|| reader.fault("format", message))
}

macro_rules! references {
    ($($(#[$doc:meta])* $name:ident($id:ident): $widget:ident, $filter:literal, $message:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $id);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FieldType for $name {
            fn spec() -> Spec {
                let schema = json!({ "type": "string", "format": "ulid", "pattern": ULID });
                Spec { sort: false, filter: $filter, ..Spec::scalar(ColumnKind::Text, Widget::$widget, schema) }
            }

            fn to_json(&self) -> Value {
                Value::from(self.0.to_string())
            }

            fn read(value: Value, reader: &mut Reader) -> Option<Self> {
                parse(&value, reader, $message).map(Self)
            }
        }
    )*};
}

references! {
    /// A user of the platform, by id.
    UserRef(UserId): User, true, "must be the id of a user";
    /// A file of the platform, by id.
    FileRef(FileId): File, true, "must be the id of a file";
}

impl ListItem for FileRef {
    fn list() -> Spec {
        Spec { list: true, filter: true, ..Spec::list(Widget::Files, <Self as FieldType>::spec().schema) }
    }

    fn item_to_json(&self) -> Value {
        FieldType::to_json(self)
    }

    fn read_item(value: Value, reader: &mut Reader) -> Option<Self> {
        <Self as FieldType>::read(value, reader)
    }
}
