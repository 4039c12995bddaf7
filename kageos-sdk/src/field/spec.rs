//! What a field type says of itself.

use kageos_core::{Choice as Entry, Widget};
use serde_json::{Value, json};

use crate::{Choice, def::ColumnKind};

/// How a field type is stored, described and shown when no attribute says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// How it is stored.
    pub column: ColumnKind,
    /// How it is shown and entered.
    pub widget: Widget,
    /// Its JSON Schema, for a value that is not null.
    pub schema: Value,
    /// Whether a value is needed.
    pub required: bool,
    /// The values to choose from.
    pub choices: Vec<Entry>,
    /// It is a column of the list.
    pub list: bool,
    /// It can be filtered by.
    pub filter: bool,
    /// It can be sorted by.
    pub sort: bool,
}

/// Most entries of a list in one field: a list that grows further is a table of its own.
pub(super) const MAX_ITEMS: usize = 500;

impl Spec {
    /// A scalar: a value is needed, and it can be listed, filtered and sorted.
    #[must_use]
    pub fn scalar(column: ColumnKind, widget: Widget, schema: Value) -> Self {
        Self {
            column,
            widget,
            schema,
            required: true,
            choices: Vec::new(),
            list: true,
            filter: true,
            sort: true,
        }
    }

    /// A value that is shown in detail only.
    #[must_use]
    pub fn detail(column: ColumnKind, widget: Widget, schema: Value) -> Self {
        Self { list: false, filter: false, sort: false, ..Self::scalar(column, widget, schema) }
    }

    /// One of the variants of `T`.
    #[must_use]
    pub fn choice<T: Choice>() -> Self {
        let choices = options::<T>();
        Self {
            choices,
            ..Self::scalar(
                ColumnKind::Text,
                Widget::Select,
                json!({ "type": "string", "enum": values::<T>() }),
            )
        }
    }

    /// Several of the variants of `T`.
    #[must_use]
    pub fn choices<T: Choice>() -> Self {
        let item = json!({ "type": "string", "enum": values::<T>() });
        let mut spec = Self::list(Widget::MultiSelect, item);
        spec.schema["uniqueItems"] = Value::Bool(true);
        Self { choices: options::<T>(), list: true, filter: true, ..spec }
    }

    /// A list of objects with this schema.
    #[must_use]
    pub fn list_of(item: Value) -> Self {
        Self::list(Widget::List, item)
    }

    pub(crate) fn list(widget: Widget, item: Value) -> Self {
        let schema = json!({ "type": "array", "items": item, "maxItems": MAX_ITEMS });
        Self { required: false, ..Self::detail(ColumnKind::Json, widget, schema) }
    }
}

fn options<T: Choice>() -> Vec<Entry> {
    let option = |option: &crate::choice::Variant| Entry {
        value: option.value.to_owned(),
        label: option.label.to_owned(),
        color: option.color.map(str::to_owned),
    };
    T::OPTIONS.iter().map(option).collect()
}

fn values<T: Choice>() -> Vec<&'static str> {
    T::OPTIONS.iter().map(|option| option.value).collect()
}
