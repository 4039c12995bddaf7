//! The files that a value names.

use kageos_core::{FileId, Widget, schema::ANNOTATION_KEY};
use serde_json::Value;

/// Adds the files that the value of a field names: its own, or those in the fields of its entries.
pub(super) fn named(schema: &Value, widget: Widget, value: &Value, found: &mut Vec<FileId>) {
    match (widget, value) {
        (Widget::File, Value::String(id)) => found.extend(id.parse::<FileId>()),
        (Widget::Files, Value::Array(ids)) => {
            found.extend(ids.iter().filter_map(Value::as_str).filter_map(|id| id.parse::<FileId>().ok()));
        }
        (Widget::List, Value::Array(entries)) => {
            let fields = schema.get("items").and_then(|items| items.get("properties")?.as_object());
            for (name, property) in fields.into_iter().flatten() {
                let Some(widget) = widget_of(property) else { continue };
                entries
                    .iter()
                    .filter_map(|entry| entry.get(name))
                    .for_each(|value| named(property, widget, value, found));
            }
        }
        _ => {}
    }
}

fn widget_of(property: &Value) -> Option<Widget> {
    serde_json::from_value(property.get(ANNOTATION_KEY)?.get("widget")?.clone()).ok()
}
