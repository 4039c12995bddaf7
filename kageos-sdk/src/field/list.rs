//! Values that may be absent, and lists.

use serde_json::Value;

use super::{FieldType, Length, Reader, Spec};

/// What a list in a field holds: choices, files, or objects.
#[diagnostic::on_unimplemented(
    message = "a field cannot hold a list of `{Self}`",
    note = "a list holds choices (#[derive(Choice)]), files (FileRef) or objects (#[derive(Object)])"
)]
pub trait ListItem: Sized + Send + Sync + 'static {
    /// The spec of the list.
    fn list() -> Spec;
    /// An entry as JSON.
    fn item_to_json(&self) -> Value;
    /// The entry that JSON holds. `None` when a mistake was told to the reader.
    fn read_item(value: Value, reader: &mut Reader) -> Option<Self>;
}

impl<T> Length for Vec<T> {
    const MIN: &'static str = "minItems";
    const MAX: &'static str = "maxItems";
}

/// An absent list, or null, is empty.
impl<T: ListItem> FieldType for Vec<T> {
    fn spec() -> Spec {
        T::list()
    }

    fn to_json(&self) -> Value {
        Value::Array(self.iter().map(T::item_to_json).collect())
    }

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        match value {
            Value::Null => Some(Self::new()),
            value => reader.items(value, T::read_item),
        }
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

impl<T: FieldType> FieldType for Option<T> {
    fn spec() -> Spec {
        Spec { required: false, ..T::spec() }
    }

    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }

    fn read(value: Value, reader: &mut Reader) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::read(value, reader).map(Some),
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}
